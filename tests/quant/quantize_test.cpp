// A quantization from begin to end: every family, every kind of source, every method.
#include <cmath>

#include "tests/inference/parity/parity_models.h"
#include "tests/quant/quantize_job.h"
#include "tests/quant/written_model.h"

namespace edgechat::quant {
namespace {

using namespace inference;
using namespace testing;
namespace fs = std::filesystem;

/// KL(source || result) in nats, mean over positions.
double divergence(const std::vector<float>& source, const std::vector<float>& result, size_t vocabulary) {
    if (source.size() != result.size() || source.empty()) return INFINITY;
    double sum = 0;
    for (size_t first = 0; first < source.size(); first += vocabulary) {
        const auto normalize = [vocabulary](const float* logits) {
            double total = 0;
            for (size_t i = 0; i < vocabulary; ++i) total += std::exp(double{logits[i]});
            return std::log(total);
        };
        const double a = normalize(source.data() + first), b = normalize(result.data() + first);
        for (size_t i = 0; i < vocabulary; ++i) {
            const double p = double{source[first + i]} - a, q = double{result[first + i]} - b;
            sum += std::exp(p) * (p - q);
        }
    }
    return sum / static_cast<double>(source.size() / vocabulary);
}

class Quantize : public QuantizeJob {
  protected:
    /// What must hold for every result.
    void expectGood(const fs::path& from, const QuantizationReport& report, double mostDivergence) {
        const Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(from),
                                                  result = Checkpoint::open(out());
        ASSERT_TRUE(checkpoint);
        ASSERT_TRUE(result) << result.error().message();
        const ModelConfig &before = (*checkpoint)->config(), &after = (*result)->config();
        // GGUF calls a model with a window llama too
        EXPECT_EQ(after.architecture, before.slidingWindow > 0 ? "mistral" : before.architecture);
        EXPECT_EQ(after.layers, before.layers);
        EXPECT_EQ(after.vocab, before.vocab);
        EXPECT_EQ(after.slidingWindow, before.slidingWindow);
        EXPECT_FALSE(fs::exists(partial()));
        EXPECT_FALSE(fs::exists(out() / "work"));
        ASSERT_TRUE(makeTokenizer(**result));

        EXPECT_EQ(report.sourceBytes, (*checkpoint)->fileBytes());
        uint64_t bytes = 0;
        for (const auto& [name, content] : contentOf(out()))
            bytes += name.ends_with(".safetensors") ? content.size() : 0;
        EXPECT_EQ(report.outputBytes, bytes);
        ASSERT_EQ(report.layers.size(), static_cast<size_t>(before.layers));
        const nlohmann::json kept =
            nlohmann::json::parse(readFile(out() / "edgechat.json"), nullptr, false)["quantization"];
        EXPECT_EQ(kept["method"], report.method);
        size_t linears = 0;
        for (const std::vector<LinearReport>& layer : report.layers) {
            EXPECT_EQ(layer.size(), before.gatedMlp ? 7u : 6u);
            for (const LinearReport& linear : layer) {
                EXPECT_LE(linear.error, linear.rtnError * (1 + 1e-6)) << linear.name;
                EXPECT_TRUE(linear.error >= 0 && linear.rtnError < 0.5) << linear.name;
                EXPECT_FALSE(linear.name.empty());
                const nlohmann::json& entry = kept["layers"][linears++];
                EXPECT_EQ(entry["name"], linear.name);
                EXPECT_EQ(entry["error"], linear.error);
            }
        }
        EXPECT_EQ(kept["layers"].size(), linears);

        const std::vector<int> ids = someIds(**checkpoint, 48);
        EXPECT_LT(divergence(logitsOf(from, ids), logitsOf(out(), ids), static_cast<size_t>(before.vocab)),
                  mostDivergence);
    }

