// A GGUF file written as a Hugging Face folder is the same model.
#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "inference/text/tokenizer.h"
#include "quant/output/checkpoint_writer.h"
#include "tests/data/hf_folder.h"
#include "tests/data/test_files.h"
#include "tests/inference/parity/parity_models.h"
#include "tests/quant/written_model.h"

namespace edgechat::quant {
namespace {

namespace fs = std::filesystem;
using namespace inference;
using namespace testing;
using Kind = LinearForm::Kind;

constexpr double kTolerance = 2e-4;  // of a logit: the halves of a head are added in another order

double largestDifference(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size() || a.empty()) return INFINITY;
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(double{a[i]} - b[i]));
    return most;
}

class GgufSource : public ::testing::Test {
  protected:
    void open(const fs::path& path) {
        Result<std::unique_ptr<Checkpoint>> source = Checkpoint::open(path);
        ASSERT_TRUE(source) << source.error().message();
        m_source = std::move(*source);
    }
    void open(const GgufWriter& model) {
        m_file.write(model.bytes());
        open(m_file.path());
    }
    fs::path out() const { return m_folder.path() / "out"; }
    nlohmann::json config() const {
        return nlohmann::json::parse(readFile(out() / "config.json"), nullptr, false);
    }

    void write(Kind kind) {
        m_form = formOf(*m_source, kind);
        const Result<void> written = writeModel(*m_source, out(), m_form);
        ASSERT_TRUE(written) << written.error().message();
    }
    // The written model against the values that it was given.
    void expectSameLogits(Kind kind) {
        ASSERT_NO_FATAL_FAILURE(write(kind));
        const std::vector<int> ids = someIds(*m_source, 40);
        EXPECT_LE(largestDifference(logitsOf(out(), ids), logitsOf(dequantized(*m_source, m_form), ids)),
                  kTolerance);
    }
    Error refusal() {
        const auto writer = CheckpointWriter::create(*m_source, out(), formOf(*m_source, Kind::dense));
        EXPECT_FALSE(writer);
        EXPECT_FALSE(fs::exists(out()));
        return writer ? Error{} : writer.error();
    }

    TemporaryFile m_file;
    TemporaryFolder m_folder;
    std::unique_ptr<Checkpoint> m_source;
    OutputForm m_form;
};

std::vector<ParityModel> ggufModels() {
    std::vector<ParityModel> models = parityModels();
    std::erase_if(models, [](const ParityModel& model) { return model.format != "gguf"; });
    return models;
}

class ParityGguf : public GgufSource, public ::testing::WithParamInterface<ParityModel> {
  protected:
    void SetUp() override { ASSERT_NO_FATAL_FAILURE(open(m_model.path())); }
    ParityFolder m_model{GetParam()};
};

TEST_P(ParityGguf, isTheSameModelInPlainHalves) {
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    // transformers' logits: the values of F16 and smaller types are halves, and others are near them
    const Golden golden = readGolden(GetParam());
    ASSERT_FALSE(golden.ids.empty());
    const size_t tokens = std::min<size_t>(golden.ids.size(), 40);
    const std::vector<int> ids(golden.ids.begin(), golden.ids.begin() + static_cast<std::ptrdiff_t>(tokens));
    const std::vector<float> logits = logitsOf(out(), ids);
    ASSERT_EQ(logits.size(), tokens * golden.vocab);
    for (size_t t = 0; t < tokens; ++t) {
        const auto best = static_cast<size_t>(golden.best[t]);
        EXPECT_NEAR(logits[t * golden.vocab + best], golden.bestLogit[t], 0.02) << "token " << t;
    }
}

TEST_P(ParityGguf, isTheSameModelInFourBits) {
    expectSameLogits(Kind::int4);
}

