// The order of the operations, which both backends obey and so cannot find wrong by agreeing.
#include "inference/forward.h"

#include <gtest/gtest.h>

#include <string>

namespace edgechat::inference {
namespace {

/// Writes down what it is asked for.
class RecordingBackend final : public Backend {
  public:
    std::string calls;

    int maxBatch() const override { return 8; }
    uint64_t weightBytes() const override { return 0; }
    uint64_t bytesPerToken() const override { return 0; }
    int threads() const override { return 1; }
    int reusable(int tokens) const override { return tokens; }
    void embed(std::span<const int> tokens, int start) override {
        calls += "embed " + std::to_string(tokens.size()) + " at " + std::to_string(start);
    }
    void norm(int layer, NormRole role) override {
        add(role == NormRole::attention ? "norm1" : "norm2", layer);
    }
    void queryKeyValue(int layer) override { add("qkv", layer); }
    void attend(int layer) override { add("attend", layer); }
    void project(int layer) override { add("project", layer); }
    void mlpUp(int layer) override { add("up", layer); }
    void mlpDown(int layer) override { add("down", layer); }
    void head(int count, float*) override { calls += " head " + std::to_string(count); }

  private:
    void add(const char* name, int layer) { calls += std::string(" ") + name + "." + std::to_string(layer); }
};

std::string callsOf(bool parallel, int logits) {
    ModelConfig config;
    config.layers = 2;
    config.parallelResidual = parallel;
    RecordingBackend backend;
    const int tokens[] = {1, 2, 3};
    forward(backend, config, tokens, 5, logits, nullptr);
    return backend.calls;
}

TEST(Forward, addsAttentionBeforeTheMlpReads) {
    EXPECT_EQ(callsOf(false, 2),
              "embed 3 at 5 norm1.0 qkv.0 attend.0 project.0 norm2.0 up.0 down.0"
              " norm1.1 qkv.1 attend.1 project.1 norm2.1 up.1 down.1 head 2");
}

TEST(Forward, addsBothAfterBothHaveReadWithAParallelResidual) {
    EXPECT_EQ(callsOf(true, 0),
              "embed 3 at 5 norm1.0 qkv.0 attend.0 norm2.0 up.0 project.0 down.0"
              " norm1.1 qkv.1 attend.1 norm2.1 up.1 project.1 down.1");
}

}  // namespace
}  // namespace edgechat::inference
