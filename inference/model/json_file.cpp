#include "inference/model/json_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>
#include <vector>

#include "inference/model/gguf.h"

namespace edgechat::inference {

namespace {

constexpr int kDeepest = 64;

Error failure(const char* what, const std::string& file, std::string field, std::string found,
              std::string expected) {
    return Error{ErrorCode::badInput, what, file, std::move(field), std::move(found), std::move(expected)};
}

// The parser recurses by its own stack of values; depth is bounded before it begins.
int deepestNesting(std::string_view text) {
    int depth = 0, deepest = 0;
    bool inText = false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inText) {
            if (c == '\\') ++i;
            if (c == '"') inText = false;
        } else if (c == '"') {
            inText = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return deepest;
}

}  // namespace

Result<std::string> readSmallFile(const std::filesystem::path& path, uint64_t mostBytes, const char* what,
                                  const char* expected) {
    const std::string name = path.string();
    // Without O_NONBLOCK a named pipe would hold us until somebody writes to it.
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return failure(what, name, "", std::strerror(errno), expected);
    struct Closer {
        int file;
        ~Closer() { ::close(file); }
    } closer{file};
    struct stat status = {};
    if (fstat(file, &status) != 0) return failure(what, name, "", std::strerror(errno), expected);
    if (!S_ISREG(status.st_mode)) {
        return failure(what, name, "", S_ISDIR(status.st_mode) ? "a folder" : "something that is not a file",
                       expected);
    }
    if (static_cast<uint64_t>(status.st_size) > mostBytes) {
        return failure(what, name, "", std::to_string(status.st_size) + " bytes",
                       std::string(expected) + " of at most " + std::to_string(mostBytes) + " bytes");
    }
    std::string content(static_cast<size_t>(status.st_size), '\0');
    size_t done = 0;
    while (done < content.size()) {
        const ssize_t got = ::read(file, content.data() + done, content.size() - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure(what, name, "", std::strerror(errno), expected);
        if (got == 0) break;
        done += static_cast<size_t>(got);
    }
    content.resize(done);
    return content;
}

Result<nlohmann::json> parseJson(std::string_view text, const std::string& fileName, const char* what) {
    if (const int depth = deepestNesting(text); depth > kDeepest) {
        return failure(what, fileName, "", "JSON nested " + std::to_string(depth) + " deep",
                       "at most " + std::to_string(kDeepest));
    }
    std::vector<std::unordered_set<std::string>> keys;  // of the objects that are open
    std::string twice;
    const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
        using Event = nlohmann::json::parse_event_t;
        if (event == Event::object_start) keys.emplace_back();
        if (event == Event::object_end) keys.pop_back();
        if (event == Event::key) {
            const auto& key = parsed.get_ref<const std::string&>();
            if (!keys.back().insert(key).second && twice.empty()) twice = key;
        }
        return true;
    };
    nlohmann::json value = nlohmann::json::parse(text.begin(), text.end(), watch, false);
    // The parser takes NUL for the end of its input.
    if (value.is_discarded() || text.find('\0') != std::string_view::npos)
        return failure(what, fileName, "", "something that is not JSON", "a JSON file");
    if (!twice.empty()) {
        return failure(what, fileName, quotedForMessage(twice), "the key twice", "every key once");
    }
    return value;
}

Result<nlohmann::json> readJsonFile(const std::filesystem::path& path, const char* what) {
    Result<std::string> text = readSmallFile(path, kMostJsonBytes, what, "a JSON file");
    if (!text) return text.error();
    return parseJson(*text, path.string(), what);
}

}  // namespace edgechat::inference
