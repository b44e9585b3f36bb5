// Writes the corpora that fuzzing begins with: fuzz_seeds FOLDER makes a folder in it for each subject.
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

bool writeSeed(const std::filesystem::path& path, const std::string& content) {
    std::ofstream file(path, std::ios::binary);
    file << content;
    return file.good();
}

}  // namespace edgechat::testing

int main(int count, char** arguments) {
    using namespace edgechat::testing;
    if (count != 2) {
        std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
        return 2;
    }
    // The names of subjects.txt.
    const std::pair<const char*, bool (*)(const std::filesystem::path&)> subjects[] = {
        {"gguf", writeGgufSeeds},
        {"text", writeTextSeeds},
        {"tokenizer_json", writeTokenizerJsonSeeds},
        {"tiktoken", writeTiktokenSeeds},
        {"template", writeTemplateSeeds},
        {"safetensors", writeSafetensorsSeeds},
        {"config", writeConfigSeeds},
        {"report", writeReportSeeds},
        {"hub", writeHubSeeds},
        {"models", writeModelsSeeds},
    };
    for (const auto& [subject, write] : subjects) {
        const std::filesystem::path folder = std::filesystem::path(arguments[1]) / subject;
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (write(folder)) continue;
        std::fprintf(stderr, "fuzz_seeds: cannot write below %s\n", folder.c_str());
        return 1;
    }
    return 0;
}
