// Global functions.
#include <algorithm>
#include <array>
#include <cstdio>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

constexpr int64_t kLongestRange = 100'000;  // as jinja2's sandbox

Value range(Interpreter& interpreter, const Arguments& arguments) {
    const size_t count = arguments.positional.size();
    if (count == 0 || count > 3) throw Failure{"range() takes one to three integers"};
    int64_t bounds[3] = {0, 0, 1};
    for (size_t i = 0; i < count; ++i) bounds[count == 1 ? 1 : i] = arguments.integer(i, "", 0);
    const auto [start, stop, step] = bounds;
    if (step == 0) throw Failure{"range() with steps of zero"};
    std::vector<Value> items;
    for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
        if (static_cast<int64_t>(items.size()) == kLongestRange) throw Failure{"range() is too long"};
        interpreter.budget.bytes(sizeof(Value));
        items.emplace_back(i);
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return Value::list(std::move(items));
}

Value makeNamespace(Interpreter& interpreter, const Arguments& arguments) {
    const auto space = std::make_shared<Namespace>();
    for (const Value& given : arguments.positional) {
        if (!given.asDictionary()) throw Failure{"namespace() takes a dictionary"};
        for (const auto& [key, value] : given.asDictionary()->entries)
            space->entries.emplace_back(key.bytes(), value);
    }
    for (const auto& [name, value] : arguments.named) {
        static_cast<void>(value.depth());  // refuses what could come to hold itself
        const auto same = std::find_if(space->entries.begin(), space->entries.end(),
                                       [&name = name](const auto& entry) { return entry.first == name; });
        if (same != space->entries.end())
            same->second = value;
        else
            space->entries.emplace_back(name, value);
    }
    interpreter.budget.bytes(space->entries.size() * sizeof(Value));
    return space;
}

Value makeDictionary(Interpreter& interpreter, const Arguments& arguments) {
    std::vector<std::pair<Text, Value>> entries;
    for (const Value& given : arguments.positional) {
        if (!given.asDictionary()) throw Failure{"dict() takes a dictionary"};
        entries.insert(entries.end(), given.asDictionary()->entries.begin(),
                       given.asDictionary()->entries.end());
    }
    for (const auto& [name, value] : arguments.named) entries.emplace_back(Text(name), value);
    interpreter.budget.bytes(entries.size() * sizeof(Value));
    interpreter.budget.step(entries.size() * entries.size() / 8);
    return Value::dictionary(std::move(entries));
}

Value raiseException(Interpreter& interpreter, const Arguments& arguments) {
    const Value* message = arguments.find(0, "message");
    throw Failure{
        "the template refuses the conversation: " +
        (message ? toText(*message, interpreter.budget).bytes() : std::string("it does not say why"))};
}

int dayOfWeek(const Date& date) {  // 0: Sunday (Sakamoto)
    static constexpr int kShift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    const int year = date.month < 3 ? date.year - 1 : date.year;
    return (year + year / 4 - year / 100 + year / 400 + kShift[date.month - 1] + date.day) % 7;
}

std::string numberText(int number, int width) {
    char buffer[16];
    std::snprintf(buffer, sizeof buffer, "%0*d", width, number);
    return buffer;
}

Value formatDate(Interpreter& interpreter, const Arguments& arguments) {
    static constexpr const char* kMonths[] = {"January",   "February", "March",    "April",
                                              "May",       "June",     "July",     "August",
                                              "September", "October",  "November", "December"};
    static constexpr const char* kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                            "Thursday", "Friday", "Saturday"};
    const Date& date = interpreter.environment().today;
    const std::string month = kMonths[date.month - 1], day = kDays[dayOfWeek(date)];
    const std::string& format = arguments.text(0, "format").bytes();
    interpreter.budget.bytes(10 * format.size());
    std::string text;
    for (size_t i = 0; i < format.size(); ++i) {
        if (format[i] != '%' || i + 1 == format.size()) {
            text += format[i];
            continue;
        }
        const bool unpadded = format[i + 1] == '-' && i + 2 < format.size();
        const int width = unpadded ? 1 : 2;
        i += unpadded ? 2 : 1;
        switch (format[i]) {
            case 'd':
                text += numberText(date.day, width);
                break;
            case 'm':
                text += numberText(date.month, width);
                break;
            case 'y':
                text += numberText(date.year % 100, width);
                break;
            case 'Y':
                text += numberText(date.year, 4);
                break;
            case 'b':
                text += month.substr(0, 3);
                break;
            case 'B':
                text += month;
                break;
            case 'a':
                text += day.substr(0, 3);
                break;
            case 'A':
                text += day;
                break;
            case 'H':
            case 'M':
            case 'S':
                text += numberText(0, width);
                break;
            case 'I':
                text += "12";
                break;
            case 'p':
                text += "AM";
                break;
            case '%':
                text += '%';
                break;
            default:
                throw Failure{std::string("strftime_now() does not know %") + format[i]};
        }
    }
    return Text(text);
}

using Row = std::pair<std::string_view, GlobalFunction>;
constexpr std::array kFunctions = {Row{"range", range}, Row{"namespace", makeNamespace},
                                   Row{"dict", makeDictionary}, Row{"raise_exception", raiseException},
                                   Row{"strftime_now", formatDate}};

}  // namespace

GlobalFunction findFunction(std::string_view name) {
    const auto found = std::find_if(kFunctions.begin(), kFunctions.end(),
                                    [name](const Row& row) { return row.first == name; });
    return found == kFunctions.end() ? nullptr : found->second;
}

}  // namespace edgechat::inference::jinja
