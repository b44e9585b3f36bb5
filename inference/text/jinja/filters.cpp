// Filters: `x | trim`.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

// The text of what a text filter is applied to; undefined is empty.
Text textOf(Interpreter& interpreter, const Value& value) {
    return toText(value, interpreter.budget);
}

// value.a.b, value.0 and value alone for an empty path.
Value pathOf(Interpreter& interpreter, Value value, const Value* path) {
    if (!path) return value;
    if (!path->asText()) return interpreter.item(value, *path);
    const std::string& names = path->asText()->bytes();
    for (size_t begin = 0; begin <= names.size();) {
        const size_t end = std::min(names.find('.', begin), names.size());
        const std::string name = names.substr(begin, end - begin);
        int64_t index = 0;
        const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
        const bool number = read.ec == std::errc() && read.ptr == name.data() + name.size();
        value = interpreter.item(value, number ? Value(index) : Value(Text(name)));
        begin = end + 1;
    }
    return value;
}

// select and its kin: `byAttribute` tests an attribute of each item, else the item.
Value selected(Interpreter& interpreter, const Value& input, const Arguments& arguments, bool byAttribute,
               bool keep) {
    Arguments rest = arguments;
    Value path;
    if (byAttribute) {
        if (rest.positional.empty()) throw Failure{"a selection without the name of an attribute"};
        path = rest.positional.front();
        rest.positional.erase(rest.positional.begin());
    }
    std::string test;
    if (!rest.positional.empty()) {
        test = rest.text(0, "").bytes();
        rest.positional.erase(rest.positional.begin());
    }
    std::vector<Value> kept;
    if (!input.truth()) return Value::list({});  // none too
    for (Value& item : itemsOf(input, interpreter.budget)) {
        const Value value = byAttribute ? pathOf(interpreter, item, &path) : item;
        const bool holds = test.empty() ? value.truth() : interpreter.test(test, value, rest);
        if (holds == keep) kept.push_back(std::move(item));
    }
    return Value::list(std::move(kept));
}

Value map(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    if (!input.truth()) return Value::list({});  // none too
    std::vector<Value> items = itemsOf(input, interpreter.budget);
    if (arguments.positional.empty()) {
        const Value *path = arguments.find(0, "attribute"), *standard = arguments.find(1, "default");
        if (!path) throw Failure{"map() without a filter or an attribute"};
        for (Value& item : items) {
            item = pathOf(interpreter, item, path);
            if (standard && item.isUndefined()) item = *standard;
        }
    } else {
        Arguments rest = arguments;
        const std::string filter = rest.text(0, "").bytes();
        rest.positional.erase(rest.positional.begin());
        for (Value& item : items) item = interpreter.filter(filter, item, rest);
    }
    return Value::list(std::move(items));
}

Value join(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    std::vector<Value> items = itemsOf(input, interpreter.budget);
    if (const Value* path = arguments.find(1, "attribute")) {
        for (Value& item : items) item = pathOf(interpreter, item, path);
    }
    const Value* separator = arguments.find(0, "d");
    return joined(items, separator ? toText(*separator, interpreter.budget) : Text(), interpreter.budget);
}

Value length(Interpreter& interpreter, const Value& input, const Arguments&) {
    if (const Text* text = input.asText()) {
        interpreter.budget.step(1 + text->size() / 8);
        return static_cast<int64_t>(characterCount(text->bytes()));
    }
    if (const List* list = input.asList()) return static_cast<int64_t>(list->items.size());
    if (const Dictionary* dictionary = input.asDictionary())
        return static_cast<int64_t>(dictionary->entries.size());
    if (input.isUndefined()) return int64_t{0};
    throw Failure{std::string(input.kindName()) + " has no length"};
}

Value items(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    if (input.isUndefined()) return Value::list({});
    if (!input.asDictionary()) throw Failure{std::string(input.kindName()) + " has no items"};
    return findMethod(input, "items")(interpreter, input, arguments);
}

