// Writes models of a few hundred kilobytes with random weights into a folder: chatty.gguf, and plain.gguf, which
// has no chat template.
//
//     write_tiny_models FOLDER
#include <cstdio>

#include "tests/data/gguf_writer.h"

int main(int argc, char** argv) {
    using namespace edgechat::testing;
    if (argc != 2) {
        std::fputs("usage: write_tiny_models FOLDER\n", stderr);
        return 2;
    }
    const std::filesystem::path folder = argv[1];
    TinyModelOptions options;
    options.context = 4096;
    bool written = writeTinyModel(folder / "chatty.gguf", options);
    options.chatTemplate.clear();
    options.seed = 2;
    written = written && writeTinyModel(folder / "plain.gguf", options);
    return written ? 0 : 1;
}
