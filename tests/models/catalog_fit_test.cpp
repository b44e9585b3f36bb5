// The weights of the catalog's models in memory after INT4, against sums written out by hand from their
// shapes: rows x columns of each matrix, 4 bits an element and 3 bytes a group, 2 bytes for embedding and
// head, 4 bytes for norms.
#include <gtest/gtest.h>

#include "models/catalog.h"
#include "models/fit.h"

namespace edgechat::models {
namespace {

using inference::KvKind;

/// Bytes of elements in groups: half a byte each, an fp16 scale and one byte of zero point a group.
constexpr uint64_t int4(uint64_t elements, uint64_t group) {
    return elements / 2 + elements / group * 3;
}

struct Shape {
    uint64_t layers, hidden, query, kv, ffn, vocab, group;
    bool tied;
};

constexpr uint64_t llamaBytes(const Shape& s) {
    const uint64_t layer =
        2 * s.query * s.hidden + 2 * s.kv * s.hidden + 3 * s.ffn * s.hidden;  // q, o; k, v; gate, up, down
    return int4(s.layers * layer, s.group) + (s.tied ? 1 : 2) * s.vocab * s.hidden * 2 +
           (2 * s.layers + 1) * s.hidden * 4;
}

// Worked out on paper once more, so that the formula itself is checked.
static_assert(llamaBytes({32, 4096, 4096, 4096, 11008, 32000, 128, false}) ==
              3'389'784'064u + 2 * 262'144'000u + 1'064'960u);

struct Case {
    const char* id;
    uint64_t weights;
    uint64_t kvPerToken;  // bytes at fp16
    double awqGigabytes;  // of the weights file in AWQ's form
};

const Case kCases[] = {
    {"smollm2-135m-instruct", llamaBytes({30, 576, 576, 192, 1536, 49152, 64, true}), 30 * 2 * 192 * 2, 0.11},
    {"smollm2-360m-instruct", llamaBytes({32, 960, 960, 320, 2560, 49152, 64, true}), 32 * 2 * 320 * 2, 0.26},
    {"tinyllama-1.1b-chat", llamaBytes({22, 2048, 2048, 256, 5632, 32000, 128, false}), 22 * 2 * 256 * 2,
     0.77},
    {"llama-3.2-1b-instruct", llamaBytes({16, 2048, 2048, 512, 8192, 128256, 128, true}), 16 * 2 * 512 * 2,
     1.03},
    {"falcon3-1b-instruct", llamaBytes({18, 2048, 2048, 1024, 8192, 131072, 128, false}), 18 * 2 * 1024 * 2,
     1.66},
    {"smollm2-1.7b-instruct", llamaBytes({24, 2048, 2048, 2048, 8192, 49152, 128, true}), 24 * 2 * 2048 * 2,
     1.04},
    {"llama-3.2-3b-instruct", llamaBytes({28, 3072, 3072, 1024, 8192, 128256, 128, true}), 28 * 2 * 1024 * 2,
     2.25},
    {"falcon3-3b-instruct", llamaBytes({22, 3072, 3072, 1024, 9216, 131072, 128, false}), 22 * 2 * 1024 * 2,
     2.87},
    {"mistral-7b-instruct-v0.3", llamaBytes({32, 4096, 4096, 1024, 14336, 32768, 128, false}),
     32 * 2 * 1024 * 2, 4.16},
    {"mistral-7b-instruct-v0.2", llamaBytes({32, 4096, 4096, 1024, 14336, 32000, 128, false}),
     32 * 2 * 1024 * 2, 4.15},
    {"llama-2-7b-chat", 3'389'784'064u + 2 * 262'144'000u + 1'064'960u, 32 * 2 * 4096 * 2, 3.89},
    // Falcon-7B, a layer: queries 4544 x 4544, one key and one value of 64 rows, output 4544 x 4544, MLP
    // 18176 x 4544 and back, one LayerNorm with a bias, and AWQ's divisors behind the activation.
    {"falcon-7b-instruct",
     32 * (int4(2 * 4544 * 4544 + 2 * 64 * 4544 + 2 * 18176 * 4544, 64) + 2 * 4544 * 4 + 18176 * 4) +
         65024 * 4544 * 2 + 2 * 4544 * 4,
     32 * 2 * 64 * 2, 4.16},
    {"falcon3-7b-instruct", llamaBytes({28, 3072, 3072, 1024, 23040, 131072, 128, false}), 28 * 2 * 1024 * 2,
     5.07},
    {"llama-3.1-8b-instruct", llamaBytes({32, 4096, 4096, 1024, 14336, 128256, 128, false}),
     32 * 2 * 1024 * 2, 5.73},
};

class CatalogFit : public ::testing::TestWithParam<Case> {
  protected:
    static CatalogEntry entry() {
        const Result<std::vector<CatalogEntry>> entries = builtInCatalog();
        for (const CatalogEntry& entry : *entries) {
            if (entry.id == QLatin1String(GetParam().id)) return entry;
        }
        ADD_FAILURE() << GetParam().id;
        return {};
    }
};

TEST_P(CatalogFit, weightsAndCacheAreThoseWorkedOutByHand) {
    const CatalogEntry model = entry();
    const Result<PlannedModel> planned = planModel(model.modelFiles(), model.config, {}, quant::Recipe{});
    ASSERT_TRUE(planned) << planned.error().message();
    EXPECT_TRUE(planned->quantizes);
    EXPECT_TRUE(planned->exact) << planned->notes.join(u' ').toStdString();
    const MemoryFit fit = memoryFit(*planned, 2048, KvKind::fp16, uint64_t{64} << 30);
    EXPECT_EQ(fit.weights, GetParam().weights);
    EXPECT_EQ(fit.kv, 2048 * GetParam().kvPerToken);
    // A scale of fp16 for each head's key and value beside one byte an element.
    EXPECT_LT(memoryFit(*planned, 2048, KvKind::int8, 0).kv, fit.kv * 6 / 10);
    EXPECT_EQ(planned->loaded->config().parameters, model.parameters);
    EXPECT_EQ(planned->loaded->tensors().layers[0].down.weight.groupSize, model.groupSize);
    // What AutoAWQ's authors and others have published of the same shapes.
    uint64_t companions = 0;
    for (const RepositoryFile& file : model.modelFiles().companions) companions += file.bytes;
    EXPECT_NEAR(static_cast<double>(planned->outputBytes - companions) / 1e9, GetParam().awqGigabytes, 0.01);
}

TEST_P(CatalogFit, theDefaultContextFitsWhereTheBadgeSaysSo) {
    const CatalogEntry model = entry();
    const Result<PlannedModel> planned = planModel(model.modelFiles(), model.config, {}, quant::Recipe{});
    ASSERT_TRUE(planned);
    // A board of 8 GB without a desktop: about 5.6 GiB for a model.
    const uint64_t board = (uint64_t{56} << 30) / 10;
    const MemoryFit fit = memoryFit(*planned, model.context, KvKind::fp16, board);
    EXPECT_EQ(fit.fits(), model.badge != QLatin1String("advanced"))
        << fit.total() << " bytes, badge " << model.badge.toStdString();
    if (fit.fits()) {
        EXPECT_GE(fit.largestContext, model.context);
        EXPECT_LE(memoryFit(*planned, fit.largestContext, KvKind::fp16, board).total(), board);
        if (fit.largestContext < planned->loaded->config().context) {
            EXPECT_GT(memoryFit(*planned, fit.largestContext + 64, KvKind::fp16, board).total(), board);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(all, CatalogFit, ::testing::ValuesIn(kCases), [](const auto& info) {
    std::string name = info.param.id;
    for (char& c : name) c = c == '-' || c == '.' ? '_' : c;
    return name;
});

}  // namespace
}  // namespace edgechat::models
