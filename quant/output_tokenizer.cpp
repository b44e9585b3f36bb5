#include "quant/output_tokenizer.h"

#include <algorithm>
#include <vector>

#include "quant/output_file.h"

namespace edgechat::quant {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFiles[] = {"tokenizer.json",
                                  "tokenizer.model",
                                  "tokenizer.model.v1",
                                  "tokenizer.model.v2",
                                  "tokenizer.model.v3",
                                  "original/tokenizer.model",
                                  "tokenizer_config.json",
                                  "special_tokens_map.json",
                                  "added_tokens.json",
                                  "vocab.json",
                                  "merges.txt",
                                  "generation_config.json",
                                  "chat_template.jinja",
                                  "chat_template.json"};

bool present(const fs::path& path) {
    std::error_code error;
    return fs::exists(path, error);
}

// The terms under which the weights may be passed on, which go with them.
std::vector<std::string> licences(const fs::path& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::error_code kind;
        if ((name.starts_with("LICENSE") || name.starts_with("NOTICE")) && entry->is_regular_file(kind))
            names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Result<void> copyTokenizer(const fs::path& source, const fs::path& folder) {
    std::vector<std::string> names = licences(source);
    for (const char* name : kFiles) {
        if (present(source / name)) names.emplace_back(name);
    }
    for (const std::string& name : names) {
        const fs::path target = folder / name;
        if (target.parent_path() != folder) {
            if (Result<void> made = makeFolder(target.parent_path()); !made) return made;
        }
        if (Result<void> copied = copyWholeFile(source / name, target); !copied) return copied;
    }
    return {};
}

}  // namespace

Result<std::map<std::string, std::string>> tokenizerFiles(const inference::Checkpoint&) {
    return std::map<std::string, std::string>();
}

Result<void> writeTokenizer(const inference::Checkpoint& source, const fs::path& folder) {
    for (const char* name : kFiles) {
        if (Result<void> removed = removeFile(folder / name); !removed) return removed;
    }
    if (!source.tokenizer()) return copyTokenizer(source.path(), folder);
    const Result<std::map<std::string, std::string>> files = tokenizerFiles(source);
    if (!files) return files.error();
    for (const auto& [name, content] : *files) {
        if (Result<void> written = writeWholeFile(folder / name, content); !written) return written;
    }
    return {};
}

}  // namespace edgechat::quant
