// A folder with tiny models for the tests of edgechat-cli, and the program run in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/app/cli/process.h"
#include "tests/data/gguf_writer.h"

namespace edgechat::testing {

/// Every test has its own folder, which is also EDGECHAT_HOME, so that nothing of the user's is seen or
/// touched.
class CommandLine : public ::testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "edgechat-cli-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        m_folder = name;
        ASSERT_TRUE(writeTinyModel(model()));
    }
    void TearDown() override {
        std::error_code ignored;
        std::filesystem::remove_all(m_folder, ignored);
    }

    std::string path(const std::string& name) const { return (m_folder / name).string(); }
    std::string model() const { return path("tiny.gguf"); }
    std::string write(const std::string& name, const std::string& content) const {
        std::ofstream(path(name), std::ios::binary) << content;
        return path(name);
    }
    static std::string read(const std::string& file) {
        std::ifstream stream(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    Outcome run(std::vector<std::string> words, ProcessOptions options = {}) const {
        words.insert(words.begin(), EDGECHAT_CLI);
        options.environment.emplace("EDGECHAT_HOME", path("home"));
        return runProcess(words, options);
    }
    Outcome run(std::vector<std::string> words, const std::string& input) const {
        ProcessOptions options;
        options.input = input;
        return run(std::move(words), options);
    }

    /// The one object that stdout must be. Null, and a failure, when it is anything else.
    static nlohmann::json object(const Outcome& outcome) {
        const nlohmann::json parsed = nlohmann::json::parse(outcome.output, nullptr, false);
        EXPECT_TRUE(parsed.is_object()) << outcome.output << outcome.errors;
        EXPECT_EQ(outcome.output.find('\n'), outcome.output.size() - 1) << "one object and a newline";
        return parsed;
    }
    static std::set<std::string> keys(const nlohmann::json& json) {
        std::set<std::string> names;
        for (const auto& item : json.items()) names.insert(item.key());
        return names;
    }

    /// An error as the contract wants it: the code, one line on stderr that holds `mentioned`, nothing on
    /// stdout.
    void expectError(const std::vector<std::string>& words, int code, const std::string& mentioned,
                     const std::string& input = {}) const {
        const Outcome plain = run(words, input);
        EXPECT_EQ(plain.code, code) << plain.errors;
        EXPECT_EQ(plain.output, "");
        EXPECT_EQ(plain.errors.rfind("edgechat: ", 0), 0u) << plain.errors;
        EXPECT_EQ(plain.errors.find('\n'), plain.errors.size() - 1) << plain.errors;
        EXPECT_NE(plain.errors.find(mentioned), std::string::npos) << plain.errors;

        std::vector<std::string> jsonWords = words;
        jsonWords.push_back("--json");
        const Outcome withJson = run(jsonWords, input);
        EXPECT_EQ(withJson.code, code);
        const nlohmann::json json = object(withJson);
        ASSERT_EQ(keys(json), (std::set<std::string>{"error"})) << withJson.output;
        EXPECT_EQ(keys(json["error"]), (std::set<std::string>{"code", "message", "file", "field"}));
        EXPECT_EQ("edgechat: " + json["error"]["message"].get<std::string>() + "\n", withJson.errors);
    }

  private:
    std::filesystem::path m_folder;
};

}  // namespace edgechat::testing
