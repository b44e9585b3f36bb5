#include "tests/gpu/bench_report.h"

#include <gtest/gtest.h>

namespace edgechat::gpu {
namespace {

using nlohmann::ordered_json;

// Dense fp16 with fp32 sums as NVIDIA's data sheets have it, at the clocks that they name.
TEST(DenseFp16Peak, isThatOfTheDataSheets) {
    EXPECT_NEAR(denseFp16Peak(9, 0, 132, 1.83e9) / 1e12, 989.4, 1);  // H100 SXM
    EXPECT_NEAR(denseFp16Peak(8, 0, 108, 1.41e9) / 1e12, 312, 1);    // A100
    EXPECT_NEAR(denseFp16Peak(7, 5, 40, 1.59e9) / 1e12, 65, 1);      // T4
    EXPECT_NEAR(denseFp16Peak(8, 6, 84, 1.80e9) / 1e12, 154.8, 1);   // RTX A6000
    EXPECT_NEAR(denseFp16Peak(8, 9, 142, 2.52e9) / 1e12, 366, 1);    // L40S
    EXPECT_NEAR(denseFp16Peak(8, 7, 8, 0.625e9) / 1e12, 10.2, 0.1);  // Orin Nano, 20 dense int8 TOPS
    EXPECT_EQ(denseFp16Peak(12, 0, 170, 2.4e9), 0);
}

ordered_json model(double decode, double prefill, double launches, const char* architecture) {
    return {{"architecture", architecture},
            {"launches_per_layer", launches},
            {"decode", {{"share_of_bandwidth", decode}}},
            {"prefill", {{"share_of_dense_fp16", prefill}}}};
}

ordered_json device(const char* capability) {
    return {{"compute_capability", capability}};
}

std::vector<bool> met(const ordered_json& targets) {
    std::vector<bool> all;
    for (const ordered_json& target : targets) all.push_back(target.at("met"));
    return all;
}

TEST(Targets, onAJetsonAreDecodePrefillAndLaunches) {
    EXPECT_EQ(met(targetsOf(device("8.7"), model(0.80, 0.55, 7, "llama"))), (std::vector{true, true, true}));
    EXPECT_EQ(met(targetsOf(device("8.7"), model(0.79, 0.54, 7.5, "mistral"))),
              (std::vector{false, false, false}));
}

TEST(Targets, onAnH100AreLowerAndWithoutPrefill) {
    EXPECT_EQ(met(targetsOf(device("9.0"), model(0.75, 0.1, 4, "falcon"))), (std::vector{true, true}));
    EXPECT_EQ(met(targetsOf(device("9.0"), model(0.74, 0.9, 5, "falcon"))), (std::vector{false, false}));
}

TEST(Targets, areTheSpeedOfCublasWhereThatIsThere) {
    ordered_json with = model(0.1, 0.1, 7, "llama");
    with["prefill"]["tokens_per_second"] = 970;
    with["prefill_by_cublas"] = {{"tokens_per_second", 1000}};
    EXPECT_EQ(met(targetsOf(device("8.6"), with)), (std::vector{true, true}));
    with["prefill"]["tokens_per_second"] = 950;
    EXPECT_EQ(met(targetsOf(device("8.6"), with)), (std::vector{false, true}));
}

TEST(Targets, elsewhereAreLaunches) {
    EXPECT_EQ(met(targetsOf(device("8.6"), model(0.1, 0.1, 7, "llama"))), (std::vector{true}));
}

TEST(Markdown, keepsAModelThatCouldNotBeRun) {
    const ordered_json results = {{"run", {{"date", "2026-11-26"}}},
                                  {"device",
                                   {{"name", "a card"},
                                    {"compute_capability", "12.0"},
                                    {"multiprocessors", 4},
                                    {"clock_hz", 1e9},
                                    {"memory_bytes", 4e9},
                                    {"driver_cuda", "13.0"},
                                    {"runtime_cuda", "13.0"},
                                    {"bytes_per_second_of_the_bus", 1e11},
                                    {"read_bytes_per_second", 9e10},
                                    {"copy_bytes_per_second", 8e10}}},
                                  {"models", {{{"model", "llama-2-7b"}, {"error", "does not fit"}}}}};
    const std::string text = markdown(results);
    EXPECT_NE(text.find("\n| llama-2-7b | does not fit |\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\n| dense fp16, computed | unknown |\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace edgechat::gpu
