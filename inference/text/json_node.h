// Reading a JSON file's values with the path to each, so that a message can name the one that is wrong.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "inference/model/gguf.h"
#include "inference/result.h"

namespace edgechat::inference {

/// Where the values of one file report what is wrong with them; the first report counts.
class JsonProblems {
  public:
    JsonProblems(std::string what, std::string file) : m_what(std::move(what)), m_file(std::move(file)) {}

    void report(std::string field, std::string found, std::string expected) {
        if (m_first) return;
        m_first = Error{ErrorCode::badInput, m_what,           m_file,
                        std::move(field),    std::move(found), std::move(expected)};
    }
    bool ok() const { return !m_first; }
    const Error& error() const { return *m_first; }
    const std::string& file() const { return m_file; }

  private:
    std::string m_what, m_file;
    std::optional<Error> m_first;
};

/// A value in a file, or the lack of one. Reading the wrong kind reports it and gives an empty value.
class JsonNode {
  public:
    JsonNode(const nlohmann::json* value, std::string path, JsonProblems& problems)
        : m_value(value), m_path(std::move(path)), m_problems(&problems) {}

    const std::string& path() const { return m_path; }
    /// Missing, or null.
    bool absent() const { return !m_value || m_value->is_null(); }
    bool isText() const { return m_value && m_value->is_string(); }
    bool isObject() const { return m_value && m_value->is_object(); }
    bool isArray() const { return m_value && m_value->is_array(); }
    bool isNumber() const { return m_value && m_value->is_number_integer(); }

    /// A member of an object; absent when this is no object.
    JsonNode operator[](const char* key) const {
        const nlohmann::json* child = nullptr;
        if (isObject()) {
            const auto found = m_value->find(key);
            if (found != m_value->end()) child = &*found;
        }
        return {child, m_path.empty() ? key : m_path + "." + key, *m_problems};
    }
    /// Number of an array's elements; 0 when this is no array.
    size_t size() const { return isArray() ? m_value->size() : 0; }
    JsonNode operator[](size_t i) const {
        return {&(*m_value)[i], m_path + "[" + std::to_string(i) + "]", *m_problems};
    }

    std::string text() const {
        if (!isText()) return wrong("a text"), std::string();
        return m_value->get_ref<const std::string&>();
    }
    std::string textOr(const char* fallback) const { return absent() ? fallback : text(); }
    bool booleanOr(bool fallback) const {
        if (absent()) return fallback;
        if (!m_value->is_boolean()) return wrong("true or false"), fallback;
        return m_value->get<bool>();
    }
    /// A whole number in [least, most].
    int integer(int64_t least, int64_t most) const {
        const bool sound = isNumber() && (!m_value->is_number_unsigned() ||
                                          m_value->get<uint64_t>() <= static_cast<uint64_t>(most));
        const int64_t number = sound ? m_value->get<int64_t>() : least - 1;
        if (number < least || number > most) {
            wrong(("a whole number from " + std::to_string(least) + " to " + std::to_string(most)).c_str());
            return static_cast<int>(least);
        }
        return static_cast<int>(number);
    }
    /// Reports unless this is an array.
    bool requireArray() const { return isArray() || wrong("an array"); }
    bool requireObject() const { return isObject() || wrong("an object"); }

    /// Reports that this value is not what was expected. Returns false.
    bool wrong(const char* expected) const {
        m_problems->report(m_path, found(), expected);
        return false;
    }
    /// How a message shows the value.
    std::string found() const {
        if (!m_value) return "no such key";
        if (m_value->is_object()) return "an object";
        if (m_value->is_array()) return "an array";
        if (m_value->is_string())
            return "\"" + quotedForMessage(m_value->get_ref<const std::string&>()) + "\"";
        return quotedForMessage(m_value->dump());
    }
    const nlohmann::json& value() const { return *m_value; }
    JsonProblems& problems() const { return *m_problems; }

  private:
    const nlohmann::json* m_value;
    std::string m_path;
    JsonProblems* m_problems;
};

}  // namespace edgechat::inference
