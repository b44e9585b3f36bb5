// Typed access to GGUF metadata with errors that name the key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/model/gguf.h"

namespace edgechat::inference {

/// Reads keys of one container. The first failure sticks and later calls return fallbacks, so that a whole
/// group of keys is read first and checked once.
class GgufFields {
  public:
    GgufFields(const GgufContainer& container, std::string fileName)
        : m_container(container), m_fileName(std::move(fileName)) {}

    bool ok() const { return !m_error; }
    const Error& error() const { return *m_error; }
    void fail(std::string field, std::string found, std::string expected);

    bool has(std::string_view key) const { return find(key) != nullptr; }
    const GgufValue* find(std::string_view key) const;

    /// Any integer type; a float, text or a value outside [least, most] is an error.
    uint64_t integer(std::string_view key, uint64_t least, uint64_t most);
    uint64_t integerOr(std::string_view key, uint64_t fallback, uint64_t least, uint64_t most);
    /// As integer(), but a per-layer array of equal numbers is accepted too.
    uint64_t sameInteger(std::string_view key, uint64_t least, uint64_t most);
    /// f32 or f64, finite and above zero.
    double positive(std::string_view key);
    double positiveOr(std::string_view key, double fallback);
    bool booleanOr(std::string_view key, bool fallback);
    std::string text(std::string_view key);
    std::string textOr(std::string_view key, std::string fallback);
    /// Arrays; null when the key is absent or of another kind (then an error is kept).
    const std::vector<std::string>* texts(std::string_view key);
    const std::vector<int64_t>* integers(std::string_view key);
    const std::vector<double>* numbers(std::string_view key);

  private:
    const GgufValue* require(std::string_view key, const char* expected);
    void failType(std::string_view key, const GgufValue& value, const char* expected);

    const GgufContainer& m_container;
    std::string m_fileName;
    std::optional<Error> m_error;
};

}  // namespace edgechat::inference