TEST_P(ParityGguf, givesTheSameConfiguration) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::dense));
    const Result<std::unique_ptr<Checkpoint>> result = Checkpoint::open(out());
    ASSERT_TRUE(result) << result.error().message();
    const ModelConfig &wanted = m_source->config(), &found = (*result)->config();
    EXPECT_EQ(found.layers, wanted.layers);
    EXPECT_EQ(found.hidden, wanted.hidden);
    EXPECT_EQ(found.heads, wanted.heads);
    EXPECT_EQ(found.kvHeads, wanted.kvHeads);
    EXPECT_EQ(found.headSize, wanted.headSize);
    EXPECT_EQ(found.ffn, wanted.ffn);
    EXPECT_EQ(found.vocab, wanted.vocab);
    EXPECT_EQ(found.context, wanted.context);
    EXPECT_EQ(found.norm, wanted.norm);
    EXPECT_EQ(found.normEps, wanted.normEps);
    EXPECT_EQ(found.activation, wanted.activation);
    EXPECT_EQ(found.parallelResidual, wanted.parallelResidual);
    EXPECT_EQ(found.slidingWindow, wanted.slidingWindow);
    EXPECT_EQ(found.ropeBase, wanted.ropeBase);
    EXPECT_EQ(found.tiedHead, wanted.tiedHead);
    EXPECT_EQ((*result)->chatTemplate(), m_source->chatTemplate());
    EXPECT_TRUE((*result)->warnings().empty());
}

TEST_P(ParityGguf, givesTheSameIds) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::dense));
    const Result<std::unique_ptr<Tokenizer>> wanted = makeTokenizer(*m_source);
    const Result<std::unique_ptr<Tokenizer>> found = openTokenizerFolder(out());
    ASSERT_TRUE(wanted && found);
    const std::string text = parityText(2000);
    EXPECT_EQ((*found)->encode(text, SpecialTokens::asText), (*wanted)->encode(text, SpecialTokens::asText));
    EXPECT_EQ((*found)->endOfTurn(), (*wanted)->endOfTurn());  // config.json and generation_config.json too
    EXPECT_EQ((*found)->eos(), (*wanted)->eos());
    EXPECT_EQ((*found)->bos(), (*wanted)->bos());
    EXPECT_EQ((*found)->addsBos(), (*wanted)->addsBos());
}

INSTANTIATE_TEST_SUITE_P(Models, ParityGguf, ::testing::ValuesIn(ggufModels()),
                         [](const auto& entry) { return entry.param.name; });

TinyModelOptions plain(TensorType type) {
    TinyModelOptions options;
    options.weights = options.embedding = type;
    return options;
}

TEST_F(GgufSource, isTheSameModelFromFloats) {
    for (const TensorType type : {TensorType::f32, TensorType::f16}) {
        ASSERT_NO_FATAL_FAILURE(open(tinyModel(plain(type))));
        ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
        EXPECT_EQ(config()["architectures"][0], "LlamaForCausalLM");
    }
}

TEST_F(GgufSource, keepsAHeadSizeThatDoesNotFollowFromTheWidth) {
    TinyModelOptions options = plain(TensorType::f16);
    options.headSize = 24;
    ASSERT_NO_FATAL_FAILURE(open(tinyModel(options)));
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    EXPECT_EQ(config()["head_dim"], 24);
}

TEST_F(GgufSource, isTheSameFalcon) {
    TinyModelOptions options = plain(TensorType::f16);
    options.ffn = 160;
    struct Form {
        int kvHeads;
        bool twoNorms, newArchitecture, multiQuery;
    };
    for (const Form form :
         {Form{1, false, false, true}, Form{4, false, false, false}, Form{2, false, true, true},
          Form{2, true, true, true}, Form{4, true, true, true}}) {
        options.kvHeads = form.kvHeads;
        ASSERT_NO_FATAL_FAILURE(open(tinyFalcon(options, form.twoNorms)));
        ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
        ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::int4));
        EXPECT_EQ(config()["new_decoder_architecture"], form.newArchitecture);
        EXPECT_EQ(config()["multi_query"], form.multiQuery);
        EXPECT_EQ(config()["num_kv_heads"], form.kvHeads);
        EXPECT_EQ(config()["ffn_hidden_size"], 160);
    }
}

