// Usage errors, bad models, full disks, closed pipes: the exit code, one line on stderr, one object with
// --json.
#include <csignal>

#include "app/cli/model_argument.h"
#include "app/nvidia_gpu.h"
#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

using Usage = CommandLine;
using BadModel = CommandLine;
using Streams = CommandLine;

TEST_F(Usage, helpNamesEveryCommand) {
    const Outcome outcome = run({"--help"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.errors, "");
    for (const char* command : {"generate", "chat", "tokenize", "detokenize", "template", "score",
                                "perplexity", "bench", "inspect", "doctor"}) {
        EXPECT_NE(outcome.output.find(std::string("\n  ") + command + " "), std::string::npos) << command;
        const Outcome help = run({command, "--help"});
        EXPECT_EQ(help.code, 0);
        EXPECT_NE(help.output.find("--json"), std::string::npos) << command;
    }
}

TEST_F(Usage, versionIsTheProjects) {
    EXPECT_EQ(run({"--version"}).output, "edgechat-cli " EDGECHAT_VERSION "\n");
}

TEST_F(Usage, namesTheWordThatIsWrong) {
    expectError({}, 2, "no command");
    expectError({"fly"}, 2, "fly");
    expectError({"generate"}, 2, "MODEL");
    expectError({"generate", ""}, 2, "empty");
    expectError({"generate", model(), "again"}, 2, "again");
    expectError({"generate", model(), "--wings"}, 2, "--wings");
    expectError({"generate", model()}, 2, "--prompt");
    expectError({"generate", model(), "--prompt", "a", "--prompt-file", "b"}, 2, "--prompt-file");
    expectError({"generate", model(), "--prompt", "a", "--raw=yes"}, 2, "--raw");
    expectError({"generate", model(), "--prompt", "a", "--raw", "--system", "b"}, 2, "--system");
}

TEST_F(Usage, anOptionAtTheEndNeedsItsValue) {
    const Outcome outcome = run({"generate", model(), "--json", "--prompt"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(object(outcome)["error"]["field"], "--prompt");
}

TEST_F(Usage, numbersAreCheckedAgainstTheirRange) {
    const auto refused = [this](const char* option, const char* value) {
        expectError({"generate", model(), "--prompt", "a", option, value}, 2, option);
    };
    refused("--threads", "0");
    refused("--threads", "-1");
    refused("--threads", "two");
    refused("--threads", "2.5");
    refused("--threads", "99999999999999999999");
    refused("--context", "0");
    refused("--context", "");
    refused("--max-tokens", "-1");
    refused("--temperature", "-0.1");
    refused("--temperature", "nan");
    refused("--top-p", "1.5");
    refused("--min-p", "x");
    refused("--top-k", "-1");
    refused("--repeat-penalty", "0");
    refused("--seed", "-1");
    refused("--kv", "fp8");
    refused("--device", "gpu");
    refused("--progress", "loud");
}

TEST_F(Usage, saysWhyTheGpuCannotBeUsed) {
    const inference::cuda::CudaProbe& probe = inference::cuda::probeCuda();
    if (probe.state == inference::cuda::CudaState::ready) GTEST_SKIP() << "it can";
    ASSERT_FALSE(probe.detail.empty());
    expectError({"generate", model(), "--prompt", "a", "--device", "cuda"}, 2, app::clause(probe.detail));
    expectError({"bench", model(), "--device", "cuda"}, 2, app::clause(probe.detail));
    // What was not asked for in so many words goes on without it.
    EXPECT_EQ(object(run({"generate", model(), "--prompt", "a", "--max-tokens", "1", "--json"}))["device"],
              "cpu");
}

TEST_F(Usage, refusesTheGpuForItsReasonAndSaysWhatHelps) {
    inference::cuda::CudaProbe probe;
    probe.state = inference::cuda::CudaState::driverTooOld;
    probe.detail = "The driver 470.82 is too old.";
    probe.fix = "install driver 525 or newer";
    const Result<void> refused = cli::requireCuda(probe);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::usage);
    EXPECT_EQ(
        refused.error().message(),
        "the option --device: found \"cuda\" (The driver 470.82 is too old; install driver 525 or newer), "
        "expected auto, cpu or reference");
    probe.state = inference::cuda::CudaState::ready;
    EXPECT_TRUE(cli::requireCuda(probe));
}

TEST_F(Usage, anOptionsValueMayLookLikeJson) {
    const Outcome outcome =
        run({"generate", model(), "--prompt", "--json", "--raw", "--max-tokens", "1", "--temperature=0"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_NE(outcome.output.substr(0, 1), "{");
}

#ifndef EDGECHAT_HAS_STORE
TEST_F(Usage, aBuildWithoutQtSaysThatItHasNoStore) {
    expectError({"import", model()}, 2, "without Qt");
    expectError({"list"}, 2, "without Qt");
    expectError({"remove", "x"}, 2, "without Qt");
    expectError({"inspect", "x"}, 3, "path");
}
#endif

TEST_F(BadModel, isNamed) {
    expectError({"inspect", path("missing.gguf")}, 3, "missing.gguf");
    expectError({"inspect", "./missing"}, 3, "missing");
    expectError({"inspect", "no-such-model"}, 3, "no-such-model");
    std::filesystem::create_directory(path("folder"));
    expectError({"inspect", path("folder")}, 3, "folder");
    expectError({"inspect", write("not.gguf", "hello, world, this is no model")}, 3, "not.gguf");
    expectError({"inspect", write("empty.gguf", "")}, 3, "empty.gguf");
}

TEST_F(BadModel, truncatedIsRefusedBeforeItIsRun) {
    const std::string whole = read(model());
    for (const size_t part : {size_t{20}, whole.size() / 2, whole.size() - 1}) {
        const std::string file = write("cut.gguf", whole.substr(0, part));
        expectError({"generate", file, "--prompt", "a"}, 3, "cut.gguf");
    }
}

TEST_F(BadModel, ofAnUnknownArchitectureOrTokenizer) {
    GgufWriter writer = tinyModel();
    writer.text("general.architecture", "warble");
    ASSERT_TRUE(writer.write(path("warble.gguf")));
    expectError({"generate", path("warble.gguf"), "--prompt", "a"}, 3, "warble");
    writer = tinyModel();
    writer.text("tokenizer.ggml.pre", "unheard-of");
    ASSERT_TRUE(writer.write(path("pre.gguf")));
    expectError({"tokenize", path("pre.gguf")}, 3, "unheard-of");
}

TEST_F(BadModel, aPromptThatDoesNotFitTheContext) {
    expectError({"generate", model(), "--prompt", std::string(300, 'x'), "--raw"}, 3, "300 tokens");
    expectError({"generate", model(), "--prompt", "", "--raw"}, 3, "no tokens");
    expectError({"generate", model(), "--prompt-file", path("missing.txt")}, 3, "missing.txt");
}

TEST_F(BadModel, thatIsLargerThanTheMemoryDoesNotFit) {
    TinyModelOptions options;
    options.layers = 250;
    options.hidden = 32;
    options.heads = 2;
    options.kvHeads = 2;
    options.headSize = 256;
    options.ffn = 32;
    options.context = 1 << 20;
    ASSERT_TRUE(writeTinyModel(path("wide.gguf"), options));
    // 250 layers of 2 * 2 * 256 fp16 values for each of 2^20 tokens: 500 GB.
    expectError({"generate", path("wide.gguf"), "--prompt", "a", "--context", "1048576"}, 4, "wide.gguf");
}

TEST_F(Streams, aFullDiskIsAnError) {
    for (const bool json : {false, true}) {
        std::vector<std::string> words = {"generate", model(), "--prompt", "hello", "--temperature", "0"};
        if (json) words.push_back("--json");
        ProcessOptions options;
        options.outputFile = "/dev/full";
        const Outcome outcome = run(words, options);
        EXPECT_EQ(outcome.code, 4);
        EXPECT_NE(outcome.errors.find("edgechat: cannot write the result to stdout"), std::string::npos)
            << outcome.errors;
    }
}

TEST_F(Streams, aLimitOnFilesIsAnErrorAndNoSignal) {
    ProcessOptions options;
    options.outputFile = path("out.json");
    options.fileSizeLimit = 100;
    const Outcome outcome = run({"inspect", model(), "--json"}, options);
    EXPECT_EQ(outcome.code, 4) << outcome.signal;
}

TEST_F(Streams, aClosedPipeEndsTheWork) {
    ProcessOptions options;
    options.closeOutput = true;
    const Outcome outcome = run({"generate", model(), "--prompt", "hello", "--temperature", "0"}, options);
    EXPECT_EQ(outcome.code, 1) << outcome.signal;
    EXPECT_NE(outcome.errors.find("stdout"), std::string::npos);
}

TEST_F(Streams, logitsThatDoNotFitLeaveNoFile) {
    const std::string tokens = write("ids.json", "[3, 4, 5, 6, 7, 8]");
    ProcessOptions options;
    options.fileSizeLimit = 2000;
    const Outcome outcome =
        run({"score", model(), "--tokens", tokens, "--logits", path("l.npy"), "--json"}, options);
    EXPECT_EQ(outcome.code, 4) << outcome.signal << outcome.errors;
    EXPECT_EQ(object(outcome)["error"]["code"], "does_not_fit");
    EXPECT_FALSE(std::filesystem::exists(path("l.npy")));
    EXPECT_FALSE(std::filesystem::exists(path("l.npy.part")));
    expectError({"score", model(), "--tokens", tokens, "--logits", "/dev/full"}, 4, "/dev/full");
    expectError({"score", model(), "--tokens", tokens, "--logits", path("no/such/folder.npy")}, 3,
                "folder.npy");
}

}  // namespace
}  // namespace edgechat::testing
