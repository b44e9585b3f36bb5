// import, list, remove, and MODEL as a name in the store.
#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

using StoreCommands = CommandLine;

TEST_F(StoreCommands, importMakesAModelThatRunsByItsName) {
    const nlohmann::json imported = object(run({"import", model(), "--json"}));
    EXPECT_EQ(imported["name"], "tiny");
    EXPECT_EQ(imported["bytes"], std::filesystem::file_size(model()));
    EXPECT_TRUE(std::filesystem::equivalent(imported["path"].get<std::string>(), model()))
        << "on one file system the store holds a hard link";
    ASSERT_EQ(imported["files"].size(), 1u);
    EXPECT_EQ(keys(imported["files"][0]), (std::set<std::string>{"name", "bytes", "sha256"}));
    EXPECT_EQ(imported["files"][0]["bytes"], imported["bytes"]);
    EXPECT_EQ(imported["files"][0]["sha256"].get<std::string>().size(), 64u);

    const nlohmann::json listed = object(run({"list", "--json"}));
    ASSERT_EQ(listed["models"].size(), 1u);
    EXPECT_EQ(keys(listed["models"][0]),
              (std::set<std::string>{"name", "path", "architecture", "parameters", "quantization", "bytes"}));
    EXPECT_EQ(listed["models"][0]["name"], "tiny");
    EXPECT_EQ(listed["models"][0]["architecture"], "llama");
    EXPECT_EQ(listed["models"][0]["quantization"], "Q4_1");

    const Outcome outcome = run({"generate", "tiny", "--prompt", "hello", "--max-tokens", "1", "--json"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(object(outcome)["model"], "tiny");
}

TEST_F(StoreCommands, aTakenNameGetsANumberUnlessItWasAskedFor) {
    EXPECT_EQ(object(run({"import", model(), "--json"}))["name"], "tiny");
    EXPECT_EQ(object(run({"import", model(), "--json"}))["name"], "tiny-2");
    EXPECT_EQ(object(run({"import", model(), "--name", "mine", "--json"}))["name"], "mine");
    expectError({"import", model(), "--name", "mine"}, 3, "mine");
    expectError({"import", model(), "--name", "../mine"}, 2, "../mine");
    expectError({"import", model(), "--name", ""}, 2, "--name");
    EXPECT_EQ(object(run({"list", "--json"}))["models"].size(), 3u);
}

TEST_F(StoreCommands, removeTakesTheModelAway) {
    object(run({"import", model(), "--json"}));
    const Outcome outcome = run({"remove", "tiny"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(object(run({"list", "--json"}))["models"].size(), 0u);
    EXPECT_TRUE(std::filesystem::exists(model()));
    expectError({"remove", "tiny"}, 3, "tiny");
    expectError({"generate", "tiny", "--prompt", "a"}, 3, "tiny");
}

TEST_F(StoreCommands, aDamagedModelIsListedWithItsReason) {
    const std::string file = object(run({"import", model(), "--json"}))["path"].get<std::string>();
    object(run({"import", model(), "--name", "whole", "--json"}));
    std::filesystem::remove(file);
    const nlohmann::json models = object(run({"list", "--json"}))["models"];
    ASSERT_EQ(models.size(), 2u);
    EXPECT_EQ(models[0]["damaged"], true);
    EXPECT_NE(models[0]["problem"].get<std::string>().find("model.gguf"), std::string::npos);
    EXPECT_FALSE(models[1].contains("damaged"));
    EXPECT_NE(run({"list"}).output.find("damaged"), std::string::npos);
    expectError({"generate", "tiny", "--prompt", "a"}, 3, "model.gguf");
}

TEST_F(StoreCommands, importRefusesWhatIsNoModel) {
    expectError({"import", path("missing.gguf")}, 3, "missing.gguf");
    expectError({"import", write("cut.gguf", read(model()).substr(0, 5000))}, 3, "cut.gguf");
    std::filesystem::create_directory(path("folder"));
    expectError({"import", path("folder")}, 3, "folder");
    EXPECT_EQ(object(run({"list", "--json"}))["models"].size(), 0u);
}

TEST_F(StoreCommands, anEmptyStoreIsNoError) {
    const Outcome outcome = run({"list"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(object(run({"list", "--json"})), (nlohmann::json{{"models", nlohmann::json::array()}}));
}

}  // namespace
}  // namespace edgechat::testing
