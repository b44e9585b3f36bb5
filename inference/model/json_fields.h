// Typed access to a JSON object of a model's files, with errors that name file and key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "inference/result.h"

namespace edgechat::inference {

/// Reads keys of one object. The first failure sticks, in this object's fields and in those of the objects
/// inside it alike, and later calls return fallbacks, so that a whole group of keys is read first and checked
/// once. A key whose value is null counts as absent. Refers to the JSON value, which must outlive it.
class JsonFields {
  public:
    JsonFields(const nlohmann::json& object, std::string fileName)
        : m_object(&object), m_fileName(std::move(fileName)), m_error(std::make_shared<State>()) {}

    bool ok() const { return !*m_error; }
    const Error& error() const { return **m_error; }
    /// @param key  of this object; the message shows it behind the keys of the objects around it
    void fail(std::string_view key, std::string found, std::string expected);

    bool has(std::string_view key) const { return find(key) != nullptr; }
    /// The value, or null when the key is absent or says null.
    const nlohmann::json* find(std::string_view key) const;
    /// The first of the keys that is there, else the first one: for keys that went by several names.
    std::string_view nameOf(std::initializer_list<std::string_view> keys) const;

    /// A whole number written without fraction or exponent, in [least, most].
    int64_t integer(std::string_view key, int64_t least, int64_t most);
    int64_t integerOr(std::string_view key, int64_t fallback, int64_t least, int64_t most);
    /// A number above zero that fp32 can hold.
    double positive(std::string_view key);
    double positiveOr(std::string_view key, double fallback);
    bool booleanOr(std::string_view key, bool fallback);
    std::string text(std::string_view key);
    std::string textOr(std::string_view key, std::string fallback);
    /// An array of texts; empty when absent.
    std::vector<std::string> texts(std::string_view key);
    /// The object under a key; empty when the key is absent or holds something else (then an error is kept).
    std::optional<JsonFields> object(std::string_view key);

    const std::string& fileName() const { return m_fileName; }
    const nlohmann::json& json() const { return *m_object; }

  private:
    using State = std::optional<Error>;

    const nlohmann::json* require(std::string_view key, const char* expected);
    void failType(std::string_view key, const nlohmann::json& value, const std::string& expected);

    const nlohmann::json* m_object;
    std::string m_fileName;
    std::string m_prefix;  // "rope_scaling."
    std::shared_ptr<State> m_error;
};

/// What stands there, short enough for a message: "a text", "128", "an array".
std::string describeJson(const nlohmann::json& value);

}  // namespace edgechat::inference
