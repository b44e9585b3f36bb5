// score, perplexity, bench, inspect: fields of the contract, and figures that must agree with each other.
#include <cmath>
#include <cstring>

#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

using Score = CommandLine;
using PerplexityCommand = CommandLine;
using BenchCommand = CommandLine;
using Inspect = CommandLine;

constexpr size_t kVocabulary = 268;

/// The rows of a .npy file of version 1.0, float32, C order; the header is checked as text.
std::vector<std::vector<float>> readNpy(const std::string& bytes, size_t rows, size_t columns) {
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
    const size_t headerSize =
        static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
    const std::string header = bytes.substr(10, headerSize);
    EXPECT_EQ((10 + headerSize) % 64, 0u);
    const std::string shape = "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
    EXPECT_NE(header.find("'descr': '<f4'"), std::string::npos) << header;
    EXPECT_NE(header.find("'fortran_order': False"), std::string::npos) << header;
    EXPECT_NE(header.find("'shape': " + shape), std::string::npos) << header;
    EXPECT_EQ(bytes.size(), 10 + headerSize + rows * columns * sizeof(float));
    std::vector<std::vector<float>> result(rows, std::vector<float>(columns));
    for (size_t t = 0; t < rows; t++) {
        std::memcpy(result[t].data(), bytes.data() + 10 + headerSize + t * columns * sizeof(float),
                    columns * sizeof(float));
    }
    return result;
}

double logSoftmax(const std::vector<float>& row, size_t token) {
    double sum = 0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    return static_cast<double>(row[token]) - std::log(sum);
}

TEST_F(Score, logProbabilitiesAreThoseOfTheLogitsInTheFile) {
    const std::string tokens = write("ids.json", "[267, 262, 35, 120, 263]");
    const nlohmann::json json =
        object(run({"score", model(), "--tokens", tokens, "--logits", path("logits.npy"), "--json"}));
    EXPECT_EQ(keys(json), (std::set<std::string>{"tokens", "logprobs", "mean_nll"}));
    EXPECT_EQ(json["tokens"], 5);
    ASSERT_EQ(json["logprobs"].size(), 4u);

    const auto logits = readNpy(read(path("logits.npy")), 5, kVocabulary);
    const std::vector<size_t> next = {262, 35, 120, 263};
    double sum = 0;
    for (size_t t = 0; t < 4; t++) {
        EXPECT_NEAR(json["logprobs"][t].get<double>(), logSoftmax(logits[t], next[t]), 1e-9);
        sum += json["logprobs"][t].get<double>();
    }
    EXPECT_NEAR(json["mean_nll"].get<double>(), -sum / 4, 1e-9);
    EXPECT_FALSE(std::filesystem::exists(path("logits.npy.part")));
}

TEST_F(Score, ofOneTokenHasNothingToPredict) {
    const nlohmann::json json =
        object(run({"score", model(), "--tokens", write("ids.json", "[5]"), "--json"}));
    EXPECT_EQ(json["logprobs"].size(), 0u);
    EXPECT_TRUE(json["mean_nll"].is_null());
}

