#include "inference/text/jinja/value.h"

#include <algorithm>

namespace edgechat::inference::jinja {

namespace {

constexpr int kMostDepth = 64;

template <class T>
int order(const T& a, const T& b) {
    return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace

const Value* Dictionary::find(std::string_view key) const {
    for (const auto& [name, value] : entries) {
        if (name.bytes() == key) return &value;
    }
    return nullptr;
}

void Budget::step(size_t count) {
    if (count > m_steps) throw Failure{"it computes for too long"};
    m_steps -= count;
}

void Budget::bytes(size_t count) {
    if (count > m_bytes) throw Failure{"it takes too much memory"};
    m_bytes -= count;
    step(1 + count / 256);
}

Value Value::list(std::vector<Value> items, bool tuple) {
    auto made = std::make_shared<List>();
    for (const Value& item : items) made->depth = std::max(made->depth, item.depth() + 1);
    if (made->depth > kMostDepth) throw Failure{"lists are nested too deep"};
    made->items = std::move(items);
    made->tuple = tuple;
    Value value;
    value.m_state = std::shared_ptr<const List>(std::move(made));
    return value;
}

Value Value::dictionary(std::vector<std::pair<Text, Value>> entries) {
    auto made = std::make_shared<Dictionary>();
    for (auto& [key, item] : entries) {
        made->depth = std::max(made->depth, item.depth() + 1);
        const auto same =
            std::find_if(made->entries.begin(), made->entries.end(),
                         [&key = key](const auto& entry) { return entry.first.bytes() == key.bytes(); });
        if (same != made->entries.end()) {
            same->second = std::move(item);
        } else {
            made->entries.emplace_back(std::move(key), std::move(item));
        }
    }
    if (made->depth > kMostDepth) throw Failure{"dictionaries are nested too deep"};
    Value value;
    value.m_state = std::shared_ptr<const Dictionary>(std::move(made));
    return value;
}

int Value::depth() const {
    if (const List* list = asList()) return list->depth;
    if (const Dictionary* dictionary = asDictionary()) return dictionary->depth;
    // They could come to hold themselves.
    if (asNamespace() || asLoop() || asFunction())
        throw Failure{std::string(kindName()) + " cannot be stored in another value"};
    return 0;
}

bool Value::toInteger(int64_t& value) const {
    if (const int64_t* integer = asInteger())
        value = *integer;
    else if (const bool* truth = asBool())
        value = *truth ? 1 : 0;
    else
        return false;
    return true;
}

bool Value::toFloat(double& value) const {
    int64_t integer = 0;
    if (const double* number = asFloat())
        value = *number;
    else if (toInteger(integer))
        value = static_cast<double>(integer);
    else
        return false;
    return true;
}

bool Value::truth() const {
    double number = 0;
    if (isUndefined() || isNone()) return false;
    if (toFloat(number)) return number != 0;
    if (const Text* text = asText()) return !text->empty();
    if (const List* list = asList()) return !list->items.empty();
    if (const Dictionary* dictionary = asDictionary()) return !dictionary->entries.empty();
    return true;
}

const char* Value::kindName() const {
    static constexpr const char* kNames[] = {
        "an undefined value", "none",        "a truth value", "an integer", "a number", "a string", "a list",
        "a dictionary",       "a namespace", "a loop",        "a function"};
    return kNames[m_state.index()];
}

bool equal(const Value& a, const Value& b, Budget& budget) {
    budget.step();
    double left = 0, right = 0;
    int64_t leftInteger = 0, rightInteger = 0;
    if (a.toInteger(leftInteger) && b.toInteger(rightInteger)) return leftInteger == rightInteger;
    if (a.toFloat(left) && b.toFloat(right)) return left == right;
    if (a.asText() && b.asText()) {
        budget.step(a.asText()->size() / 256);
        return a.asText()->bytes() == b.asText()->bytes();
    }
    if (a.isUndefined() || a.isNone()) return a.isUndefined() ? b.isUndefined() : b.isNone();
    if (a.asList() && b.asList()) {
        const List &x = *a.asList(), &y = *b.asList();
        return x.tuple == y.tuple &&
               std::equal(x.items.begin(), x.items.end(), y.items.begin(), y.items.end(),
                          [&](const Value& p, const Value& q) { return equal(p, q, budget); });
    }
    if (a.asDictionary() && b.asDictionary()) {
        const Dictionary &x = *a.asDictionary(), &y = *b.asDictionary();
        if (x.entries.size() != y.entries.size()) return false;
        return std::all_of(x.entries.begin(), x.entries.end(), [&](const auto& entry) {
            budget.step(1 + y.entries.size());
            const Value* other = y.find(entry.first.bytes());
            return other && equal(entry.second, *other, budget);
        });
    }
    if (a.asNamespace()) return a.asNamespace() == b.asNamespace();
    if (a.asLoop()) return a.asLoop() == b.asLoop();
    return a.asFunction() && a.asFunction() == b.asFunction();
}

int compare(const Value& a, const Value& b, Budget& budget) {
    budget.step();
    int64_t leftInteger = 0, rightInteger = 0;
    if (a.toInteger(leftInteger) && b.toInteger(rightInteger)) return order(leftInteger, rightInteger);
    double left = 0, right = 0;
    if (a.toFloat(left) && b.toFloat(right)) return order(left, right);
    if (a.asText() && b.asText()) {
        budget.step(a.asText()->size() / 256);
        return order(a.asText()->bytes(), b.asText()->bytes());
    }
    if (a.asList() && b.asList() && a.asList()->tuple == b.asList()->tuple) {
        const std::vector<Value>&x = a.asList()->items, &y = b.asList()->items;
        for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
            if (!equal(x[i], y[i], budget)) return compare(x[i], y[i], budget);
        }
        return order(x.size(), y.size());
    }
    throw Failure{std::string("cannot compare ") + a.kindName() + " with " + b.kindName()};
}

std::vector<Value> itemsOf(const Value& value, Budget& budget) {
    std::vector<Value> items;
    if (const List* list = value.asList()) {
        budget.bytes(list->items.size() * sizeof(Value));
        items = list->items;
    } else if (const Dictionary* dictionary = value.asDictionary()) {
        for (const auto& entry : dictionary->entries) {
            budget.bytes(entry.first.size() + sizeof(Value));
            items.emplace_back(entry.first);
        }
    } else if (const Text* text = value.asText()) {
        for (size_t at = 0; at < text->size();) {
            const size_t length = characterLength(std::string_view(text->bytes()).substr(at));
            budget.bytes(sizeof(Value) + sizeof(Text) + length);
            items.emplace_back(text->slice(at, length));
            at += length;
        }
    } else if (!value.isUndefined()) {
        throw Failure{std::string(value.kindName()) + " cannot be iterated"};
    }
    return items;
}

}  // namespace edgechat::inference::jinja
