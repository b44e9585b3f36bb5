#include <algorithm>
#include <cmath>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

[[noreturn]] void failOverflow() {
    throw Failure{"a number that is too large"};
}

int64_t integerPower(int64_t base, int64_t exponent, Budget& budget) {
    int64_t result = 1;
    for (; exponent > 0; --exponent) {
        budget.step();
        if (__builtin_mul_overflow(result, base, &result)) failOverflow();
        if (result == 0 || (result == 1 && base == 1)) break;
    }
    return result;
}

// Python rounds the quotient down, and the remainder has the divisor's sign.
Value integerArithmetic(const std::string& symbol, int64_t a, int64_t b, Budget& budget) {
    int64_t result = 0;
    if (symbol == "+" && !__builtin_add_overflow(a, b, &result)) return result;
    if (symbol == "-" && !__builtin_sub_overflow(a, b, &result)) return result;
    if (symbol == "*" && !__builtin_mul_overflow(a, b, &result)) return result;
    if (symbol == "/" || symbol == "//" || symbol == "%") {
        if (b == 0) throw Failure{"a division by zero"};
        if (symbol == "/") return static_cast<double>(a) / static_cast<double>(b);
        if (b == -1) return symbol == "%" ? Value(int64_t{0}) : integerArithmetic("-", 0, a, budget);
        const int64_t remainder = a % b;
        const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
        return symbol == "%" ? remainder + (adjust ? b : 0) : a / b - (adjust ? 1 : 0);
    }
    if (symbol == "**") {
        if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
        return integerPower(a, b, budget);
    }
    failOverflow();
}

Value floatArithmetic(const std::string& symbol, double a, double b) {
    if (symbol == "+") return a + b;
    if (symbol == "-") return a - b;
    if (symbol == "*") return a * b;
    if (symbol == "**") return std::pow(a, b);
    if (b == 0) throw Failure{"a division by zero"};
    if (symbol == "/") return a / b;
    if (symbol == "//") return std::floor(a / b);
    const double remainder = std::fmod(a, b);
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Value repeated(const Value& value, int64_t count, Budget& budget) {
    const auto times = static_cast<size_t>(std::max<int64_t>(count, 0));
    const size_t size =
        value.asText() ? value.asText()->size() : value.asList()->items.size() * sizeof(Value);
    if (times > 0 && size > std::string().max_size() / 2 / times) failOverflow();
    budget.bytes(size * times);
    budget.step(times);
    if (const Text* text = value.asText()) {
        Text out;
        for (size_t i = 0; i < times; ++i) out.append(*text);
        return out;
    }
    std::vector<Value> items;
    for (size_t i = 0; i < times; ++i)
        items.insert(items.end(), value.asList()->items.begin(), value.asList()->items.end());
    return Value::list(std::move(items), value.asList()->tuple);
}

// Where the character of that number begins, in bytes.
size_t characterOffset(std::string_view text, int64_t number) {
    size_t at = 0;
    for (; number > 0 && at < text.size(); --number) at += characterLength(text.substr(at));
    return at;
}

}  // namespace

Value arithmetic(const std::string& symbol, const Value& a, const Value& b, Budget& budget) {
    int64_t left = 0, right = 0;
    if (a.toInteger(left) && b.toInteger(right)) return integerArithmetic(symbol, left, right, budget);
    double x = 0, y = 0;
    if (a.toFloat(x) && b.toFloat(y)) return floatArithmetic(symbol, x, y);
    if (symbol == "+" && a.asText() && b.asText()) {
        budget.bytes(a.asText()->size() + b.asText()->size());
        Text text = *a.asText();
        text.append(*b.asText());
        return text;
    }
    if (symbol == "+" && a.asList() && b.asList() && a.asList()->tuple == b.asList()->tuple) {
        std::vector<Value> items = itemsOf(a, budget);
        const std::vector<Value> more = itemsOf(b, budget);
        items.insert(items.end(), more.begin(), more.end());
        return Value::list(std::move(items), a.asList()->tuple);
    }
    if (symbol == "*") {
        if ((a.asText() || a.asList()) && b.toInteger(right)) return repeated(a, right, budget);
        if ((b.asText() || b.asList()) && a.toInteger(left)) return repeated(b, left, budget);
    }
    throw Failure{"cannot compute " + std::string(a.kindName()) + " " + symbol + " " + b.kindName()};
}

