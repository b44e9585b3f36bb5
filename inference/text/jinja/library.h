// What a template can call: filters, tests, methods, functions and operators.
#pragma once

#include <string>
#include <string_view>

#include "inference/text/jinja/interpreter.h"

namespace edgechat::inference::jinja {

using Filter = Value (*)(Interpreter&, const Value& input, const Arguments&);
using Test = bool (*)(Interpreter&, const Value& value, const Arguments&);
using Method = Value (*)(Interpreter&, const Value& self, const Arguments&);
using GlobalFunction = Value (*)(Interpreter&, const Arguments&);

/// Null if there is none of that name.
Filter findFilter(std::string_view name);
Test findTest(std::string_view name);
GlobalFunction findFunction(std::string_view name);
Method findMethod(const Value& self, std::string_view name);

/// Runs fixed names of a loop: index, index0, first, last, ...; undefined for others.
Value loopAttribute(const Loop& loop, const std::string& name);
/// a symbol b for + - * / // % **
Value arithmetic(const std::string& symbol, const Value& a, const Value& b, Budget& budget);
/// Whether `container` holds `value`, as Python's `in`.
bool contains(const Value& container, const Value& value, Budget& budget);
/// value[start:stop:step] of a list or string, none for what was left out.
Value slice(const Value& value, const Value& start, const Value& stop, const Value& step, Budget& budget);

/// Strings: what filters and methods share.
Text upperCase(const Text& text);
Text lowerCase(const Text& text);
Text capitalized(const Text& text);
Text replaced(const Text& text, const Text& from, const Text& to, int64_t most, Budget& budget);
Text joined(const std::vector<Value>& items, const Text& separator, Budget& budget);
/// Without the given characters at the chosen ends; null: without white space.
Text stripped(const Text& text, const Value* characters, bool left, bool right, Budget& budget);

}  // namespace edgechat::inference::jinja
