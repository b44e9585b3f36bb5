// Random numbers that are the same with every standard library.
#pragma once

#include <cstdint>
#include <vector>

namespace edgechat::testing {

class RandomValues {
  public:
    explicit RandomValues(uint64_t seed) : m_state(seed) {}

    /// Uniform in [-1, 1).
    float next() {
        uint64_t z = (m_state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return static_cast<float>((z ^ (z >> 31)) >> 40) * 0x1p-23f - 1.0f;
    }

    std::vector<float> vector(size_t count, float spread = 1.0f) {
        std::vector<float> values(count);
        for (float& value : values) value = spread * next();
        return values;
    }

  private:
    uint64_t m_state;
};

}  // namespace edgechat::testing