Value json(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    JsonStyle style;
    const Value* indent = arguments.find(1, "indent");
    const Value* sortKeys = arguments.find(3, "sort_keys");
    if (indent && !indent->isNone()) {
        style.indent = static_cast<int>(std::clamp<int64_t>(arguments.integer(1, "indent", -1), 0, 64));
        style.betweenItems = ",";
    }
    style.sortKeys = sortKeys && sortKeys->truth();
    const Value* separators = arguments.find(2, "separators");
    if (separators && !separators->isNone()) {
        const std::vector<Value> two = itemsOf(*separators, interpreter.budget);
        if (two.size() != 2 || !two[0].asText() || !two[1].asText())
            throw Failure{"separators are two strings"};
        style.betweenItems = two[0].asText()->bytes();
        style.afterKey = two[1].asText()->bytes();
    }
    return toJson(input, style, interpreter.budget);
}

Value standard(Interpreter&, const Value& input, const Arguments& arguments) {
    const Value *value = arguments.find(0, "default_value"), *falsy = arguments.find(1, "boolean");
    if (!input.isUndefined() && !(falsy && falsy->truth() && !input.truth())) return input;
    return value ? *value : Value(Text());
}

Value replace(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    return replaced(textOf(interpreter, input), arguments.text(0, "old"), arguments.text(1, "new"),
                    arguments.integer(2, "count", -1), interpreter.budget);
}

// A number that the text holds and nothing else, but for white space around it.
template <class Number>
bool readNumber(const Text& text, Number& number) {
    const Span span = trimmedSpan(text.bytes());
    std::string digits = text.bytes().substr(span.begin, span.end - span.begin);
    if (digits.starts_with('+')) digits.erase(0, 1);
    if (digits.find_first_not_of("-.0123456789eE+") != std::string::npos) return false;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return read.ec == std::errc() && read.ptr == digits.data() + digits.size();
}

Value integer(Interpreter&, const Value& input, const Arguments& arguments) {
    const Value* given = arguments.find(0, "default");
    const Value fallback = given ? *given : Value(int64_t{0});
    int64_t whole = 0;
    double real = 0;
    if (input.toInteger(whole)) return whole;
    if (input.asText() && readNumber(*input.asText(), whole)) return whole;
    if (!input.toFloat(real) && !(input.asText() && readNumber(*input.asText(), real))) return fallback;
    if (!(std::fabs(real) < 9e18)) return fallback;
    return static_cast<int64_t>(real);
}

Value real(Interpreter&, const Value& input, const Arguments& arguments) {
    const Value* given = arguments.find(0, "default");
    double number = 0;
    if (input.toFloat(number) || (input.asText() && readNumber(*input.asText(), number))) return number;
    return given ? *given : Value(0.0);
}

Value absolute(Interpreter& interpreter, const Value& input, const Arguments&) {
    return compare(input, int64_t{0}, interpreter.budget) < 0
               ? arithmetic("-", int64_t{0}, input, interpreter.budget)
               : input;
}

Value rounded(Interpreter&, const Value& input, const Arguments& arguments) {
    double number = 0;
    if (input.asInteger()) return input;
    if (!input.toFloat(number)) throw Failure{std::string(input.kindName()) + " cannot be rounded"};
    const int64_t precision = arguments.integer(0, "precision", 0);
    if (arguments.find(1, "method") || precision < 0 || precision > 15)
        throw Failure{"this way to round is not known here"};
    const double scale = std::pow(10.0, static_cast<double>(precision));
    return std::nearbyint(number * scale) / scale;
}

Value reverse(Interpreter& interpreter, const Value& input, const Arguments&) {
    if (input.asText()) return slice(input, None(), None(), int64_t{-1}, interpreter.budget);
    std::vector<Value> values = itemsOf(input, interpreter.budget);
    std::reverse(values.begin(), values.end());
    return Value::list(std::move(values));
}