    /// Twice, the same bytes.
    QuantizationReport make(const fs::path& from, double mostDivergence = 0.05) {
        const Result<QuantizationReport> report = run(from);
        EXPECT_TRUE(report) << report.error().message();
        if (!report) return {};
        expectGood(from, *report, mostDivergence);
        const std::map<std::string, std::string> content = contentOf(out());
        fs::remove_all(out());
        m_request.threads = 2;  // which changes nothing
        const Result<QuantizationReport> again = run(from);
        EXPECT_TRUE(again) << again.error().message();
        EXPECT_TRUE(contentOf(out()) == content);
        return *report;
    }

    static size_t countOf(const QuantizationReport& report, int groupSize) {
        size_t count = 0;
        for (const auto& layer : report.layers) {
            for (const LinearReport& linear : layer) count += linear.groupSize == groupSize ? 1 : 0;
        }
        return count;
    }
};

class EveryFamily : public Quantize, public ::testing::WithParamInterface<SmallFamily> {};

TEST_P(EveryFamily, inFourBits) {
    writeSource(smallSource(GetParam()), source());
    const QuantizationReport report = make(source());
    const size_t linears = GetParam() <= SmallFamily::mistral ? 14 : 12;
    EXPECT_EQ(countOf(report, 64), linears) << "64 divides all inputs";
}

TEST_P(EveryFamily, inFourBitsByRounding) {
    writeSource(smallSource(GetParam(), "BF16"), source());
    m_request.recipe.method = Method::rtn;
    m_request.recipe.groupSize = 32;
    const QuantizationReport report = make(source());
    for (const auto& layer : report.layers) {
        for (const LinearReport& linear : layer) {
            EXPECT_EQ(linear.error, linear.rtnError);
            EXPECT_EQ(linear.groupSize, 32);
        }
    }
}

TEST_P(EveryFamily, inEightBits) {
    writeSource(smallSource(GetParam(), "F32"), source());
    m_request.recipe.method = Method::smoothquant;
    EXPECT_EQ(make(source()).method, "smoothquant");
}

INSTANTIATE_TEST_SUITE_P(Families, EveryFamily, ::testing::ValuesIn(kSmallFamilies),
                         [](const ::testing::TestParamInfo<SmallFamily>& info) {
                             return std::string(nameOf(info.param));
                         });

/// Trained weights, awkward sizes: 48 inputs have no groups, 3 and 7 and 9 heads, heads of 256.
class EveryModel : public Quantize, public ::testing::WithParamInterface<ParityModel> {};

TEST_P(EveryModel, inFourBits) {
    const ParityFolder model(GetParam());
    // Trained for minutes, four bits of so few weights cost what they cost.
    make(model.path(), 0.2);
}

std::vector<ParityModel> denseModels() {
    std::vector<ParityModel> models = parityModels();
    std::erase_if(models, [](const ParityModel& model) {
        const std::string& name = model.name;
        const bool dense = (model.format == "safetensors" && model.replace.empty()) ||
                           name == "gguf_llama3" || name == "gguf_llama_biases" ||
                           name == "gguf_mistral_window";
        // 48 and 71 * 8 inputs: nothing that comes in groups
        return !dense || name == "llama_v2" || name == "falcon_71_heads";
    });
    return models;
}
INSTANTIATE_TEST_SUITE_P(Parity, EveryModel, ::testing::ValuesIn(denseModels()),
                         [](const ::testing::TestParamInfo<ParityModel>& info) { return info.param.name; });

/// 48 and 71 * 8 inputs come in no groups, but 8 bits have none.
TEST_F(Quantize, aModelWithoutGroupsIsRefusedInFourBits) {
    for (const char* name : {"llama_v2", "falcon_71_heads"}) {
        const fs::path model = fs::path(EDGECHAT_TESTS_DATA) / "parity/models" / name;
        m_request.recipe.method = Method::awq;
        const Result<QuantizationReport> report = run(model);
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().code, ErrorCode::badInput);
        EXPECT_FALSE(fs::exists(partial()));
        m_request.recipe.method = Method::smoothquant;
        make(model);
        fs::remove_all(out());
    }
}

TEST_F(Quantize, isBetterThanRounding) {
    writeSource(smallSource(SmallFamily::llama), source());
    const QuantizationReport report = make(source());
    double error = 0, rounding = 0;
    for (const auto& layer : report.layers) {
        for (const LinearReport& linear : layer) {
            error += linear.error;
            rounding += linear.rtnError;
        }
    }
    EXPECT_LT(error, 0.9 * rounding);
}

TEST_F(Quantize, aSourceInShards) {
    writeSource(smallSource(SmallFamily::mistral), source());
    const std::map<std::string, std::string> whole = finished();
    removeResult();
    fs::remove_all(source());
    writeSource(smallSource(SmallFamily::mistral), source(), 3);
    EXPECT_TRUE(finished() == whole);
}

TEST_F(Quantize, anF16Gguf) {
    TinyModelOptions options;
    options.weights = options.embedding = TensorType::f16;
    const fs::path llama = m_folder.path() / "llama.gguf", falcon = m_folder.path() / "falcon.gguf";
    ASSERT_TRUE(writeTinyModel(llama, options));
    make(llama);
    fs::remove_all(out());
    options.ffn = 256;
    options.kvHeads = 1;
    ASSERT_TRUE(tinyFalcon(options).write(falcon));
    make(falcon);
}

TEST_F(Quantize, anotherSeedIsAnotherResult) {
    writeSource(smallSource(SmallFamily::llama), source());
    const std::map<std::string, std::string> first = finished();
    removeResult();
    m_request.recipe.seed = 9;
    EXPECT_NE(finished().at("model.safetensors"), first.at("model.safetensors"));
}

TEST_F(Quantize, saysWhatItTakesAndWarnsOfAShortText) {
    writeSource(smallSource(SmallFamily::llama), source());
    std::vector<std::string> messages;
    int lastDone = 0, lastTotal = 0;
    QuantizeCallbacks callbacks;
    callbacks.onMessage = [&](const std::string& text) { messages.push_back(text); };
    callbacks.onProgress = [&](int done, int total, const std::string& detail) {
        EXPECT_GE(done, lastDone);
        EXPECT_FALSE(detail.empty());
        lastDone = done;
        lastTotal = total;
        return true;
    };
    finished(callbacks);
    EXPECT_EQ(lastDone, 2);
    EXPECT_EQ(lastTotal, 2);
    std::string all;
    for (const std::string& message : messages) all += message + '\n';
    EXPECT_NE(all.find("memory"), std::string::npos) << all;
    EXPECT_NE(all.find("disk"), std::string::npos) << all;
    EXPECT_NE(all.find("the calibration is short"), std::string::npos) << all;
}

/// Inputs that are always zero, a matrix of zeros, and one constant.
TEST_F(Quantize, oddWeightsGiveFiniteErrors) {
    HfFolder folder = smallSource(SmallFamily::llama);
    for (size_t i = 0; i < 32; ++i) setElement(folder, "model.layers.0.input_layernorm.weight", i * 2, 0);
    for (size_t i = 0; i < 32 * 64; ++i) setElement(folder, "model.layers.0.self_attn.v_proj.weight", i, 0);
    for (size_t i = 0; i < 64 * 128; ++i) setElement(folder, "model.layers.1.mlp.down_proj.weight", i, 0.01f);
    writeSource(folder, source());
    for (const Method method : {Method::awq, Method::rtn, Method::smoothquant}) {
        m_request.recipe.method = method;
        const Result<QuantizationReport> report = run(stopAfterLayers(1));
        ASSERT_FALSE(report);
        m_request.start = Start::resume;  // the report so far is read back
        const Result<QuantizationReport> whole = run();
        ASSERT_TRUE(whole) << whole.error().message();
        for (const auto& layer : whole->layers) {
            for (const LinearReport& linear : layer)
                EXPECT_TRUE(std::isfinite(linear.error) && std::isfinite(linear.rtnError)) << linear.name;
        }
        const std::vector<int> ids = {1, 30, 40, 50};
        for (const float logit : logitsOf(out(), ids)) ASSERT_TRUE(std::isfinite(logit));
        removeResult();
        m_request.start = Start::fresh;
    }
}

}  // namespace
}  // namespace edgechat::quant
