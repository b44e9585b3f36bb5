// Texts that a command reads: stdin, files, lines of a conversation, JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "inference/result.h"
#include "inference/text/chat_template.h"

namespace edgechat::cli {

/// All bytes of stdin. ErrorCode::interrupted after SIGINT.
Result<std::string> readStdin();
/// All bytes of a file.
Result<std::string> readTextFile(const std::filesystem::path& path);

/// Lines of stdin, without their newline; a last line needs none.
class LineReader {
  public:
    /// Nothing at the end of the input or after SIGINT.
    std::optional<std::string> next();

  private:
    std::string m_pending;
    bool m_ended = false;
};

/// Token ids from a JSON array, each below `vocabulary`. `name` says in errors where it came from.
Result<std::vector<int>> parseTokenIds(const std::string& json, const std::string& name, int vocabulary);
/// [{"role","content"}, ...] with the roles system, user and assistant.
Result<std::vector<inference::ChatMessage>> parseMessages(const std::string& json, const std::string& name);

}  // namespace edgechat::cli