// What values are sorted and compared by: an attribute, letters without their case.
Value keyOf(Interpreter& interpreter, const Value& value, const Value* path, bool caseSensitive) {
    Value key = pathOf(interpreter, value, path);
    if (!caseSensitive && key.asText()) {
        interpreter.budget.bytes(key.asText()->size());
        key = lowerCase(*key.asText());
    }
    return key;
}

std::vector<Value> sortedBy(Interpreter& interpreter, std::vector<Value> values, const Value* path,
                            bool caseSensitive, bool descending) {
    std::vector<std::pair<Value, Value>> keyed;
    for (Value& value : values) keyed.emplace_back(keyOf(interpreter, value, path, caseSensitive), value);
    std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
        const int order = compare(a.first, b.first, interpreter.budget);
        return descending ? order > 0 : order < 0;
    });
    std::vector<Value> ordered;
    for (auto& entry : keyed) ordered.push_back(std::move(entry.second));
    return ordered;
}

bool flag(const Arguments& arguments, size_t index, std::string_view name) {
    const Value* value = arguments.find(index, name);
    return value && value->truth();
}

Value sort(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    return Value::list(sortedBy(interpreter, itemsOf(input, interpreter.budget),
                                arguments.find(2, "attribute"), flag(arguments, 1, "case_sensitive"),
                                flag(arguments, 0, "reverse")));
}

Value sortDictionary(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    const Value* by = arguments.find(1, "by");
    const Value index(int64_t{by && by->asText() && by->asText()->bytes() == "value"});
    const Value pairs = items(interpreter, input, {});
    return Value::list(sortedBy(interpreter, pairs.asList()->items, &index,
                                flag(arguments, 0, "case_sensitive"), flag(arguments, 2, "reverse")));
}

Value unique(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    std::vector<Value> kept, keys;
    for (Value& value : itemsOf(input, interpreter.budget)) {
        Value key =
            keyOf(interpreter, value, arguments.find(1, "attribute"), flag(arguments, 0, "case_sensitive"));
        if (std::any_of(keys.begin(), keys.end(),
                        [&](const Value& seen) { return equal(seen, key, interpreter.budget); }))
            continue;
        keys.push_back(std::move(key));
        kept.push_back(std::move(value));
    }
    return Value::list(std::move(kept));
}

Value extreme(Interpreter& interpreter, const Value& input, const Arguments& arguments, bool largest) {
    const std::vector<Value> values =
        sortedBy(interpreter, itemsOf(input, interpreter.budget), arguments.find(1, "attribute"),
                 flag(arguments, 0, "case_sensitive"), largest);
    return values.empty() ? Value(Undefined{"the extreme of nothing"}) : values.front();
}

Value sum(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    const Value* start = arguments.find(1, "start");
    Value total = start ? *start : Value(int64_t{0});
    for (const Value& value : itemsOf(input, interpreter.budget))
        total = arithmetic("+", total, pathOf(interpreter, value, arguments.find(0, "attribute")),
                           interpreter.budget);
    return total;
}

Value end(Interpreter& interpreter, const Value& input, bool last) {
    const std::vector<Value> values = itemsOf(input, interpreter.budget);
    if (values.empty()) return Undefined{last ? "the last of nothing" : "the first of nothing"};
    return last ? values.back() : values.front();
}

Value indent(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
    const Value* width = arguments.find(0, "width");
    const bool first = flag(arguments, 1, "first"), blank = flag(arguments, 2, "blank");
    const Text margin =
        width && width->asText()
            ? *width->asText()
            : Text(std::string(
                  static_cast<size_t>(std::clamp<int64_t>(arguments.integer(0, "width", 4), 0, 256)), ' '));
    const Text text = textOf(interpreter, input);
    Text out;
    for (size_t begin = 0, line = 0; begin <= text.size(); ++line) {
        const size_t found = text.bytes().find('\n', begin);
        const size_t stop = std::min(found, text.size());
        interpreter.budget.bytes(margin.size() + 1);
        if (line == 0 ? first : blank || stop > begin) out.append(margin);
        out.append(text.slice(begin, stop - begin + (found == std::string::npos ? 0 : 1)));
        if (found == std::string::npos) break;
        begin = stop + 1;
    }
    return out;
}

