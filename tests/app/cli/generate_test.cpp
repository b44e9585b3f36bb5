// generate: streams, fields, sampling options, interruption.
#include <csignal>

#include "inference/cuda/cuda.h"
#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

using Generate = CommandLine;

TEST_F(Generate, writesTheAnswerAndANewline) {
    const Outcome plain =
        run({"generate", model(), "--prompt", "hello", "--max-tokens", "8", "--temperature", "0"});
    EXPECT_EQ(plain.code, 0) << plain.errors;
    EXPECT_EQ(plain.errors, "");
    const Outcome json =
        run({"generate", model(), "--prompt", "hello", "--max-tokens", "8", "--temperature", "0", "--json"});
    EXPECT_EQ(plain.output, object(json)["text"].get<std::string>() + "\n");
}

TEST_F(Generate, hasTheFieldsOfTheContract) {
    const nlohmann::json json = object(
        run({"generate", model(), "--prompt", "hello", "--max-tokens", "5", "--temperature", "0", "--json"}));
    EXPECT_EQ(keys(json), (std::set<std::string>{"text", "token_ids", "prompt_tokens", "cached_tokens",
                                                 "generated_tokens", "time_to_first_token_ms",
                                                 "prefill_tokens_per_second", "decode_tokens_per_second",
                                                 "stop_reason", "device", "model"}));
    EXPECT_EQ(json["token_ids"].size(), json["generated_tokens"].get<size_t>());
    EXPECT_EQ(json["cached_tokens"], 0);
    const bool gpu = inference::cuda::probeCuda().state == inference::cuda::CudaState::ready;
    EXPECT_TRUE(json["device"] == "cpu" || (gpu && json["device"] == "cuda")) << json["device"];
    EXPECT_EQ(json["model"], model());
    EXPECT_GT(json["time_to_first_token_ms"].get<double>(), 0);
}

TEST_F(Generate, isGreedyAndExactAtTemperatureZero) {
    std::set<std::string> answers;
    for (const char* threads : {"1", "2", "3"}) {
        const nlohmann::json json = object(run({"generate", model(), "--prompt", "hello", "--max-tokens",
                                                "40", "--temperature", "0", "--threads", threads, "--json"}));
        answers.insert(json["token_ids"].dump());
    }
    EXPECT_EQ(answers.size(), 1u);
}

TEST_F(Generate, aSeedMakesTheChoiceRepeatable) {
    const auto answer = [this](const char* seed) {
        return object(
            run({"generate", model(), "--prompt", "hello", "--max-tokens", "40", "--temperature", "1.5",
                 "--top-k", "0", "--top-p", "1", "--min-p", "0", "--seed", seed, "--json"}))["token_ids"];
    };
    EXPECT_EQ(answer("7"), answer("7"));
    EXPECT_NE(answer("7"), answer("8"));
}

TEST_F(Generate, rawSendsTheTextWithoutATemplate) {
    // "hello" is one token of the tiny vocabulary; the template around it adds more.
    const nlohmann::json raw =
        object(run({"generate", model(), "--prompt", "hello", "--raw", "--max-tokens", "1", "--json"}));
    EXPECT_EQ(raw["prompt_tokens"], 1);
    const nlohmann::json chat =
        object(run({"generate", model(), "--prompt", "hello", "--max-tokens", "1", "--json"}));
    EXPECT_GT(chat["prompt_tokens"].get<int>(), 10);
    const nlohmann::json system = object(
        run({"generate", model(), "--prompt", "hello", "--system", "in", "--max-tokens", "1", "--json"}));
    EXPECT_GT(system["prompt_tokens"].get<int>(), chat["prompt_tokens"].get<int>());
}

TEST_F(Generate, readsThePromptFromAFile) {
    const std::string file = write("prompt.txt", std::string("hello\0\xff\n", 8));
    const nlohmann::json json =
        object(run({"generate", model(), "--prompt-file", file, "--raw", "--max-tokens", "1", "--json"}));
    EXPECT_EQ(json["prompt_tokens"], 4);  // "hello" and three bytes
}

TEST_F(Generate, stopsAtMaxTokens) {
    const nlohmann::json json = object(run({"generate", model(), "--prompt", "a", "--raw", "--max-tokens",
                                            "3", "--temperature", "0", "--repeat-penalty", "1", "--json"}));
    EXPECT_EQ(json["stop_reason"], "length");
    EXPECT_EQ(json["generated_tokens"], 3);
}

