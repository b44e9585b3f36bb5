// Writes a checkpoint of each family as Hugging Face folders of two shards: llama, mistral and falcon, of
// random weights and with a real tokenizer.
//
//     write_small_checkpoints FOLDER
#include <cstdio>

#include "tests/quant/small_source.h"

int main(int argc, char** argv) {
    using namespace edgechat::testing;
    if (argc != 2) {
        std::fputs("usage: write_small_checkpoints FOLDER\n", stderr);
        return 2;
    }
    // So many that there is something to break off, in the download and in the quantizer.
    constexpr int kLayers = 4;
    const std::filesystem::path folder = argv[1];
    const std::pair<const char*, SmallFamily> families[] = {
        {"llama", SmallFamily::llama}, {"mistral", SmallFamily::mistral}, {"falcon", SmallFamily::falcon7b}};
    for (const auto& [name, family] : families)
        writeSource(smallSource(family, "F16", kLayers), folder / name, 2);
    return std::filesystem::exists(folder / "falcon" / "model.safetensors.index.json") ? 0 : 1;
}