TEST_F(Score, takesASequenceLongerThanTheModelsContext) {
    std::vector<int> ids(300, 100);  // the model was trained for 256
    const Outcome outcome =
        run({"score", model(), "--tokens", write("ids.json", nlohmann::json(ids).dump()), "--json"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(object(outcome)["logprobs"].size(), 299u);
    EXPECT_NE(outcome.errors.find("warning"), std::string::npos);
}

TEST_F(Score, refusesBadTokens) {
    expectError({"score", model()}, 2, "--tokens");
    expectError({"score", model(), "--tokens", write("a.json", "[]")}, 3, "a.json");
    expectError({"score", model(), "--tokens", write("b.json", "[3, 268]")}, 3, "[1]");
    expectError({"score", model(), "--tokens", path("missing.json")}, 3, "missing.json");
}

std::string someText() {
    std::string text;
    for (int i = 0; i < 8; i++) text += "the hello in her tall hall, and then ";
    return text;
}

TEST_F(PerplexityCommand, ofOneWindowIsTheScoreOfItsTokens) {
    const std::string text = someText();
    const nlohmann::json ids = nlohmann::json::parse(run({"tokenize", model()}, text).output);
    nlohmann::json window = nlohmann::json::array();
    for (size_t i = 0; i < 64; i++) window.push_back(ids[i]);
    const nlohmann::json score =
        object(run({"score", model(), "--tokens", write("ids.json", window.dump()), "--json"}));
    // The text ends before a second window is whole.
    const std::string cut = run({"detokenize", model()}, window.dump()).output;
    const nlohmann::json json = object(
        run({"perplexity", model(), "--text", write("t.txt", cut + "x"), "--context", "64", "--json"}));
    EXPECT_EQ(keys(json),
              (std::set<std::string>{"perplexity", "standard_error", "mean_nll", "tokens", "windows"}));
    EXPECT_EQ(json["windows"], 1);
    EXPECT_EQ(json["tokens"], 63);
    EXPECT_NEAR(json["mean_nll"].get<double>(), score["mean_nll"].get<double>(), 1e-9);
    EXPECT_NEAR(json["perplexity"].get<double>(), std::exp(score["mean_nll"].get<double>()), 1e-6);
    EXPECT_GT(json["standard_error"].get<double>(), 0);
}

TEST_F(PerplexityCommand, halfScoresTheSecondHalf) {
    const std::string file = write("t.txt", someText());
    const nlohmann::json json = object(
        run({"perplexity", model(), "--text", file, "--context", "32", "--protocol", "half", "--json"}));
    const size_t tokens = nlohmann::json::parse(run({"tokenize", model()}, someText()).output).size();
    EXPECT_EQ(json["windows"], tokens / 32);
    EXPECT_EQ(json["tokens"], tokens / 32 * 15);
}

TEST_F(PerplexityCommand, againstItselfOnTheReferenceThereIsNoDivergence) {
    const nlohmann::json json =
        object(run({"perplexity", model(), "--text", write("t.txt", someText()), "--context", "32",
                    "--device", "reference", "--reference", model(), "--json"}));
    EXPECT_EQ(keys(json),
              (std::set<std::string>{"perplexity", "standard_error", "mean_nll", "tokens", "windows",
                                     "mean_kld", "max_kld", "same_top", "reference_perplexity"}));
    EXPECT_NEAR(json["max_kld"].get<double>(), 0, 1e-9);
    EXPECT_EQ(json["same_top"], 1.0);
    EXPECT_NEAR(json["reference_perplexity"].get<double>(), json["perplexity"].get<double>(), 1e-9);
}

TEST_F(PerplexityCommand, anotherModelDiverges) {
    TinyModelOptions other;
    other.seed = 2;
    ASSERT_TRUE(writeTinyModel(path("other.gguf"), other));
    const nlohmann::json json = object(run({"perplexity", model(), "--text", write("t.txt", someText()),
                                            "--context", "32", "--reference", path("other.gguf"), "--json"}));
    EXPECT_GT(json["mean_kld"].get<double>(), 0.1);
    EXPECT_GE(json["max_kld"].get<double>(), json["mean_kld"].get<double>());
    EXPECT_LT(json["same_top"].get<double>(), 1);
    EXPECT_NE(json["reference_perplexity"], json["perplexity"]);
}

TEST_F(PerplexityCommand, refusesWhatItCannotMeasure) {
    expectError({"perplexity", model()}, 2, "--text");
    expectError({"perplexity", model(), "--text", path("missing.txt")}, 3, "missing.txt");
    const std::string file = write("t.txt", "hello");
    expectError({"perplexity", model(), "--text", file}, 3, "1 tokens");
    expectError({"perplexity", model(), "--text", file, "--protocol", "third"}, 2, "--protocol");
    expectError({"perplexity", model(), "--text", file, "--context", "2"}, 2, "--context");
}

TEST_F(BenchCommand, hasTheFieldsOfTheContract) {
    const nlohmann::json json =
        object(run({"bench", model(), "--prompt-tokens", "16", "--generate-tokens", "8", "--depth", "4",
                    "--repetitions", "2", "--threads", "2", "--json"}));
    EXPECT_EQ(keys(json),
              (std::set<std::string>{"device", "threads", "load_seconds", "weights_bytes", "bytes_per_token",
                                     "peak_rss_bytes", "prefill", "decode", "peak_read_gb_per_second"}));
    EXPECT_EQ(keys(json["prefill"]), (std::set<std::string>{"tokens", "tokens_per_second", "stddev"}));
    EXPECT_EQ(keys(json["decode"]),
              (std::set<std::string>{"tokens", "tokens_per_second", "stddev", "gb_per_second"}));
    EXPECT_EQ(json["threads"], 2);
    EXPECT_EQ(json["prefill"]["tokens"], 16);
    EXPECT_EQ(json["decode"]["tokens"], 8);
    EXPECT_GT(json["prefill"]["tokens_per_second"].get<double>(), 0);
    EXPECT_GT(json["peak_rss_bytes"].get<uint64_t>(), json["weights_bytes"].get<uint64_t>());
    EXPECT_NEAR(
        json["decode"]["gb_per_second"].get<double>(),
        json["decode"]["tokens_per_second"].get<double>() * json["bytes_per_token"].get<double>() / 1e9,
        1e-9);
}

TEST_F(BenchCommand, refusesAContextThatIsTooSmallForIt) {
    expectError({"bench", model(), "--context", "16"}, 2, "--context");
    expectError({"bench", model(), "--repetitions", "0"}, 2, "--repetitions");
}

TEST_F(Inspect, describesTheCheckpoint) {
    const nlohmann::json json = object(run({"inspect", model(), "--json"}));
    // As writeTinyModel() made it.
    const nlohmann::json expected = {
        {"architecture", "llama"}, {"quantization", "Q4_1"}, {"layers", 2},  {"hidden", 64},  {"heads", 4},
        {"kv_heads", 2},           {"head_size", 16},        {"vocab", 268}, {"context", 256}};
    for (const auto& item : expected.items()) EXPECT_EQ(json[item.key()], item.value()) << item.key();
    // Per layer: two norms of 64, q and o 64x64, k and v 32x64, three of the MLP 64x96; embedding and last
    // norm.
    EXPECT_EQ(json["parameters"], 2 * (2 * 64 + 2 * 64 * 64 + 2 * 32 * 64 + 3 * 64 * 96) + 268 * 64 + 64);
    EXPECT_EQ(json["tensors"].size(), 2u * 9 + 2);
    EXPECT_EQ(
        json["tensors"][0],
        (nlohmann::json{
            {"name", "token_embd.weight"}, {"type", "Q8_0"}, {"shape", {268, 64}}, {"bytes", 268 * 2 * 34}}));
}

TEST_F(Inspect, plansMemoryForGrowingContexts) {
    TinyModelOptions options;
    options.context = 3000;
    ASSERT_TRUE(writeTinyModel(path("long.gguf"), options));
    const nlohmann::json memory = object(run({"inspect", path("long.gguf"), "--json"}))["memory"];
    std::vector<int> contexts;
    for (const nlohmann::json& plan : memory) {
        contexts.push_back(plan["context"].get<int>());
        EXPECT_EQ(plan["total"], plan["weights"].get<uint64_t>() + plan["kv"].get<uint64_t>() +
                                     plan["scratch"].get<uint64_t>());
    }
    EXPECT_EQ(contexts, (std::vector<int>{512, 1024, 2048, 3000}));
    EXPECT_GT(memory[1]["kv"].get<uint64_t>(), memory[0]["kv"].get<uint64_t>());
    const nlohmann::json small =
        object(run({"inspect", path("long.gguf"), "--kv", "int8", "--json"}))["memory"];
    EXPECT_LT(small[3]["kv"].get<uint64_t>(), memory[3]["kv"].get<uint64_t>());
}

TEST_F(Inspect, saysWhatBecomesOfEachTensorType) {
    TinyModelOptions options;
    options.weights = TensorType::q5_1;
    ASSERT_TRUE(writeTinyModel(path("types.gguf"), options));
    const nlohmann::json types = object(run({"inspect", path("types.gguf"), "--json"}))["types"];
    ASSERT_EQ(types.size(), 3u);
    EXPECT_EQ(types[0]["type"], "F32");
    EXPECT_EQ(types[0]["tensors"], 5);  // the norms
    EXPECT_EQ(types[0]["bytes"], 5 * 64 * 4);
    EXPECT_EQ(types[0]["runs_as"], "F32");
    EXPECT_EQ(types[0]["loss"], "");
    EXPECT_EQ(types[1]["type"], "Q5_1");
    EXPECT_EQ(types[1]["tensors"], 14);
    EXPECT_EQ(types[1]["runs_as"], "Q8_0");
    EXPECT_NE(types[1]["loss"].get<std::string>().find("at most 0.4 %"), std::string::npos);
    EXPECT_EQ(types[2]["type"], "Q8_0");
    EXPECT_EQ(types[2]["loss"], "");
}

TEST_F(Inspect, passesOnTheWarningsOfTheReader) {
    GgufWriter writer = tinyModel();
    writer.remove("tokenizer.ggml.pre");
    ASSERT_TRUE(writer.write(path("warned.gguf")));
    const Outcome outcome = run({"inspect", path("warned.gguf"), "--json"});
    const nlohmann::json warnings = object(outcome)["warnings"];
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(outcome.errors.find(warnings[0].get<std::string>()), std::string::npos);
}

TEST_F(Inspect, isReadableWithoutJson) {
    const Outcome outcome = run({"inspect", model()});
    EXPECT_EQ(outcome.code, 0);
    for (const char* part : {"llama", "Q4_1", "chatml", "token_embd.weight", "256 tokens"}) {
        EXPECT_NE(outcome.output.find(part), std::string::npos) << part;
    }
}

}  // namespace
}  // namespace edgechat::testing
