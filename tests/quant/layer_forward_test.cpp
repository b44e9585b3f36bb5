// The layers as calibration runs them, against transformers' logits and the reference backend's, for all
// families.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "inference/forward.h"
#include "inference/reference/reference_backend.h"
#include "quant/hidden_states.h"
#include "quant/layer_forward.h"
#include "tests/data/hf_folder.h"
#include "tests/data/random_values.h"
#include "tests/inference/parity/parity_models.h"
#include "tests/quant/small_source.h"

namespace edgechat::quant {
namespace {

using namespace inference;
using namespace testing;
using cpu::ThreadPool;

constexpr double kTolerance = 1e-3;  // of a logit

/// Output norm and head in fp64.
std::vector<double> logitsAt(const Checkpoint& source, const float* x) {
    const ModelConfig& config = source.config();
    const auto hidden = static_cast<size_t>(config.hidden);
    const auto values = [&source](const TensorInfo& tensor) {
        Result<std::vector<float>> read = source.readVector(tensor);
        return read ? *read : std::vector<float>();
    };
    const std::vector<float> weight = values(source.tensors().outputNorm.weight);
    std::vector<float> bias(hidden);
    if (source.tensors().outputNorm.bias) bias = values(*source.tensors().outputNorm.bias);
    double mean = 0, squares = 0;
    if (config.norm == NormKind::layer) {
        for (size_t i = 0; i < hidden; ++i) mean += double{x[i]} / static_cast<double>(hidden);
    }
    for (size_t i = 0; i < hidden; ++i) squares += (double{x[i]} - mean) * (double{x[i]} - mean);
    const double scale =
        1 / std::sqrt(squares / static_cast<double>(hidden) + static_cast<double>(config.normEps));
    const LinearTensors tied{source.tensors().embedding, {}};
    const LinearTensors& head = source.tensors().head ? *source.tensors().head : tied;
    const std::vector<float> matrix = values(head.weight);
    std::vector<double> logits;
    for (size_t row = 0; row < static_cast<size_t>(config.vocab); ++row) {
        double sum = 0;
        for (size_t i = 0; i < hidden; ++i) {
            const double normalized = (double{x[i]} - mean) * scale * double{weight[i]} + double{bias[i]};
            sum += normalized * double{matrix[row * hidden + i]};
        }
        logits.push_back(sum);
    }
    return logits;
}

/// Which inputs were shown.
struct Visits {
    std::map<InputSite, std::set<int64_t>> columns;
    std::map<InputSite, std::vector<bool>> seen;  // by token

    void add(InputSite site, const MatrixView& x, int64_t firstToken, int64_t tokens) {
        columns[site].insert(x.columns);
        std::vector<bool>& rows = seen[site];
        rows.resize(static_cast<size_t>(tokens));
        for (int64_t t = firstToken; t < firstToken + x.rows; ++t) {
            EXPECT_FALSE(rows.at(static_cast<size_t>(t))) << "a token twice";
            rows.at(static_cast<size_t>(t)) = true;
        }
    }
};

class Layers : public ::testing::TestWithParam<ParityModel> {
  protected:
    void SetUp() override {
        Result<std::unique_ptr<Checkpoint>> source = Checkpoint::open(m_model.path());
        ASSERT_TRUE(source) << source.error().message();
        m_source = std::move(*source);
        ASSERT_TRUE(checkDense(*m_source));
        m_golden = readGolden(GetParam());
        ASSERT_FALSE(m_golden.ids.empty());
    }

    /// The residual stream behind the last layer of as many windows, all of the golden's tokens.
    void run(int64_t windows) {
        const auto window = static_cast<int>(m_golden.ids.size());
        CalibrationWindows calibration;
        calibration.window = window;
        for (int64_t i = 0; i < windows; ++i)
            calibration.ids.insert(calibration.ids.end(), m_golden.ids.begin(), m_golden.ids.end());
        const int64_t tokens = windows * window, hidden = m_source->config().hidden;
        const std::filesystem::path file = m_folder.path() / "hidden.f32";
        {
            Result<NewHiddenStates> states = NewHiddenStates::create(file, hidden);
            ASSERT_TRUE(states);
            ASSERT_TRUE(embedTokens(*m_source, calibration, *states));
            EXPECT_FALSE(std::filesystem::exists(file)) << "not before it is kept";
            ASSERT_TRUE(states->keep());
        }
        Result<HiddenStates> states = HiddenStates::open(file, tokens, hidden);
        ASSERT_TRUE(states) << states.error().message();
        EXPECT_FALSE(HiddenStates::open(file, tokens + 1, hidden));
        m_x.resize(static_cast<size_t>(tokens * hidden));
        ASSERT_TRUE(states->read(0, tokens, m_x.data()));
        ThreadPool pool(2);
        const std::unique_ptr<DenseProduct> product = makeDenseProduct(pool);
        LayerForward forward(m_source->config(), window, pool, *product);
        for (int index = 0; index < m_source->config().layers; ++index) {
            const Result<LayerWeights> layer = readLayer(*m_source, index);
            ASSERT_TRUE(layer) << layer.error().message();
            Visits visits;
            ASSERT_TRUE(forward.run(*layer, windows, m_x.data(), [&](const SiteInputs& inputs) {
                EXPECT_TRUE(inputs.weights.empty());
                visits.add(inputs.site, inputs.x, inputs.firstToken, tokens);
            }));
            expectAllSites(visits, *layer);
        }
    }

