// What a Hub answers to questions about a repository: JSON that anybody may have written, read without Qt and
// without a network.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace edgechat::models::hub {

/// No answer is read beyond this size; model.safetensors.index.json and tokenizer.json are files, not
/// answers.
constexpr uint64_t kMostAnswerBytes = 32u << 20;
/// Larger files are no model's (the Hub itself serves none above 500 GB).
constexpr int64_t kMostFileBytes = int64_t{1} << 40;
constexpr size_t kMostFiles = 20000;

enum class Gate {
    none,
    automatic,  ///< who accepts the licence on the page is let in at once
    manual,     ///< the authors decide, which may take days
};

/// A repository at one commit.
struct RepositoryInfo {
    std::string id;      ///< "org/name", as the Hub spells it
    std::string commit;  ///< 40 hexadecimal digits
    Gate gate = Gate::none;
    bool isPrivate = false;
    bool disabled = false;    ///< taken down by the Hub
    std::string licence;      ///< "apache-2.0", "llama3.2"; empty when the authors name none
    std::string licenceLink;  ///< empty or as the authors wrote it
    int64_t parameters = 0;   ///< of the safetensors files; 0 when the Hub does not say
};

/// A file of a repository at one commit.
struct RepositoryFile {
    std::string path;  ///< isSafePath()
    int64_t bytes = 0;
    /// Of the content, 64 hexadecimal digits; empty for the small files that lie in git itself.
    std::string sha256;
    /// SHA-1 of "blob <bytes>\0" and the content, 40 hexadecimal digits; of a pointer where there is a
    /// sha256.
    std::string gitBlob;
};

/// A relative path that stays below any folder it is put into and has no surprise for a shell or terminal:
/// no empty, "." or ".." part, no backslash, no control character, valid UTF-8, at most 512 bytes.
bool isSafePath(std::string_view path);

/// `GET /api/models/{repo}/revision/{revision}`.
/// @param name  of the repository, for messages
Result<RepositoryInfo> readRepositoryInfo(std::string_view json, const std::string& name);

/// One page of `GET /api/models/{repo}/tree/{revision}?recursive=true`: its files. ErrorCode::badInput when a
/// path is not safe, a size is not possible or a digest is none.
Result<std::vector<RepositoryFile>> readTree(std::string_view json, const std::string& name);

}  // namespace edgechat::models::hub