Value title(Interpreter& interpreter, const Value& input, const Arguments&) {
    const Text text = textOf(interpreter, input);
    interpreter.budget.bytes(2 * text.size());
    Text out;
    bool begins = true;
    for (size_t i = 0; i < text.size(); ++i) {
        const Text one = text.slice(i, 1);
        out.append(begins ? upperCase(one) : lowerCase(one));
        const std::string_view rest = std::string_view(text.bytes()).substr(i);
        begins =
            whitespaceLength(rest) > 0 || std::string_view("-({[<").find(rest[0]) != std::string_view::npos;
    }
    return out;
}

using Row = std::pair<std::string_view, Filter>;
constexpr std::array kFilters = {
    Row{"trim",
        [](Interpreter& i, const Value& v, const Arguments& a) {
            return Value(stripped(textOf(i, v), a.find(0, "chars"), true, true, i.budget));
        }},
    Row{"length", length},
    Row{"count", length},
    Row{"list",
        [](Interpreter& i, const Value& v, const Arguments&) { return Value::list(itemsOf(v, i.budget)); }},
    Row{"string", [](Interpreter& i, const Value& v, const Arguments&) { return Value(textOf(i, v)); }},
    Row{"safe", [](Interpreter& i, const Value& v, const Arguments&) { return Value(textOf(i, v)); }},
    Row{"join", join},
    Row{"items", items},
    Row{"tojson", json},
    Row{"selectattr",
        [](Interpreter& i, const Value& v, const Arguments& a) { return selected(i, v, a, true, true); }},
    Row{"rejectattr",
        [](Interpreter& i, const Value& v, const Arguments& a) { return selected(i, v, a, true, false); }},
    Row{"select",
        [](Interpreter& i, const Value& v, const Arguments& a) { return selected(i, v, a, false, true); }},
    Row{"reject",
        [](Interpreter& i, const Value& v, const Arguments& a) { return selected(i, v, a, false, false); }},
    Row{"map", map},
    Row{"first", [](Interpreter& i, const Value& v, const Arguments&) { return end(i, v, false); }},
    Row{"last", [](Interpreter& i, const Value& v, const Arguments&) { return end(i, v, true); }},
    Row{"default", standard},
    Row{"d", standard},
    Row{"upper",
        [](Interpreter& i, const Value& v, const Arguments&) { return Value(upperCase(textOf(i, v))); }},
    Row{"lower",
        [](Interpreter& i, const Value& v, const Arguments&) { return Value(lowerCase(textOf(i, v))); }},
    Row{"capitalize",
        [](Interpreter& i, const Value& v, const Arguments&) { return Value(capitalized(textOf(i, v))); }},
    Row{"title", title},
    Row{"replace", replace},
    Row{"int", integer},
    Row{"float", real},
    Row{"abs", absolute},
    Row{"round", rounded},
    Row{"reverse", reverse},
    Row{"sort", sort},
    Row{"dictsort", sortDictionary},
    Row{"unique", unique},
    Row{"sum", sum},
    Row{"min", [](Interpreter& i, const Value& v, const Arguments& a) { return extreme(i, v, a, false); }},
    Row{"max", [](Interpreter& i, const Value& v, const Arguments& a) { return extreme(i, v, a, true); }},
    Row{"indent", indent},
};

}  // namespace

Filter findFilter(std::string_view name) {
    const auto found =
        std::find_if(kFilters.begin(), kFilters.end(), [name](const Row& row) { return row.first == name; });
    return found == kFilters.end() ? nullptr : found->second;
}

}  // namespace edgechat::inference::jinja
