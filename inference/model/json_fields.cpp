#include "inference/model/json_fields.h"

#include <cmath>

#include "inference/model/gguf.h"

namespace edgechat::inference {

std::string describeJson(const nlohmann::json& value) {
    if (value.is_string()) return "\"" + quotedForMessage(value.get_ref<const std::string&>()) + "\"";
    if (value.is_object()) return "an object";
    if (value.is_array()) return "an array";
    return value.dump();
}

void JsonFields::fail(std::string_view key, std::string found, std::string expected) {
    if (*m_error) return;
    *m_error = Error{ErrorCode::badInput,         "cannot read the model", m_fileName,
                     m_prefix + std::string(key), std::move(found),        std::move(expected)};
}

void JsonFields::failType(std::string_view key, const nlohmann::json& value, const std::string& expected) {
    fail(key, describeJson(value), expected);
}

const nlohmann::json* JsonFields::find(std::string_view key) const {
    const auto found = m_object->find(std::string(key));
    return found == m_object->end() || found->is_null() ? nullptr : &*found;
}

std::string_view JsonFields::nameOf(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys) {
        if (has(key)) return key;
    }
    return *keys.begin();
}

const nlohmann::json* JsonFields::require(std::string_view key, const char* expected) {
    const nlohmann::json* value = find(key);
    if (!value) fail(key, "no such key", expected);
    return value;
}

int64_t JsonFields::integer(std::string_view key, int64_t least, int64_t most) {
    const nlohmann::json* value = require(key, "a whole number");
    if (!value) return least;
    const std::string range = std::to_string(least) + " to " + std::to_string(most);
    if (!value->is_number_integer()) {
        failType(key, *value, "a whole number from " + range);
        return least;
    }
    // Anything above 2^63 is kept unsigned by the parser.
    const bool tooLarge = value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(most);
    if (tooLarge || value->get<int64_t>() < least || value->get<int64_t>() > most) {
        fail(key, value->dump(), range);
        return least;
    }
    return value->get<int64_t>();
}

int64_t JsonFields::integerOr(std::string_view key, int64_t fallback, int64_t least, int64_t most) {
    return has(key) ? integer(key, least, most) : fallback;
}

double JsonFields::positive(std::string_view key) {
    const nlohmann::json* value = require(key, "a number above 0");
    if (!value) return 1.0;
    if (!value->is_number()) {
        failType(key, *value, "a number above 0");
        return 1.0;
    }
    const auto number = static_cast<float>(value->get<double>());
    if (!std::isfinite(number) || number <= 0.0f) {
        fail(key, value->dump(), "a number above 0");
        return 1.0;
    }
    return value->get<double>();
}

double JsonFields::positiveOr(std::string_view key, double fallback) {
    return has(key) ? positive(key) : fallback;
}

bool JsonFields::booleanOr(std::string_view key, bool fallback) {
    const nlohmann::json* value = find(key);
    if (!value) return fallback;
    if (!value->is_boolean()) {
        failType(key, *value, "true or false");
        return fallback;
    }
    return value->get<bool>();
}

std::string JsonFields::text(std::string_view key) {
    const nlohmann::json* value = require(key, "a text");
    if (!value) return {};
    if (!value->is_string()) {
        failType(key, *value, "a text");
        return {};
    }
    return value->get<std::string>();
}

std::string JsonFields::textOr(std::string_view key, std::string fallback) {
    return has(key) ? text(key) : fallback;
}

std::vector<std::string> JsonFields::texts(std::string_view key) {
    const nlohmann::json* value = find(key);
    if (!value) return {};
    std::vector<std::string> found;
    if (value->is_array()) {
        for (const nlohmann::json& element : *value) {
            if (element.is_string()) found.push_back(element.get<std::string>());
        }
        if (found.size() == value->size()) return found;
    }
    failType(key, *value, "an array of texts");
    return {};
}

std::optional<JsonFields> JsonFields::object(std::string_view key) {
    const nlohmann::json* value = find(key);
    if (!value) return {};
    if (!value->is_object()) {
        failType(key, *value, "an object");
        return {};
    }
    JsonFields inner = *this;
    inner.m_object = value;
    inner.m_prefix += std::string(key) + ".";
    return inner;
}

}  // namespace edgechat::inference
