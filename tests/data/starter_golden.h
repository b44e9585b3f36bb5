// What transformers computed with the starter model: tests/data/smollm2_reference_logits.bin, whose format is
// in tests/data/README.md.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <vector>

namespace edgechat::testing {

struct StarterGolden {
    std::vector<int32_t> tokens;
    struct Position {
        int32_t best;
        float logSumExp;
        std::vector<int32_t> ids;
        std::vector<float> logits;
    };
    std::vector<Position> positions;
};

inline StarterGolden readStarterGolden() {
    std::ifstream file(EDGECHAT_TESTS_DATA "/smollm2_reference_logits.bin", std::ios::binary);
    const auto read = [&](void* out, size_t bytes) {
        file.read(static_cast<char*>(out), static_cast<std::streamsize>(bytes));
    };
    char magic[8], sha[64];
    uint32_t count = 0, kept = 0, textBytes = 0;
    read(magic, 8), read(sha, 64), read(&count, 4), read(&kept, 4), read(&textBytes, 4);
    StarterGolden golden;
    if (!file || std::memcmp(magic, "ECREFLG1", 8) != 0 || count > 4096 || kept > 4096) return golden;
    golden.tokens.resize(count);
    read(golden.tokens.data(), 4 * count);
    for (uint32_t t = 0; t < count; ++t) {
        StarterGolden::Position position{0, 0, std::vector<int32_t>(kept), std::vector<float>(kept)};
        float bestLogit;
        read(&position.best, 4), read(&bestLogit, 4), read(&position.logSumExp, 4);
        read(position.ids.data(), 4 * kept), read(position.logits.data(), 4 * kept);
        golden.positions.push_back(std::move(position));
    }
    EXPECT_TRUE(file.good());
    return golden;
}

}  // namespace edgechat::testing
