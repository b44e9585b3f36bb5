#include "tests/inference/parity/parity_models.h"

#include <cstdlib>
#include <cstring>

#include "tests/data/test_files.h"

namespace edgechat::testing {

namespace fs = std::filesystem;

namespace {

fs::path dataFolder() {
    return fs::path(EDGECHAT_SOURCE_DIR) / "tests/data/parity";
}

}  // namespace

std::vector<ParityModel> parityModels() {
    std::vector<ParityModel> models;
    const nlohmann::json index =
        nlohmann::json::parse(readFile(dataFolder() / "models.json"), nullptr, false);
    if (!index.is_object()) return models;
    for (const nlohmann::json& entry : index.at("models")) {
        ParityModel model;
        model.name = entry.at("name").get<std::string>();
        model.format = entry.at("format").get<std::string>();
        model.path = entry.at("path").get<std::string>();
        model.golden = entry.at("golden").get<std::string>();
        model.context = entry.at("context").get<int>();
        model.textBytes = entry.at("text_bytes").get<size_t>();
        model.parameters = entry.at("parameters").get<uint64_t>();
        model.replace = entry.at("replace");
        model.expect = entry.at("expect");
        models.push_back(std::move(model));
    }
    return models;
}

std::string parityText(size_t bytes) {
    return readFile(dataFolder() / "text.txt").substr(0, bytes);
}

ParityFolder::ParityFolder(const ParityModel& model) : m_path(dataFolder() / model.path) {
    if (model.replace.empty()) return;
    std::string pattern = (fs::temp_directory_path() / "edgechat-parity-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) return;
    m_temporary = pattern;
    for (const fs::directory_entry& file : fs::directory_iterator(m_path)) {
        const std::string name = file.path().filename().string();
        if (!model.replace.contains(name)) fs::create_symlink(file.path(), m_temporary / name);
    }
    for (const auto& [name, source] : model.replace.items()) {
        if (source.is_string()) fs::create_symlink(m_path / source.get<std::string>(), m_temporary / name);
    }
    m_path = m_temporary;
}

ParityFolder::~ParityFolder() {
    std::error_code ignored;
    if (!m_temporary.empty()) fs::remove_all(m_temporary, ignored);
}

Golden readGolden(const ParityModel& model) {
    constexpr size_t kHeader = 8 + 3 * 4;
    const std::string data = readFile(dataFolder() / model.golden);
    Golden golden;
    if (data.size() < kHeader || data.compare(0, 8, "ECPARIT1") != 0) return golden;
    uint32_t counts[3];
    std::memcpy(counts, data.data() + 8, sizeof counts);
    const size_t tokens = counts[0], kept = counts[2];
    golden.vocab = counts[1];
    if (data.size() != kHeader + 4 * (tokens * 5 + kept + kept * golden.vocab)) return golden;
    const char* at = data.data() + kHeader;
    const auto take = [&at](auto& values, size_t count) {
        values.resize(count);
        std::memcpy(values.data(), at, 4 * count);
        at += 4 * count;
    };
    take(golden.ids, tokens);
    take(golden.positions, kept);
    take(golden.best, tokens);
    take(golden.bestLogit, tokens);
    take(golden.gap, tokens);
    take(golden.logsumexp, tokens);
    take(golden.logits, kept * golden.vocab);
    return golden;
}

}  // namespace edgechat::testing
