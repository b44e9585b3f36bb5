// Methods of strings, dictionaries and loops.
#include <algorithm>
#include <array>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

const Text& own(const Value& self) {
    return *self.asText();
}

Value strip(Interpreter& interpreter, const Value& self, const Arguments& arguments, bool left, bool right) {
    return stripped(own(self), arguments.find(0, "chars"), left, right, interpreter.budget);
}

// Words between white space; with `most` >= 0 the rest of the text is the last one.
std::vector<Value> words(const Text& text, int64_t most, Budget& budget) {
    std::vector<Value> items;
    Text rest = trimmed(text, true, false);
    size_t at = 0;
    const std::string_view bytes = rest.bytes();
    while (at < bytes.size()) {
        budget.bytes(sizeof(Value) + sizeof(Text));
        if (most >= 0 && static_cast<int64_t>(items.size()) >= most) {
            items.emplace_back(rest.slice(at));
            break;
        }
        size_t end = at;
        while (end < bytes.size() && whitespaceLength(bytes.substr(end)) == 0) ++end;
        items.emplace_back(rest.slice(at, end - at));
        at = end + trimmedSpan(bytes.substr(end), true, false).begin;
    }
    return items;
}

std::vector<Value> parts(const Text& text, const Text& separator, int64_t most, bool fromRight,
                         Budget& budget) {
    if (separator.empty()) throw Failure{"an empty separator"};
    std::vector<size_t> found;
    for (size_t at = text.bytes().find(separator.bytes()); at != std::string::npos;
         at = text.bytes().find(separator.bytes(), at + separator.size())) {
        budget.bytes(sizeof(Value) + sizeof(Text));
        found.push_back(at);
    }
    if (most >= 0 && found.size() > static_cast<size_t>(most)) {
        if (fromRight)
            found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(most));
        else
            found.resize(static_cast<size_t>(most));
    }
    std::vector<Value> items;
    size_t begin = 0;
    for (const size_t at : found) {
        items.emplace_back(text.slice(begin, at - begin));
        begin = at + separator.size();
    }
    items.emplace_back(text.slice(begin));
    return items;
}

Value split(Interpreter& interpreter, const Value& self, const Arguments& arguments, bool fromRight) {
    interpreter.budget.bytes(2 * own(self).size());
    const int64_t most = arguments.integer(1, "maxsplit", -1);
    const Value* separator = arguments.find(0, "sep");
    if (separator && !separator->isNone()) {
        return Value::list(parts(own(self), arguments.text(0, "sep"), most, fromRight, interpreter.budget));
    }
    if (fromRight && most >= 0) throw Failure{"rsplit() needs a separator"};
    return Value::list(words(own(self), most, interpreter.budget));
}

Value splitLines(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
    const Value* given = arguments.find(0, "keepends");
    const bool keep = given && given->truth();
    std::vector<Value> lines;
    const std::string& bytes = own(self).bytes();
    interpreter.budget.bytes(bytes.size());
    for (size_t begin = 0; begin < bytes.size();) {
        interpreter.budget.bytes(sizeof(Value) + sizeof(Text));
        const size_t end = std::min(bytes.find_first_of("\n\r\v\f\x1c\x1d\x1e", begin), bytes.size());
        size_t next = std::min(end + 1, bytes.size());
        if (end + 1 < bytes.size() && bytes[end] == '\r' && bytes[end + 1] == '\n') ++next;
        lines.emplace_back(own(self).slice(begin, (keep ? next : end) - begin));
        begin = next;
    }
    return Value::list(std::move(lines));
}

bool matchesAny(Interpreter& interpreter, const Value& self, const Arguments& arguments, bool atEnd) {
    const Value* wanted = arguments.find(0, "prefix");
    if (!wanted) throw Failure{"nothing to compare with"};
    const auto matches = [&](const Value& one) {
        if (!one.asText()) throw Failure{std::string(one.kindName()) + " where a string is needed"};
        interpreter.budget.step(1 + one.asText()->size() / 64);
        return atEnd ? own(self).bytes().ends_with(one.asText()->bytes())
                     : own(self).bytes().starts_with(one.asText()->bytes());
    };
    if (!wanted->asList()) return matches(*wanted);
    return std::any_of(wanted->asList()->items.begin(), wanted->asList()->items.end(), matches);
}

