// Values as text: Python's str() and repr(), and JSON.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "inference/text/jinja/value.h"

namespace edgechat::inference::jinja {

namespace {

// Python's repr: the shortest digits that read back the same, an exponent below 1e-4 and from 1e16 on.
std::string floatText(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[64];
    const double magnitude = std::fabs(value);
    const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                   exponent ? std::chars_format::scientific : std::chars_format::fixed);
    std::string text(buffer, end.ptr);
    if (!exponent && text.find('.') == std::string::npos) text += ".0";
    return text;
}

// A string between quotes as repr() writes it; characters that are not ASCII stay.
Text quoted(const Text& text) {
    const std::string& bytes = text.bytes();
    const char quote =
        bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos ? '"' : '\'';
    Text out(std::string(1, quote));
    for (const Text::Run& run : text.runs()) {
        std::string escaped;
        for (const char character : run.bytes) {
            const auto byte = static_cast<unsigned char>(character);
            if (character == quote || character == '\\')
                escaped += {'\\', character};
            else if (character == '\n')
                escaped += "\\n";
            else if (character == '\r')
                escaped += "\\r";
            else if (character == '\t')
                escaped += "\\t";
            else if (byte < 0x20 || byte == 0x7f) {
                char hex[8];
                std::snprintf(hex, sizeof hex, "\\x%02x", byte);
                escaped += hex;
            } else
                escaped += character;
        }
        out.append(escaped, run.origin);
    }
    out.append(std::string(1, quote), Origin::literal);
    return out;
}

Text jsonString(const Text& text) {
    Text out("\"");
    for (const Text::Run& run : text.runs()) {
        std::string escaped;
        for (const char character : run.bytes) {
            const auto byte = static_cast<unsigned char>(character);
            if (character == '"' || character == '\\')
                escaped += {'\\', character};
            else if (character == '\n')
                escaped += "\\n";
            else if (character == '\r')
                escaped += "\\r";
            else if (character == '\t')
                escaped += "\\t";
            else if (character == '\b')
                escaped += "\\b";
            else if (character == '\f')
                escaped += "\\f";
            else if (byte < 0x20) {
                char hex[8];
                std::snprintf(hex, sizeof hex, "\\u%04x", byte);
                escaped += hex;
            } else
                escaped += character;
        }
        out.append(escaped, run.origin);
    }
    out.append("\"", Origin::literal);
    return out;
}

class JsonWriter {
  public:
    JsonWriter(const JsonStyle& style, Budget& budget) : m_style(style), m_budget(budget) {}

    void write(const Value& value, int level) {
        m_budget.step();
        if (value.isNone())
            add("null");
        else if (const bool* truth = value.asBool())
            add(*truth ? "true" : "false");
        else if (const int64_t* integer = value.asInteger())
            add(std::to_string(*integer));
        else if (const double* number = value.asFloat())
            add(floatText(*number));
        else if (const Text* text = value.asText()) {
            m_budget.bytes(2 * text->size());
            out.append(jsonString(*text));
        } else if (const List* list = value.asList()) {
            add("[");
            for (size_t i = 0; i < list->items.size(); ++i) {
                separate(i == 0, level + 1);
                write(list->items[i], level + 1);
            }
            close(']', list->items.empty(), level);
        } else if (const Dictionary* dictionary = value.asDictionary()) {
            std::vector<const std::pair<Text, Value>*> entries;
            m_budget.bytes(dictionary->entries.size() * sizeof(void*));
            for (const auto& entry : dictionary->entries) entries.push_back(&entry);
            if (m_style.sortKeys) {
                std::sort(entries.begin(), entries.end(),
                          [](const auto* a, const auto* b) { return a->first.bytes() < b->first.bytes(); });
            }
            add("{");
            for (size_t i = 0; i < entries.size(); ++i) {
                separate(i == 0, level + 1);
                m_budget.bytes(2 * entries[i]->first.size());
                out.append(jsonString(entries[i]->first));
                add(m_style.afterKey);
                write(entries[i]->second, level + 1);
            }
            close('}', entries.empty(), level);
        } else {
            throw Failure{std::string(value.kindName()) + " cannot be written as JSON"};
        }
    }

    Text out;

  private:
    void add(std::string_view text) {
        m_budget.bytes(text.size());
        out.append(text, Origin::literal);
    }
    void newline(int level) {
        m_budget.bytes(static_cast<size_t>(level) * static_cast<size_t>(m_style.indent) + 1);
        add("\n" + std::string(static_cast<size_t>(level) * static_cast<size_t>(m_style.indent), ' '));
    }
    void close(char bracket, bool empty, int level) {
        if (!empty && m_style.indent >= 0) newline(level);
        add(std::string(1, bracket));
    }
    void separate(bool first, int level) {
        if (!first) add(m_style.betweenItems);
        if (m_style.indent >= 0) newline(level);
    }

    const JsonStyle& m_style;
    Budget& m_budget;
};

void writeRepresentation(const Value& value, Text& out, Budget& budget) {
    const auto add = [&](std::string_view text) {
        budget.bytes(text.size());
        out.append(text, Origin::literal);
    };
    if (const Text* text = value.asText()) {
        budget.bytes(4 * text->size());
        out.append(quoted(*text));
    } else if (value.isNone()) {
        add("None");
    } else if (const bool* truth = value.asBool()) {
        add(*truth ? "True" : "False");
    } else if (const int64_t* integer = value.asInteger()) {
        add(std::to_string(*integer));
    } else if (const double* number = value.asFloat()) {
        add(floatText(*number));
    } else if (const List* list = value.asList()) {
        add(list->tuple ? "(" : "[");
        for (size_t i = 0; i < list->items.size(); ++i) {
            if (i > 0) add(", ");
            writeRepresentation(list->items[i], out, budget);
        }
        add(!list->tuple ? "]" : list->items.size() == 1 ? ",)" : ")");
    } else if (const Dictionary* dictionary = value.asDictionary()) {
        add("{");
        bool first = true;
        for (const auto& [key, item] : dictionary->entries) {
            if (!first) add(", ");
            first = false;
            budget.bytes(4 * key.size());
            out.append(quoted(key));
            add(": ");
            writeRepresentation(item, out, budget);
        }
        add("}");
    } else if (value.isUndefined()) {
        add("Undefined");
    } else {
        throw Failure{std::string(value.kindName()) + " cannot be written as text"};
    }
}

}  // namespace

Text toRepresentation(const Value& value, Budget& budget) {
    Text out;
    writeRepresentation(value, out, budget);
    return out;
}

Text toText(const Value& value, Budget& budget) {
    if (const Text* text = value.asText()) {
        budget.bytes(text->size());
        return *text;
    }
    if (value.isUndefined()) return {};
    return toRepresentation(value, budget);
}

Text toJson(const Value& value, const JsonStyle& style, Budget& budget) {
    JsonWriter writer(style, budget);
    writer.write(value, 0);
    return std::move(writer.out);
}

}  // namespace edgechat::inference::jinja
