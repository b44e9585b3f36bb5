#include "inference/model/gguf_fields.h"

#include <algorithm>
#include <cmath>

namespace edgechat::inference {

namespace {

std::string rangeText(uint64_t least, uint64_t most) {
    return std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace

void GgufFields::fail(std::string field, std::string found, std::string expected) {
    if (m_error) return;
    m_error = Error{ErrorCode::badInput, "cannot read the model", m_fileName,
                    std::move(field),    std::move(found),        std::move(expected)};
}

void GgufFields::failType(std::string_view key, const GgufValue& value, const char* expected) {
    fail(std::string(key), "a value of type " + value.typeName(), expected);
}

const GgufValue* GgufFields::find(std::string_view key) const {
    const auto found = m_container.metadata.find(key);
    return found == m_container.metadata.end() ? nullptr : &found->second;
}

const GgufValue* GgufFields::require(std::string_view key, const char* expected) {
    const GgufValue* value = find(key);
    if (!value) fail(std::string(key), "no such key", expected);
    return value;
}

uint64_t GgufFields::integer(std::string_view key, uint64_t least, uint64_t most) {
    const GgufValue* value = require(key, "an integer");
    if (!value) return least;
    uint64_t number = 0;
    if (const auto* natural = std::get_if<uint64_t>(&value->value)) {
        number = *natural;
    } else if (const auto* whole = std::get_if<int64_t>(&value->value)) {
        if (*whole < 0) {
            fail(std::string(key), std::to_string(*whole), rangeText(least, most));
            return least;
        }
        number = static_cast<uint64_t>(*whole);
    } else {
        failType(key, *value, "an integer");
        return least;
    }
    if (number < least || number > most) {
        fail(std::string(key), std::to_string(number), rangeText(least, most));
        return least;
    }
    return number;
}

uint64_t GgufFields::integerOr(std::string_view key, uint64_t fallback, uint64_t least, uint64_t most) {
    return has(key) ? integer(key, least, most) : fallback;
}

uint64_t GgufFields::sameInteger(std::string_view key, uint64_t least, uint64_t most) {
    const GgufValue* value = require(key, "an integer");
    const auto* perLayer = value ? std::get_if<std::vector<int64_t>>(&value->value) : nullptr;
    if (!perLayer) return integer(key, least, most);
    if (perLayer->empty() || std::any_of(perLayer->begin(), perLayer->end(),
                                         [&](int64_t number) { return number != perLayer->front(); })) {
        fail(std::string(key), "different values for different layers", "the same value for every layer");
        return least;
    }
    const int64_t number = perLayer->front();
    if (number < 0 || static_cast<uint64_t>(number) < least || static_cast<uint64_t>(number) > most) {
        fail(std::string(key), std::to_string(number), rangeText(least, most));
        return least;
    }
    return static_cast<uint64_t>(number);
}

double GgufFields::positive(std::string_view key) {
    const GgufValue* value = require(key, "a number above 0");
    if (!value) return 1.0;
    const auto* number = std::get_if<double>(&value->value);
    if (!number) {
        failType(key, *value, "a float");
        return 1.0;
    }
    if (!std::isfinite(*number) || *number <= 0.0) {
        fail(std::string(key), std::to_string(*number), "a number above 0");
        return 1.0;
    }
    return *number;
}

double GgufFields::positiveOr(std::string_view key, double fallback) {
    return has(key) ? positive(key) : fallback;
}

bool GgufFields::booleanOr(std::string_view key, bool fallback) {
    const GgufValue* value = find(key);
    if (!value) return fallback;
    if (const auto* flag = std::get_if<bool>(&value->value)) return *flag;
    failType(key, *value, "a bool");
    return fallback;
}

std::string GgufFields::text(std::string_view key) {
    const GgufValue* value = require(key, "a text");
    if (!value) return {};
    if (const auto* found = std::get_if<std::string>(&value->value)) return *found;
    failType(key, *value, "a text");
    return {};
}

std::string GgufFields::textOr(std::string_view key, std::string fallback) {
    return has(key) ? text(key) : fallback;
}

const std::vector<std::string>* GgufFields::texts(std::string_view key) {
    const GgufValue* value = find(key);
    if (!value) return nullptr;
    const auto* found = std::get_if<std::vector<std::string>>(&value->value);
    if (!found) failType(key, *value, "an array of texts");
    return found;
}

const std::vector<int64_t>* GgufFields::integers(std::string_view key) {
    const GgufValue* value = find(key);
    if (!value) return nullptr;
    const auto* found = std::get_if<std::vector<int64_t>>(&value->value);
    if (!found || value->elementType == GgufType::boolean) {
        failType(key, *value, "an array of integers");
        return nullptr;
    }
    return found;
}

const std::vector<double>* GgufFields::numbers(std::string_view key) {
    const GgufValue* value = find(key);
    if (!value) return nullptr;
    const auto* found = std::get_if<std::vector<double>>(&value->value);
    if (!found) failType(key, *value, "an array of floats");
    return found;
}

}  // namespace edgechat::inference