Value findIn(Interpreter& interpreter, const Value& self, const Arguments& arguments, bool last) {
    const std::string &bytes = own(self).bytes(), &wanted = arguments.text(0, "sub").bytes();
    interpreter.budget.step(1 + bytes.size() / 8);
    const size_t at = last ? bytes.rfind(wanted) : bytes.find(wanted);
    if (at == std::string::npos) return int64_t{-1};
    return static_cast<int64_t>(characterCount(std::string_view(bytes).substr(0, at)));
}

Value countIn(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
    const std::string &bytes = own(self).bytes(), &wanted = arguments.text(0, "sub").bytes();
    interpreter.budget.step(1 + bytes.size() / 8);
    if (wanted.empty()) return static_cast<int64_t>(characterCount(bytes)) + 1;
    int64_t count = 0;
    for (size_t at = bytes.find(wanted); at != std::string::npos; at = bytes.find(wanted, at + wanted.size()))
        ++count;
    return count;
}

Value title(Interpreter& interpreter, const Value& self, const Arguments&) {
    interpreter.budget.bytes(2 * own(self).size());
    const Text upper = upperCase(own(self)), lower = lowerCase(own(self));
    Text out;
    bool inWord = false;
    for (size_t i = 0; i < upper.size(); ++i) {
        out.append((inWord ? lower : upper).slice(i, 1));
        const char character = upper.bytes()[i];
        inWord = (character >= 'A' && character <= 'Z') || static_cast<unsigned char>(character) >= 0x80;
    }
    return out;
}

template <class Holds>
bool all(const Value& self, Holds holds) {
    const std::string& bytes = own(self).bytes();
    return !bytes.empty() && std::all_of(bytes.begin(), bytes.end(), holds);
}

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}
bool isLetter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

using Row = std::pair<std::string_view, Method>;
constexpr std::array kTextMethods = {
    Row{"strip", [](Interpreter& i, const Value& s, const Arguments& a) { return strip(i, s, a, true, true); }},
    Row{"lstrip", [](Interpreter& i, const Value& s, const Arguments& a) { return strip(i, s, a, true, false); }},
    Row{"rstrip", [](Interpreter& i, const Value& s, const Arguments& a) { return strip(i, s, a, false, true); }},
    Row{"split", [](Interpreter& i, const Value& s, const Arguments& a) { return split(i, s, a, false); }},
    Row{"rsplit", [](Interpreter& i, const Value& s, const Arguments& a) { return split(i, s, a, true); }},
    Row{"splitlines", splitLines},
    Row{"startswith",
        [](Interpreter& i, const Value& s, const Arguments& a) { return Value(matchesAny(i, s, a, false)); }},
    Row{"endswith", [](Interpreter& i, const Value& s, const Arguments& a) { return Value(matchesAny(i, s, a, true)); }},
    Row{"replace",
        [](Interpreter& i, const Value& s, const Arguments& a) {
            return Value(replaced(own(s), a.text(0, "old"), a.text(1, "new"), a.integer(2, "count", -1), i.budget));
        }},
    Row{"find", [](Interpreter& i, const Value& s, const Arguments& a) { return findIn(i, s, a, false); }},
    Row{"rfind", [](Interpreter& i, const Value& s, const Arguments& a) { return findIn(i, s, a, true); }},
    Row{"count", countIn},
    Row{"upper",
        [](Interpreter& i, const Value& s, const Arguments&) {
            i.budget.bytes(own(s).size());
            return Value(upperCase(own(s)));
        }},
    Row{"lower",
        [](Interpreter& i, const Value& s, const Arguments&) {
            i.budget.bytes(own(s).size());
            return Value(lowerCase(own(s)));
        }},
    Row{"capitalize",
        [](Interpreter& i, const Value& s, const Arguments&) {
            i.budget.bytes(own(s).size());
            return Value(capitalized(own(s)));
        }},
    Row{"title", title},
    Row{"join",
        [](Interpreter& i, const Value& s, const Arguments& a) {
            const Value* items = a.find(0, "iterable");
            return Value(joined(items ? itemsOf(*items, i.budget) : std::vector<Value>(), own(s), i.budget));
        }},
    Row{"removeprefix",
        [](Interpreter& i, const Value& s, const Arguments& a) {
            const std::string& prefix = a.text(0, "prefix").bytes();
            i.budget.bytes(own(s).size());
            return Value(own(s).bytes().starts_with(prefix) ? own(s).slice(prefix.size()) : own(s));
        }},
    Row{"removesuffix",
        [](Interpreter& i, const Value& s, const Arguments& a) {
            const std::string& suffix = a.text(0, "suffix").bytes();
            i.budget.bytes(own(s).size());
            return Value(own(s).bytes().ends_with(suffix) ? own(s).slice(0, own(s).size() - suffix.size()) : own(s));
        }},
    Row{"isdigit", [](Interpreter&, const Value& s, const Arguments&) { return Value(all(s, isDigit)); }},
    Row{"isnumeric", [](Interpreter&, const Value& s, const Arguments&) { return Value(all(s, isDigit)); }},
    Row{"isalpha", [](Interpreter&, const Value& s, const Arguments&) { return Value(all(s, isLetter)); }},
    Row{"isalnum",
        [](Interpreter&, const Value& s, const Arguments&) {
            return Value(all(s, [](char c) { return isLetter(c) || isDigit(c); }));
        }},
    Row{"isspace",
        [](Interpreter&, const Value& s, const Arguments&) {
            return Value(!own(s).empty() && trimmedSpan(own(s).bytes()).begin == own(s).size());
        }},
    Row{"islower", [](Interpreter& i, const Value& s, const Arguments& a) { return Value(i.test("lower", s, a)); }},
    Row{"isupper", [](Interpreter& i, const Value& s, const Arguments& a) { return Value(i.test("upper", s, a)); }},
};

