// What a quantization decides before it starts: group sizes, memory, disk.
#include <gtest/gtest.h>

#include "quant/plan.h"
#include "tests/data/memory_checkpoint.h"

namespace edgechat::quant {
namespace {

using namespace inference;
using namespace testing;
using Kind = LinearForm::Kind;

/// A checkpoint of these shapes whose weights nobody may read: a large model costs nothing.
std::unique_ptr<Checkpoint> shapes(const ModelConfig& config, bool mlpNorm = true) {
    CheckpointContent content;
    content.config = config;
    const auto tensor = [](const std::string& name, int rows, int columns) {
        TensorInfo info;
        info.name = name;
        info.type = TensorType::f16;
        info.rows = rows;
        info.columns = columns;
        info.bytes = static_cast<uint64_t>(rows) * static_cast<uint64_t>(columns) * 2;
        return info;
    };
    const auto linear = [&](const std::string& name, int rows, int columns) {
        return LinearTensors{tensor(name, rows, columns), {}};
    };
    const auto norm = [&](const std::string& name) {
        return NormTensors{tensor(name, 1, config.hidden), {}};
    };
    ModelTensors& tensors = content.tensors;
    tensors.embedding = tensor("embedding", config.vocab, config.hidden);
    tensors.outputNorm = norm("norm");
    for (int i = 0; i < config.layers; ++i) {
        LayerTensors layer;
        layer.attentionNorm = norm("attention norm");
        layer.query = linear("the query", config.queryWidth(), config.hidden);
        layer.key = linear("the key", config.kvWidth(), config.hidden);
        layer.value = linear("the value", config.kvWidth(), config.hidden);
        layer.output = linear("the output", config.hidden, config.queryWidth());
        if (mlpNorm) layer.mlpNorm = norm("mlp norm");
        if (config.gatedMlp) layer.gate = linear("the gate", config.ffn, config.hidden);
        layer.up = linear("the up", config.ffn, config.hidden);
        layer.down = linear("the down", config.hidden, config.ffn);
        tensors.layers.push_back(std::move(layer));
    }
    forEachTensor(tensors, [&](const TensorInfo& info) { content.allTensors.push_back(info); });
    return Checkpoint::fromContent("shapes", std::move(content));
}

ModelConfig llama(int hidden, int heads, int kvHeads, int ffn) {
    ModelConfig config = smallConfig();
    config.hidden = hidden;
    config.heads = heads;
    config.kvHeads = kvHeads;
    config.headSize = hidden / heads;
    config.ffn = ffn;
    config.vocab = 32000;
    return config;
}

ModelConfig falcon7b() {
    ModelConfig config = llama(4544, 71, 1, 4 * 4544);
    config.architecture = "falcon";
    config.norm = NormKind::layer;
    config.activation = Activation::gelu;
    config.gatedMlp = false;
    config.parallelResidual = true;
    return config;
}

class Form : public ::testing::Test {
  protected:
    Result<OutputForm> form(const ModelConfig& config, int groupSize = 0, Method method = Method::awq) {
        m_warnings.clear();
        Recipe recipe;
        recipe.groupSize = groupSize;
        recipe.method = method;
        return chooseForm(*shapes(config), recipe, m_warnings);
    }
    void expectAll(const ModelConfig& config, int asked, int expected) {
        const Result<OutputForm> found = form(config, asked);
        ASSERT_TRUE(found) << found.error().message();
        EXPECT_EQ(found->linears.size(), config.gatedMlp ? 7u : 6u);
        for (const auto& [role, one] : found->linears) {
            EXPECT_EQ(one.kind, Kind::int4);
            EXPECT_EQ(one.groupSize, expected);
        }
        EXPECT_TRUE(m_warnings.empty());
    }
    std::vector<std::string> m_warnings;
};

TEST_F(Form, takesTheLargestGroupThatSuitsAll) {
    expectAll(llama(4096, 32, 32, 11008), 0, 128);  // LLaMA-2-7B
    expectAll(llama(4096, 32, 8, 14336), 0, 128);   // Mistral-7B
    expectAll(llama(2048, 32, 4, 5632), 0, 128);    // TinyLlama
    expectAll(llama(576, 9, 3, 1536), 0, 64);       // SmolLM2-135M
    expectAll(falcon7b(), 0, 64);                   // 4544 = 71 * 64
    expectAll(llama(96, 2, 2, 128), 0, 32);
    expectAll(llama(4096, 32, 32, 11008), 32, 32);
    expectAll(falcon7b(), 32, 32);
}

TEST_F(Form, leavesWhatNoGroupDividesInHalves) {
    const Result<OutputForm> found = form(llama(4096, 32, 32, 11000));  // 11000 = 8 * 1375
    ASSERT_TRUE(found) << found.error().message();
    for (const auto& [role, one] : found->linears)
        EXPECT_EQ(one.kind, role == LinearRole::down ? Kind::dense : Kind::int4);
    EXPECT_EQ(found->linears.at(LinearRole::query).groupSize, 128);
    ASSERT_EQ(m_warnings.size(), 1u);
    EXPECT_NE(m_warnings[0].find("the down"), std::string::npos) << m_warnings[0];

    // a size that suits as many as possible
    const Result<OutputForm> most = form(llama(4544, 71, 71, 1000));
    ASSERT_TRUE(most) << most.error().message();
    EXPECT_EQ(most->linears.at(LinearRole::query).groupSize, 64);
    EXPECT_EQ(most->linears.at(LinearRole::down).kind, Kind::dense);
}

TEST_F(Form, rowsThatDoNotPackStayInHalves) {
    const Result<OutputForm> found = form(llama(128, 2, 2, 100));  // 100 outputs: packs of 8
    ASSERT_TRUE(found) << found.error().message();
    EXPECT_EQ(found->linears.at(LinearRole::up).kind, Kind::dense);
    EXPECT_EQ(found->linears.at(LinearRole::query).kind, Kind::int4);
    EXPECT_EQ(m_warnings.size(), 3u);
}

TEST_F(Form, aSizeThatWasAskedForMustDivide) {
    const auto refused = [this](const ModelConfig& config, int groupSize, const char* tensor) {
        const Result<OutputForm> found = form(config, groupSize);
        ASSERT_FALSE(found);
        EXPECT_EQ(found.error().code, ErrorCode::badInput);
        const std::string message = found.error().message();
        EXPECT_NE(message.find(tensor), std::string::npos) << message;
        EXPECT_NE(message.find(std::to_string(groupSize)), std::string::npos) << message;
    };
    refused(falcon7b(), 128, "the query");
    refused(llama(4096, 32, 32, 11008 + 32), 64, "the down");
}

TEST_F(Form, aModelThatHasNothingToQuantizeIsRefused) {
    const Result<OutputForm> found = form(llama(100, 4, 4, 100));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::badInput);
}

TEST_F(Form, ofSmoothQuantIsEightBits) {
    const Result<OutputForm> found = form(llama(100, 4, 4, 100), 0, Method::smoothquant);
    ASSERT_TRUE(found);
    for (const auto& [role, one] : found->linears) EXPECT_EQ(one.kind, Kind::int8);
}

class Memory : public ::testing::Test {
  protected:
    static Result<Plan> plan(const Checkpoint& source, uint64_t limit, Method method = Method::awq) {
        Recipe recipe;
        recipe.method = method;
        return makePlan(source, recipe, 32, 512, 2, limit);
    }
    static uint64_t numberIn(const std::string& text) {
        const size_t digit = text.find_first_of("0123456789");
        return digit == std::string::npos ? 0 : std::stoull(text.substr(digit));
    }
};

TEST_F(Memory, sevenBillionParametersFitTheDefault) {
    for (const ModelConfig& config : {llama(4096, 32, 32, 11008), llama(4096, 32, 8, 14336), falcon7b()}) {
        const auto source = shapes(config, config.gatedMlp);
        const Result<Plan> found = plan(*source, kDefaultMemoryLimit);
        ASSERT_TRUE(found) << found.error().message();
        EXPECT_LE(found->memoryBytes, kDefaultMemoryLimit);
        EXPECT_GT(found->memoryBytes, 400'000'000u) << "one layer alone is as large";
        EXPECT_GT(found->outputBytes, 0u);
        // the residual stream of 32 * 512 tokens, twice
        EXPECT_GE(found->workBytes, static_cast<uint64_t>(2) * 32 * 512 * 4096 * 4);
    }
}

TEST_F(Memory, aLimitCutsTheGramMatrices) {
    const auto source = shapes(llama(4096, 32, 8, 14336));
    const Result<Plan> free = plan(*source, UINT64_MAX);
    ASSERT_TRUE(free);
    EXPECT_TRUE(free->blocks.empty());
    uint64_t limit = free->memoryBytes;
    int steps = 0;
    for (; steps < 20; ++steps) {
        const Result<Plan> less = plan(*source, limit - 1);
        if (!less) break;
        EXPECT_LT(less->memoryBytes, limit);
        int parts = 0;
        for (const auto& [site, count] : less->blocks) {
            EXPECT_GE(count, 1);
            parts += count;
        }
        EXPECT_GT(parts, 1);
        limit = less->memoryBytes;
    }
    EXPECT_GT(steps, 2);
}

TEST_F(Memory, aLimitThatIsTooLowNamesTheLowestThatWorks) {
    for (const Method method : {Method::awq, Method::rtn, Method::smoothquant}) {
        const auto source = shapes(llama(2048, 32, 4, 5632));
        const Result<Plan> refused = plan(*source, 1000, method);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::doesNotFit);
        EXPECT_EQ(refused.error().field, "--memory-limit");
        const uint64_t least = numberIn(refused.error().expected);
        ASSERT_GT(least, 1000u) << refused.error().message();
        EXPECT_TRUE(plan(*source, least, method)) << refused.error().message();
        EXPECT_FALSE(plan(*source, least - 1, method));
    }
}

TEST_F(Memory, ofEveryThreadCounts) {
    const auto source = shapes(llama(2048, 32, 4, 5632));
    const Result<Plan> one = makePlan(*source, {}, 32, 512, 1, UINT64_MAX),
                       eight = makePlan(*source, {}, 32, 512, 8, UINT64_MAX);
    ASSERT_TRUE(one && eight);
    EXPECT_GT(eight->memoryBytes, one->memoryBytes);
}

TEST(Samples, areFewerForALargeModel) {
    ModelConfig config = smallConfig();
    config.parameters = 135'000'000;
    const int64_t small = defaultSamples(config);
    config.parameters = 1'100'000'000;
    const int64_t middle = defaultSamples(config);
    EXPECT_LT(middle, small);
    config.parameters = 7'000'000'000;
    EXPECT_LT(defaultSamples(config), middle);
    EXPECT_GE(defaultSamples(config) * 512, kFewestTokens);
}

}  // namespace
}  // namespace edgechat::quant