// HF's classes have biases in all of attention or in none.
TEST_F(GgufSource, fillsUpBiasesThatOnlySomeLinearsHave) {
    GgufWriter model = tinyModel(plain(TensorType::f16));
    RandomTensors random(model, 7);
    for (const char* name : {"blk.0.attn_q.bias", "blk.1.attn_q.bias"}) random.vector(name, 64, 0.1f);
    random.vector("blk.1.attn_k.bias", 32, 0.2f);
    ASSERT_NO_FATAL_FAILURE(open(model));
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    EXPECT_EQ(config()["attention_bias"], true);
    EXPECT_EQ(config()["mlp_bias"], false);
    model.u32("llama.attention.sliding_window", 16);
    ASSERT_NO_FATAL_FAILURE(open(model));
    fs::remove_all(out());
    EXPECT_EQ(refusal().field, "attention.sliding_window");
}

TEST_F(GgufSource, saysHowRopeIsStretched) {
    GgufWriter model = tinyModel(plain(TensorType::f16));
    model.text("llama.rope.scaling.type", "yarn");
    model.f32("llama.rope.scaling.factor", 4);
    ASSERT_NO_FATAL_FAILURE(open(model));  // the context of the training is the whole one
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    EXPECT_FALSE(config()["rope_scaling"].contains("original_max_position_embeddings"));
    model.u32("llama.rope.scaling.original_context_length", 64);  // of 256
    model.f32("llama.rope.scaling.attn_factor", 0.5f);
    ASSERT_NO_FATAL_FAILURE(open(model));
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    EXPECT_EQ(config()["rope_scaling"]["original_max_position_embeddings"], 64);
    model.u32("llama.rope.scaling.original_context_length", 100);
    ASSERT_NO_FATAL_FAILURE(open(model));
    fs::remove_all(out());
    EXPECT_EQ(refusal().field, "rope.scaling.original_context_length");
    model = tinyModel(plain(TensorType::f16));
    model.f32("llama.rope.scaling.factor", 2.5f);
    ASSERT_NO_FATAL_FAILURE(open(model));
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    EXPECT_EQ(config()["rope_scaling"], (nlohmann::json{{"rope_type", "linear"}, {"factor", 2.5}}));
}

TEST_F(GgufSource, recognizesTheRuleOfLlama3InItsDivisors) {
    // Llama 3.2 1B: base 500000, heads of 64, factor 32 of 8192 tokens. A wavelength of more than 8192 is
    // divided by 32, one of less than 2048 by 1, others blend (Meta's apply_scaling).
    GgufWriter model = tinyModel([] {
        TinyModelOptions options = plain(TensorType::f16);
        options.headSize = 64;
        options.ropeBase = 500000;
        return options;
    }());
    std::string divisors;
    for (int i = 0; i < 32; ++i) {
        const double frequency = std::pow(500000.0, -2.0 * i / 64), wavelength = 2 * M_PI / frequency;
        const double smooth = (8192 / wavelength - 1) / 3;
        const double divisor = wavelength < 2048   ? 1
                               : wavelength > 8192 ? 32
                                                   : 1 / ((1 - smooth) / 32 + smooth);
        divisors += littleEndian(std::bit_cast<uint32_t>(static_cast<float>(divisor)));
    }
    model.tensors.push_back({"rope_freqs.weight", 0, {32}, divisors, {}});
    ASSERT_NO_FATAL_FAILURE(open(model));
    ASSERT_NO_FATAL_FAILURE(expectSameLogits(Kind::dense));
    EXPECT_EQ(config()["rope_scaling"], (nlohmann::json{{"rope_type", "llama3"},
                                                        {"factor", 32.0},
                                                        {"low_freq_factor", 1.0},
                                                        {"high_freq_factor", 4.0},
                                                        {"original_max_position_embeddings", 8192}}));
    model.tensors.back().data.replace(4 * 20, 4, littleEndian(std::bit_cast<uint32_t>(7.0f)));
    ASSERT_NO_FATAL_FAILURE(open(model));
    fs::remove_all(out());
    EXPECT_EQ(refusal().field, "rope_freqs.weight");
}

TEST_F(GgufSource, refusesATokenizerBeforeAnythingIsMade) {
    GgufWriter model = tinyModel(plain(TensorType::f16));
    model.text("tokenizer.ggml.pre", "tekken");
    ASSERT_NO_FATAL_FAILURE(open(model));
    EXPECT_EQ(refusal().field, "tokenizer.ggml.pre");
}

}  // namespace
}  // namespace edgechat::quant
