// Tests: `x is string`.
#include <algorithm>
#include <array>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

const Value& other(const Arguments& arguments) {
    if (arguments.positional.empty()) throw Failure{"a test without what it compares with"};
    return arguments.positional[0];
}

int64_t remainder(const Value& value, const Arguments& arguments, int64_t standard, Budget& budget) {
    const Value divisor = standard ? Value(standard) : other(arguments);
    const Value rest = arithmetic("%", value, divisor, budget);
    int64_t number = 0;
    if (!rest.toInteger(number)) throw Failure{std::string(value.kindName()) + " where an integer is needed"};
    return number;
}

bool isNumber(const Value& value) {
    double number = 0;
    return value.toFloat(number);
}

int ordered(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
    return compare(value, other(arguments), interpreter.budget);
}

bool equals(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
    return equal(value, other(arguments), interpreter.budget);
}

using Row = std::pair<std::string_view, Test>;
constexpr std::array kTests = {
    Row{"defined", [](Interpreter&, const Value& v, const Arguments&) { return !v.isUndefined(); }},
    Row{"undefined", [](Interpreter&, const Value& v, const Arguments&) { return v.isUndefined(); }},
    Row{"none", [](Interpreter&, const Value& v, const Arguments&) { return v.isNone(); }},
    Row{"string", [](Interpreter&, const Value& v, const Arguments&) { return v.asText() != nullptr; }},
    Row{"mapping", [](Interpreter&, const Value& v, const Arguments&) { return v.asDictionary() != nullptr; }},
    Row{"iterable",
        [](Interpreter&, const Value& v, const Arguments&) {
            return v.asText() || v.asList() || v.asDictionary() || v.isUndefined();
        }},
    Row{"sequence",
        [](Interpreter&, const Value& v, const Arguments&) {
            return v.asText() || v.asList() || v.asDictionary() || v.isUndefined();
        }},
    Row{"number", [](Interpreter&, const Value& v, const Arguments&) { return isNumber(v); }},
    Row{"integer", [](Interpreter&, const Value& v, const Arguments&) { return v.asInteger() != nullptr; }},
    Row{"float", [](Interpreter&, const Value& v, const Arguments&) { return v.asFloat() != nullptr; }},
    Row{"boolean", [](Interpreter&, const Value& v, const Arguments&) { return v.asBool() != nullptr; }},
    Row{"true", [](Interpreter&, const Value& v, const Arguments&) { return v.asBool() && *v.asBool(); }},
    Row{"false", [](Interpreter&, const Value& v, const Arguments&) { return v.asBool() && !*v.asBool(); }},
    Row{"callable", [](Interpreter&, const Value& v, const Arguments&) { return v.asFunction() != nullptr; }},
    Row{"equalto", equals},
    Row{"eq", equals},
    Row{"==", equals},
    Row{"sameas", equals},
    Row{"ne", [](Interpreter& i, const Value& v, const Arguments& a) { return !equals(i, v, a); }},
    Row{"!=", [](Interpreter& i, const Value& v, const Arguments& a) { return !equals(i, v, a); }},
    Row{"in", [](Interpreter& i, const Value& v, const Arguments& a) { return contains(other(a), v, i.budget); }},
    Row{"lt", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) < 0; }},
    Row{"lessthan", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) < 0; }},
    Row{"<", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) < 0; }},
    Row{"le", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) <= 0; }},
    Row{"<=", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) <= 0; }},
    Row{"gt", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) > 0; }},
    Row{"greaterthan", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) > 0; }},
    Row{">", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) > 0; }},
    Row{"ge", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) >= 0; }},
    Row{">=", [](Interpreter& i, const Value& v, const Arguments& a) { return ordered(i, v, a) >= 0; }},
    Row{"odd", [](Interpreter& i, const Value& v, const Arguments& a) { return remainder(v, a, 2, i.budget) == 1; }},
    Row{"even", [](Interpreter& i, const Value& v, const Arguments& a) { return remainder(v, a, 2, i.budget) == 0; }},
    Row{"divisibleby",
        [](Interpreter& i, const Value& v, const Arguments& a) { return remainder(v, a, 0, i.budget) == 0; }},
    Row{"lower",
        [](Interpreter& i, const Value& v, const Arguments&) {
            const Text text = toText(v, i.budget);
            return lowerCase(text).bytes() == text.bytes() && upperCase(text).bytes() != text.bytes();
        }},
    Row{"upper",
        [](Interpreter& i, const Value& v, const Arguments&) {
            const Text text = toText(v, i.budget);
            return upperCase(text).bytes() == text.bytes() && lowerCase(text).bytes() != text.bytes();
        }},
};

}  // namespace

Test findTest(std::string_view name) {
    const auto found =
        std::find_if(kTests.begin(), kTests.end(), [name](const Row& row) { return row.first == name; });
    return found == kTests.end() ? nullptr : found->second;
}

}  // namespace edgechat::inference::jinja