TEST_F(Generate, saysWhenTheContextIsFull) {
    const Outcome outcome = run(
        {"generate", model(), "--prompt", "a", "--raw", "--context", "6", "--temperature", "0", "--json"});
    EXPECT_EQ(outcome.code, 0);
    const nlohmann::json json = object(outcome);
    EXPECT_EQ(json["stop_reason"], "context_full");
    EXPECT_EQ(json["generated_tokens"], 5);
    EXPECT_NE(outcome.errors.find("context"), std::string::npos);
}

TEST_F(Generate, runsOnTheReferenceToo) {
    const nlohmann::json json = object(run({"generate", model(), "--prompt", "a", "--device", "reference",
                                            "--max-tokens", "3", "--kv", "int8", "--json"}));
    EXPECT_EQ(json["device"], "reference");
}

TEST_F(Generate, answerThatIsNotUtf8IsStillJson) {
    // The tiny model's tokens are mostly single bytes; hot sampling gives broken characters.
    const Outcome outcome =
        run({"generate", model(), "--prompt", "\xff\xfe", "--max-tokens", "100", "--temperature", "5",
             "--top-k", "0", "--top-p", "1", "--min-p", "0", "--seed", "3", "--json"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_FALSE(object(outcome)["text"].get<std::string>().empty());
}

TEST_F(Generate, warnsOfAContextBeyondTheModels) {
    const Outcome outcome =
        run({"generate", model(), "--prompt", "a", "--context", "300", "--max-tokens", "1"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_NE(outcome.errors.find("warning: --context 300 is more than the 256"), std::string::npos)
        << outcome.errors;
}

TEST_F(Generate, progressAsJsonIsOneObjectALine) {
    const Outcome outcome = run({"generate", model(), "--prompt", "a", "--max-tokens", "20", "--temperature",
                                 "0", "--progress", "json", "--json"});
    object(outcome);
    std::istringstream lines(outcome.errors);
    std::set<std::string> stages;
    for (std::string line; std::getline(lines, line);) {
        const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
        ASSERT_TRUE(json.is_object()) << line;
        EXPECT_EQ(keys(json), (std::set<std::string>{"stage", "done", "total", "unit", "eta_seconds"}));
        stages.insert(json["stage"].get<std::string>());
    }
    EXPECT_TRUE(stages.count("load") == 1 && stages.count("prefill") == 1) << outcome.errors;
}

// Interruption needs an answer that does not end by itself: a context that takes minutes to fill.
class Interrupted : public CommandLine {
  protected:
    std::vector<std::string> endless() const {
        return {"generate", path("long.gguf"), "--prompt", "a",
                "--raw",    "--temperature",   "0",        "--repeat-penalty",
                "1",        "--max-tokens",    "500000",   "--context",
                "600000"};
    }
    void SetUp() override {
        CommandLine::SetUp();
        TinyModelOptions options;
        options.context = 1000000;
        options.layers = 1;
        ASSERT_TRUE(writeTinyModel(path("long.gguf"), options));
    }
};

TEST_F(Interrupted, givesTheAnswerSoFarAsJson) {
    std::vector<std::string> words = endless();
    words.insert(words.end(), {"--json", "--progress", "json"});
    ProcessOptions options;
    options.interruptAt = "\"stage\":\"decode\"";
    const Outcome outcome = run(words, options);
    EXPECT_EQ(outcome.code, 130) << outcome.signal;
    const nlohmann::json json = object(outcome);
    EXPECT_EQ(json["stop_reason"], "interrupted");
    EXPECT_GT(json["generated_tokens"].get<int>(), 0);
    EXPECT_LT(json["generated_tokens"].get<int>(), 500000);
}

TEST_F(Interrupted, endsTheTextWithANewline) {
    std::vector<std::string> words = endless();
    words.insert(words.end(), {"--progress", "json"});
    ProcessOptions options;
    options.interruptAt = "\"stage\":\"prefill\"";
    const Outcome outcome = run(words, options);
    EXPECT_EQ(outcome.code, 130) << outcome.signal;
    ASSERT_FALSE(outcome.output.empty());
    EXPECT_EQ(outcome.output.back(), '\n');
}

}  // namespace
}  // namespace edgechat::testing