// What a dictionary's method of the same name gives: 0 keys, 1 values, 2 pairs.
Value entriesOf(Interpreter& interpreter, const Value& self, int what) {
    std::vector<Value> items;
    for (const auto& [key, value] : self.asDictionary()->entries) {
        interpreter.budget.bytes(sizeof(Value) * 3 + key.size());
        if (what == 0)
            items.emplace_back(key);
        else if (what == 1)
            items.push_back(value);
        else
            items.push_back(Value::list({Value(key), value}, true));
    }
    return Value::list(std::move(items));
}

constexpr std::array kDictionaryMethods = {
    Row{"keys", [](Interpreter& i, const Value& s, const Arguments&) { return entriesOf(i, s, 0); }},
    Row{"values", [](Interpreter& i, const Value& s, const Arguments&) { return entriesOf(i, s, 1); }},
    Row{"items", [](Interpreter& i, const Value& s, const Arguments&) { return entriesOf(i, s, 2); }},
    Row{"copy", [](Interpreter&, const Value& s, const Arguments&) { return s; }},
    Row{"get",
        [](Interpreter& i, const Value& s, const Arguments& a) {
            i.budget.step(1 + s.asDictionary()->entries.size() / 8);
            const Value* found = s.asDictionary()->find(a.text(0, "key").bytes());
            const Value* standard = a.find(1, "default");
            return found ? *found : standard ? *standard : Value(None());
        }},
};

constexpr std::array kLoopMethods = {
    Row{"cycle",
        [](Interpreter&, const Value& s, const Arguments& a) {
            if (a.positional.empty()) throw Failure{"nothing to cycle through"};
            return a.positional[s.asLoop()->index % a.positional.size()];
        }},
    Row{"changed",
        [](Interpreter& i, const Value& s, const Arguments& a) {
            std::vector<Value>& last = s.asLoop()->last;
            for (const Value& value : a.positional)
                static_cast<void>(value.depth());  // no loop within itself
            const bool same =
                s.asLoop()->index > 0 &&
                std::equal(last.begin(), last.end(), a.positional.begin(), a.positional.end(),
                           [&](const Value& x, const Value& y) { return equal(x, y, i.budget); });
            last = a.positional;
            return Value(!same);
        }},
};

template <class Table>
Method find(const Table& table, std::string_view name) {
    const auto found =
        std::find_if(table.begin(), table.end(), [name](const Row& row) { return row.first == name; });
    return found == table.end() ? nullptr : found->second;
}

}  // namespace

Method findMethod(const Value& self, std::string_view name) {
    if (self.asText()) return find(kTextMethods, name);
    if (self.asDictionary()) return find(kDictionaryMethods, name);
    if (self.asLoop()) return find(kLoopMethods, name);
    return nullptr;
}

}  // namespace edgechat::inference::jinja
