#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "inference/model/chat_template_file.h"

namespace edgechat::inference {
namespace {

class ChatTemplateFile : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "edgechat-template-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        m_folder = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(m_folder); }

    void write(const char* name, const std::string& content) const {
        std::ofstream(m_folder / name, std::ios::binary) << content;
    }
    std::string read() const {
        const Result<std::string> source = readChatTemplate(m_folder);
        return source ? *source : "error: " + source.error().message();
    }

    std::filesystem::path m_folder;
};

TEST_F(ChatTemplateFile, isEmptyWhereTheFolderHasNone) {
    EXPECT_EQ(read(), "");
    write("tokenizer_config.json", R"({"model_max_length": 5})");
    EXPECT_EQ(read(), "");
    write("tokenizer_config.json", R"({"chat_template": null})");
    EXPECT_EQ(read(), "");
}

TEST_F(ChatTemplateFile, isTakenFromTheFileOfItsOwnFirst) {
    write("tokenizer_config.json", R"({"chat_template": "config"})");
    EXPECT_EQ(read(), "config");
    write("chat_template.json", R"({"chat_template": "json"})");
    EXPECT_EQ(read(), "json");
    write("chat_template.jinja", "{{ 'jinja' }}\n");
    EXPECT_EQ(read(), "{{ 'jinja' }}\n");
}

TEST_F(ChatTemplateFile, isTheDefaultOfAList) {
    write("tokenizer_config.json",
          R"({"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]})");
    EXPECT_EQ(read(), "d");
    write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "r"}]})");
    EXPECT_EQ(read(), "");
}

TEST_F(ChatTemplateFile, ofAnotherKindIsRefused) {
    for (const char* content :
         {R"({"chat_template": 5})", R"({"chat_template": [{"name": 1}]})", "[]", "{"}) {
        write("tokenizer_config.json", content);
        EXPECT_TRUE(read().starts_with("error: cannot read the chat template")) << read();
    }
}

TEST_F(ChatTemplateFile, thatIsTooLargeIsRefused) {
    write("chat_template.jinja", std::string((1u << 20) + 1, 'x'));
    EXPECT_TRUE(read().starts_with("error: cannot read the chat template")) << read();
}

}  // namespace
}  // namespace edgechat::inference