    void expectAllSites(const Visits& visits, const LayerWeights& layer) const {
        const ModelConfig& config = m_source->config();
        std::map<InputSite, std::set<int64_t>> expected = {{InputSite::attention, {config.hidden}},
                                                           {InputSite::output, {config.queryWidth()}},
                                                           {InputSite::down, {config.ffn}}};
        if (layer.mlpNorm) expected[InputSite::mlp] = {config.hidden};
        EXPECT_EQ(visits.columns, expected);
        for (const auto& [site, rows] : visits.seen)
            EXPECT_EQ(std::count(rows.begin(), rows.end(), false), 0) << static_cast<int>(site);
        for (const auto& [role, linear] : layer.linears)
            EXPECT_EQ(visits.columns.count(siteOf(role, layer.mlpNorm.has_value())), 1u);
    }

    const float* behind(int64_t token) const { return m_x.data() + token * m_source->config().hidden; }

    ParityFolder m_model{GetParam()};
    TemporaryFolder m_folder;
    std::unique_ptr<Checkpoint> m_source;
    Golden m_golden;
    std::vector<float> m_x;
};

TEST_P(Layers, giveTransformersLogits) {
    constexpr int64_t kWindows = 3;
    ASSERT_NO_FATAL_FAILURE(run(kWindows));
    for (int64_t window = 0; window < kWindows; ++window) {
        for (size_t kept = 0; kept < m_golden.positions.size(); ++kept) {
            const int64_t token =
                window * static_cast<int64_t>(m_golden.ids.size()) + m_golden.positions[kept];
            const std::vector<double> found = logitsAt(*m_source, behind(token));
            const std::span<const float> expected = m_golden.logitsOf(kept);
            ASSERT_EQ(found.size(), expected.size());
            for (size_t i = 0; i < found.size(); ++i)
                ASSERT_NEAR(found[i], double{expected[i]}, kTolerance) << "token " << token << ", id " << i;
        }
    }
}

TEST_P(Layers, giveTheReferencesLogits) {
    ASSERT_NO_FATAL_FAILURE(run(1));
    const std::vector<int> ids(m_golden.ids.begin(), m_golden.ids.end());
    Result<std::unique_ptr<Checkpoint>> copy = Checkpoint::open(m_model.path());
    ASSERT_TRUE(copy);
    auto backend = reference::ReferenceBackend::load(std::move(*copy), 2, static_cast<int>(ids.size()),
                                                     [](uint64_t, uint64_t) { return true; });
    ASSERT_TRUE(backend) << backend.error().message();
    const ModelConfig& config = m_source->config();
    std::vector<float> logits(static_cast<size_t>(64 * config.vocab));
    for (size_t first = 0; first < ids.size(); first += 64) {
        const size_t count = std::min<size_t>(64, ids.size() - first);
        forward(**backend, config, std::span(ids).subspan(first, count), static_cast<int>(first),
                static_cast<int>(count), logits.data());
        for (size_t t = 0; t < count; t += 5) {
            const std::vector<double> found = logitsAt(*m_source, behind(static_cast<int64_t>(first + t)));
            for (size_t i = 0; i < found.size(); ++i)
                ASSERT_NEAR(found[i], double{logits[t * found.size() + i]}, kTolerance) << first + t;
        }
    }
}

std::vector<ParityModel> denseModels() {
    std::vector<ParityModel> models = parityModels();
    std::erase_if(models, [](const ParityModel& model) {
        const bool dense = model.format == "safetensors" || model.name == "gguf_llama3" ||
                           model.name == "gguf_llama_biases" || model.name == "gguf_mistral_window";
        return !dense;
    });
    return models;
}
INSTANTIATE_TEST_SUITE_P(Parity, Layers, ::testing::ValuesIn(denseModels()),
                         [](const ::testing::TestParamInfo<ParityModel>& info) { return info.param.name; });

/// With queries of zero every token attends to those up to it alike, a_ts = 1 / (t + 1), and the weights
/// follow by hand: the inverse length of the residual stream; for values the root of the sum of a_ts^2 /
/// |x_t|^2, for keys of (a_ts (1 - a_ts))^2 / |x_t|^2.
TEST(LayerForward, weighsErrorsByTheirEffect) {
    for (const SmallFamily family : {SmallFamily::llama, SmallFamily::falcon7b, SmallFamily::falcon40b}) {
        SCOPED_TRACE(nameOf(family));
        TemporaryFolder folder;
        writeSource(smallSource(family), folder.path());
        const Result<std::unique_ptr<Checkpoint>> source = Checkpoint::open(folder.path());
        ASSERT_TRUE(source);
        const ModelConfig& config = (*source)->config();
        Result<LayerWeights> layer = readLayer(**source, 0);
        ASSERT_TRUE(layer);
        std::fill(layer->linears[LinearRole::query].stored.begin(),
                  layer->linears[LinearRole::query].stored.end(), std::byte{0});
        constexpr int kWindow = 20, kWindows = 2;
        constexpr int64_t kTokens = kWindow * kWindows;
        ThreadPool pool(2);
        const std::unique_ptr<DenseProduct> product = makeDenseProduct(pool);
        LayerForward forward(config, kWindow, pool, *product);
        std::vector<float> x = RandomValues(4).vector(static_cast<size_t>(kTokens * config.hidden));
        for (int i = 0; i < config.hidden; ++i)
            x[static_cast<size_t>(3 * config.hidden + i)] *= 40;  // massive
        const auto inverseLengths = [&] {
            std::vector<double> lengths;
            for (int64_t t = 0; t < kTokens; ++t) {
                double squares = 0;
                for (int64_t i = 0; i < config.hidden; ++i)
                    squares += std::pow(double{x[static_cast<size_t>(t * config.hidden + i)]}, 2);
                lengths.push_back(1 / std::sqrt(squares / config.hidden));
            }
            return lengths;
        };
        const std::vector<double> before = inverseLengths();
        std::map<InputSite, std::vector<float>> weights;
        std::map<InputSite, std::vector<float>> inputs;
        ASSERT_TRUE(forward.run(
            *layer, kWindows, x.data(),
            [&](const SiteInputs& site) {
                ASSERT_EQ(site.firstToken, 0);
                weights[site.site].assign(site.weights.begin(), site.weights.end());
                inputs[site.site].assign(site.x.data, site.x.data + site.x.rows * site.x.columns);
            },
            InputWeights::effect));
        const std::vector<double> behind = inverseLengths();
        EXPECT_EQ(inputs[InputSite::key], inputs[InputSite::attention]);
        EXPECT_EQ(inputs[InputSite::value], inputs[InputSite::attention]);
        for (int64_t t = 0; t < kTokens; ++t) {
            const auto at = static_cast<size_t>(t);
            double value = 0, key = 0;
            for (int64_t reader = t; reader < (t / kWindow + 1) * kWindow; ++reader) {
                const double a = 1.0 / static_cast<double>(reader % kWindow + 1);
                value += config.heads * std::pow(a * before[static_cast<size_t>(reader)], 2);
                key += config.heads * std::pow(a * (1 - a) * before[static_cast<size_t>(reader)], 2);
            }
            const auto expect = [&](InputSite site, double expected) {
                EXPECT_NEAR(double{weights[site].at(at)}, expected, 1e-4 * expected)
                    << "site " << static_cast<int>(site) << " token " << t;
            };
            expect(InputSite::attention, before[at]);
            expect(InputSite::output, before[at]);
            expect(InputSite::down, behind[at]);
            if (layer->mlpNorm) expect(InputSite::mlp, behind[at]);
            expect(InputSite::value, std::sqrt(value));
            expect(InputSite::key, std::sqrt(key));
        }
    }
}

TEST(LayerForward, saysWhenAValueIsNoNumber) {
    for (const ParityModel& model : denseModels()) {
        if (model.name != "llama_v2") continue;
        const ParityFolder folder(model);
        const Result<std::unique_ptr<Checkpoint>> source = Checkpoint::open(folder.path());
        ASSERT_TRUE(source);
        const Result<LayerWeights> layer = readLayer(**source, 0);
        ASSERT_TRUE(layer);
        ThreadPool pool(1);
        const std::unique_ptr<DenseProduct> product = makeDenseProduct(pool);
        LayerForward forward((*source)->config(), 16, pool, *product);
        std::vector<float> x(static_cast<size_t>(16 * (*source)->config().hidden), 0.5f);
        const auto nobody = [](const SiteInputs&) {};
        EXPECT_TRUE(forward.run(*layer, 1, x.data(), nobody));
        x[200] = NAN;
        EXPECT_FALSE(forward.run(*layer, 1, x.data(), nobody));
        return;
    }
    FAIL() << "no such model";
}

}  // namespace
}  // namespace edgechat::quant
