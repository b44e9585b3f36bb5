// Published test vectors: texts and the ids that Hugging Face gives them.
#pragma once

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "inference/text/tokenizer.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/test_files.h"

namespace edgechat::testing {

struct Vector {
    std::string text;
    std::vector<int> ids;
};

/// `base`.inp holds texts between separator lines, `base`.out one line of ids for each.
inline std::vector<Vector> readVectors(const std::filesystem::path& base) {
    constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
    const std::string texts = readFile(base.string() + ".inp");
    std::istringstream lines(readFile(base.string() + ".out"));
    std::vector<Vector> vectors;
    std::string line;
    for (size_t at = 0; std::getline(lines, line);) {
        const size_t end = std::min(texts.find(kSeparator, at), texts.size());
        Vector vector{texts.substr(at, end - at), {}};
        std::istringstream numbers(line);
        for (int id = 0; numbers >> id;) vector.ids.push_back(id);
        vectors.push_back(std::move(vector));
        at = std::min(end + kSeparator.size(), texts.size());
    }
    return vectors;
}

inline edgechat::Result<std::unique_ptr<inference::Tokenizer>> tokenizerOf(
    const std::filesystem::path& gguf) {
    auto checkpoint = inference::Checkpoint::openVocabulary(gguf);
    if (!checkpoint) return checkpoint.error();
    return inference::makeTokenizer(**checkpoint);
}

inline edgechat::Result<std::unique_ptr<inference::Tokenizer>> tokenizerOf(const GgufWriter& writer) {
    const TemporaryFile file(writer.bytes());
    return tokenizerOf(file.path());
}

}  // namespace edgechat::testing
