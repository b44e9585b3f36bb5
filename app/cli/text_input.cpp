#include "app/cli/text_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"

namespace edgechat::cli {
namespace {

constexpr size_t kChunkBytes = size_t{64} << 10;
// More text than any context holds; a device that never ends must not fill the memory.
constexpr size_t kMostBytes = size_t{1} << 30;

Error badInput(std::string what, std::string file, std::string field, std::string found,
               std::string expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = std::move(what);
    error.file = std::move(file);
    error.field = std::move(field);
    error.found = std::move(found);
    error.expected = std::move(expected);
    return error;
}

Result<std::string> readDescriptor(int descriptor, const std::string& name) {
    std::string text;
    for (;;) {
        const size_t begin = text.size();
        text.resize(begin + kChunkBytes);
        const ssize_t count = ::read(descriptor, text.data() + begin, kChunkBytes);
        text.resize(begin + (count > 0 ? static_cast<size_t>(count) : 0));
        if (interrupted()) return interruptedError("reading was stopped");
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return badInput("cannot read", name, "", std::strerror(errno), "a text");
        if (count == 0) return text;
        if (text.size() > kMostBytes) {
            return badInput("cannot read", name, "", "more than 1 GiB", "a text that fits a model");
        }
    }
}

/// One JSON value, or what is wrong with it and where.
Result<nlohmann::json> parseJson(const std::string& text, const std::string& name) {
    try {
        return nlohmann::json::parse(text);
    } catch (const nlohmann::json::parse_error& error) {
        return badInput("cannot read", name, "", "no valid JSON at byte " + std::to_string(error.byte),
                        "JSON");
    }
}

std::string shortDump(const nlohmann::json& value) {
    std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

}  // namespace

Result<std::string> readStdin() {
    return readDescriptor(STDIN_FILENO, "stdin");
}

Result<std::string> readTextFile(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return badInput("cannot read", path.string(), "", std::strerror(errno), "a text file");
    Result<std::string> text = readDescriptor(file, path.string());
    ::close(file);
    return text;
}

std::optional<std::string> LineReader::next() {
    for (;;) {
        const size_t newline = m_pending.find('\n');
        if (newline != std::string::npos) {
            std::string line = m_pending.substr(0, newline);
            m_pending.erase(0, newline + 1);
            return line;
        }
        if (m_ended) {
            if (m_pending.empty()) return std::nullopt;
            return std::exchange(m_pending, {});
        }
        char chunk[4096];
        const ssize_t count = ::read(STDIN_FILENO, chunk, sizeof chunk);
        if (interrupted()) return std::nullopt;
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0 || m_pending.size() > kMostBytes) {
            m_ended = true;
        } else {
            m_pending.append(chunk, static_cast<size_t>(count));
        }
    }
}

Result<std::vector<int>> parseTokenIds(const std::string& json, const std::string& name, int vocabulary) {
    const Result<nlohmann::json> parsed = parseJson(json, name);
    if (!parsed) return parsed.error();
    if (!parsed->is_array())
        return badInput("cannot read", name, "", shortDump(*parsed), "an array of token ids");
    std::vector<int> ids;
    ids.reserve(parsed->size());
    for (const nlohmann::json& value : *parsed) {
        const bool fits =
            value.is_number_unsigned() && value.get<uint64_t>() < static_cast<uint64_t>(vocabulary);
        if (!fits) {
            return badInput("cannot read the token ids of", name, "[" + std::to_string(ids.size()) + "]",
                            shortDump(value), "a whole number from 0 to " + std::to_string(vocabulary - 1));
        }
        ids.push_back(value.get<int>());
    }
    return ids;
}

Result<std::vector<inference::ChatMessage>> parseMessages(const std::string& json, const std::string& name) {
    const Result<nlohmann::json> parsed = parseJson(json, name);
    if (!parsed) return parsed.error();
    if (!parsed->is_array())
        return badInput("cannot read", name, "", shortDump(*parsed), "an array of messages");
    std::vector<inference::ChatMessage> messages;
    for (const nlohmann::json& value : *parsed) {
        const std::string where = "[" + std::to_string(messages.size()) + "]";
        if (!value.is_object()) {
            return badInput("cannot read the message", name, where, shortDump(value),
                            "{\"role\", \"content\"}");
        }
        for (const char* key : {"role", "content"}) {
            if (const auto part = value.find(key); part == value.end() || !part->is_string()) {
                return badInput("cannot read the message", name, where + "." + key,
                                part == value.end() ? "nothing" : shortDump(*part), "a string");
            }
        }
        const std::string role = value["role"].get<std::string>();
        if (role != "system" && role != "user" && role != "assistant") {
            return badInput("cannot read the message", name, where + ".role", shortDump(value["role"]),
                            "system, user or assistant");
        }
        messages.push_back({role, value["content"].get<std::string>()});
    }
    return messages;
}

}  // namespace edgechat::cli
