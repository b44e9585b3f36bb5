// Where tests find data that is not in the repository, and files that live as long as a test.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace edgechat::testing {

/// A file of the shared data folder: below $EDGECHAT_TEST_DATA, else ../shared/data beside the checkout.
inline std::optional<std::filesystem::path> sharedData(const std::string& relative) {
    const char* folder = std::getenv("EDGECHAT_TEST_DATA");
    const std::filesystem::path root = folder ? std::filesystem::path(folder)
                                              : std::filesystem::path(EDGECHAT_SOURCE_DIR) / "../shared/data";
    std::error_code error;
    if (!std::filesystem::exists(root / relative, error)) return {};
    return root / relative;
}

/// The starter model's GGUF file, where $EDGECHAT_STARTER_MODEL says.
inline std::optional<std::filesystem::path> starterModel() {
    const char* file = std::getenv("EDGECHAT_STARTER_MODEL");
    std::error_code error;
    if (!file || !std::filesystem::exists(file, error)) return {};
    return std::filesystem::path(file);
}

inline std::string readFile(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A file with given content in the temporary folder, removed at the end.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content = {}) {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgechat-test-XXXXXX").string();
        const int file = mkstemp(pattern.data());
        if (file >= 0) close(file);
        m_path = pattern;
        write(content);
    }
    ~TemporaryFile() {
        std::error_code error;
        std::filesystem::remove(m_path, error);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    void write(const std::string& content) const {
        std::ofstream(m_path, std::ios::binary | std::ios::trunc)
            .write(content.data(), static_cast<std::streamsize>(content.size()));
    }

  private:
    std::filesystem::path m_path;
};

}  // namespace edgechat::testing