bool contains(const Value& container, const Value& value, Budget& budget) {
    if (const Text* text = container.asText()) {
        if (!value.asText()) throw Failure{std::string(value.kindName()) + " where a string is needed"};
        budget.step(1 + text->size() / 64);
        return text->bytes().find(value.asText()->bytes()) != std::string::npos;
    }
    if (const Dictionary* dictionary = container.asDictionary()) {
        budget.step(1 + dictionary->entries.size() / 8);
        return value.asText() && dictionary->find(value.asText()->bytes());
    }
    if (const List* list = container.asList()) {
        return std::any_of(list->items.begin(), list->items.end(),
                           [&](const Value& item) { return equal(item, value, budget); });
    }
    if (container.isUndefined()) return false;
    throw Failure{std::string(container.kindName()) + " cannot hold anything"};
}

Value slice(const Value& value, const Value& start, const Value& stop, const Value& step, Budget& budget) {
    const Text* text = value.asText();
    const List* list = value.asList();
    if (!text && !list) throw Failure{std::string(value.kindName()) + " cannot be sliced"};
    if (text) budget.bytes(text->size());
    const auto bound = [](const Value& given, int64_t standard) {
        int64_t number = standard;
        if (!given.isNone() && !given.toInteger(number))
            throw Failure{std::string(given.kindName()) + " as a bound of a slice"};
        return number;
    };
    const auto size = static_cast<int64_t>(text ? characterCount(text->bytes()) : list->items.size());
    const int64_t stride = bound(step, 1);
    if (stride == 0) throw Failure{"a slice with steps of zero"};
    const bool forward = stride > 0;
    const int64_t least = forward ? 0 : -1, most = forward ? size : size - 1;
    const auto clamped = [&](const Value& given, int64_t standard) {
        if (given.isNone()) return standard;
        int64_t number = bound(given, 0);
        if (number < 0) number += size;
        return std::clamp(number, least, most);
    };
    const int64_t first = clamped(start, forward ? 0 : size - 1), last = clamped(stop, forward ? size : -1);
    if (text && stride == 1) {
        const size_t begin = characterOffset(text->bytes(), first);
        return last <= first ? Text() : text->slice(begin, characterOffset(text->bytes(), last) - begin);
    }
    const std::vector<Value> items = itemsOf(value, budget);
    std::vector<Value> kept;
    for (int64_t i = first; forward ? i < last : i > last;) {
        kept.push_back(items[static_cast<size_t>(i)]);
        if (__builtin_add_overflow(i, stride, &i)) break;
    }
    if (text) return joined(kept, Text(), budget);
    return Value::list(std::move(kept), list->tuple);
}

Value loopAttribute(const Loop& loop, const std::string& name) {
    const auto number = [](size_t value) { return Value(static_cast<int64_t>(value)); };
    const size_t length = loop.items.size();
    if (name == "index") return number(loop.index + 1);
    if (name == "index0") return number(loop.index);
    if (name == "revindex") return number(length - loop.index);
    if (name == "revindex0") return number(length - loop.index - 1);
    if (name == "first") return loop.index == 0;
    if (name == "last") return loop.index + 1 == length;
    if (name == "length") return number(length);
    if (name == "depth") return number(1);  // more only in recursive loops
    if (name == "depth0") return number(0);
    if (name == "previtem" && loop.index > 0) return loop.items[loop.index - 1];
    if (name == "nextitem" && loop.index + 1 < length) return loop.items[loop.index + 1];
    return Undefined{name};
}

}  // namespace edgechat::inference::jinja
