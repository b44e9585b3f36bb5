// A model folder in the temporary directory, removed at the end.
#pragma once

#include <filesystem>
#include <string>

#include "inference/text/tokenizer.h"
#include "tests/data/test_files.h"

namespace edgechat::testing {

class ModelFolder {
  public:
    ModelFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgechat-folder-XXXXXX").string();
        if (mkdtemp(pattern.data())) m_path = pattern;
    }
    ~ModelFolder() {
        std::error_code error;
        std::filesystem::remove_all(m_path, error);
    }
    ModelFolder(const ModelFolder&) = delete;
    ModelFolder& operator=(const ModelFolder&) = delete;

    const std::filesystem::path& path() const { return m_path; }
    ModelFolder& write(const std::string& name, const std::string& content) {
        std::filesystem::create_directories((m_path / name).parent_path());
        std::ofstream(m_path / name, std::ios::binary | std::ios::trunc)
            .write(content.data(), static_cast<std::streamsize>(content.size()));
        return *this;
    }
    /// A file that lies elsewhere, under another name.
    ModelFolder& link(const std::string& name, const std::filesystem::path& file) {
        std::filesystem::create_directories((m_path / name).parent_path());
        std::filesystem::create_symlink(std::filesystem::absolute(file), m_path / name);
        return *this;
    }
    edgechat::Result<std::unique_ptr<inference::Tokenizer>> open() const {
        return inference::openTokenizerFolder(m_path);
    }

  private:
    std::filesystem::path m_path;
};

}  // namespace edgechat::testing
