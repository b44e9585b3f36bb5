#include "inference/text/regex_translation.h"

#include <algorithm>
#include <cctype>

#include "inference/model/gguf.h"
#include "inference/text/character_class.h"

namespace edgechat::inference {

namespace {

bool isGeneralCategory(std::string_view name) {
    constexpr std::string_view kNames[] = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc",
                                           "Me", "N",  "Nd", "Nl", "No", "P",  "Pc", "Pd", "Ps",
                                           "Pe", "Pi", "Pf", "Po", "S",  "Sm", "Sc", "Sk", "So",
                                           "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Co", "Cn"};
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

class Translation {
  public:
    explicit Translation(std::string_view pattern) : m_rest(pattern) {}

    Result<std::string> run() {
        while (m_problem.empty() && !m_rest.empty()) step();
        if (m_problem.empty() && m_inClass) refuse("a class without its end");
        if (!m_problem.empty()) return Error{ErrorCode::badInput, "", "", "", m_problem, ""};
        return m_out;
    }

  private:
    void refuse(std::string problem) {
        if (m_problem.empty()) m_problem = std::move(problem);
    }
    void refuseConstruct(size_t length) {
        refuse("\"" + quotedForMessage(m_rest.substr(0, length)) + "\" in a pattern");
    }
    void keep(size_t length) {
        m_out += m_rest.substr(0, length);
        m_rest.remove_prefix(length);
    }
    void put(std::string_view text, size_t length) {
        m_out += text;
        m_rest.remove_prefix(length);
    }
    void putClass(const std::string& inside, size_t length) {
        put(m_inClass ? inside : "[" + inside + "]", length);
    }

    void step() {
        switch (m_rest[0]) {
            case '\\':
                return escape();
            case '[':
                return m_inClass ? refuseConstruct(2) : openClass();
            case ']':
                m_inClass = false;
                return keep(1);
            default:
                break;
        }
        if (m_inClass) return m_rest.starts_with("&&") ? refuseConstruct(2) : keep(1);
        switch (m_rest[0]) {
            case '(':
                return openGroup();
            case '{':
                return interval();
            case '^':
            case '$':
                return refuseConstruct(1);  // Oniguruma's anchors are those of lines
            default:
                return keep(1);
        }
    }

    void openClass() {
        m_inClass = true;
        keep(m_rest.starts_with("[^") ? 2 : 1);
        if (m_rest.starts_with(']')) refuseConstruct(1);  // empty, or a literal bracket
    }

    void openGroup() {
        if (m_rest.starts_with("(*")) return refuseConstruct(2);
        if (!m_rest.starts_with("(?")) return keep(1);
        for (std::string_view known : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:", "(?-i:"}) {
            if (m_rest.starts_with(known)) return keep(known.size());
        }
        refuseConstruct(4);
    }

    // {n} {n,} {n,m} {,m}. A sign behind it means another thing in either syntax, unless it is {n,m}?.
    void interval() {
        const size_t end = m_rest.find('}');
        if (end == std::string_view::npos) return refuseConstruct(1);
        const std::string_view inside = m_rest.substr(1, end - 1);
        const size_t comma = inside.find(',');
        const std::string_view least = inside.substr(0, comma);
        const std::string_view most = comma == std::string_view::npos ? least : inside.substr(comma + 1);
        const auto number = [](std::string_view text) {
            return text.size() <= 5 && std::all_of(text.begin(), text.end(), [](unsigned char digit) {
                       return std::isdigit(digit) != 0;
                   });
        };
        const bool sound = number(least) && number(most) && !(least.empty() && most.empty());
        const char behind = end + 1 < m_rest.size() ? m_rest[end + 1] : '\0';
        if (!sound || behind == '+' || (behind == '?' && comma == std::string_view::npos)) {
            return refuseConstruct(end + 2);
        }
        m_out += least.empty() ? "{0" : "{";
        m_out += inside;
        m_out += '}';
        m_rest.remove_prefix(end + 1);
    }

    void escape() {
        if (m_rest.size() < 2) return refuse("a pattern that ends with a backslash");
        const char letter = m_rest[1];
        switch (letter) {
            case 's':
                return putClass(whiteSpaceClass(), 2);
            case 'S':
                return putClass(noWhiteSpaceClass(), 2);
            case 'w':
                return putClass(wordClass(), 2);
            case 'W':
                return m_inClass ? refuseConstruct(2) : put("[^" + wordClass() + "]", 2);
            case 'd':
                return put("\\p{Nd}", 2);
            case 'D':
                return put("\\P{Nd}", 2);
            case 'v':
                return put("\\x{b}", 2);
            case 'r':
            case 'n':
            case 't':
            case 'f':
                return keep(2);
            case 'p':
            case 'P':
                return property();
            case 'u':
                return codePoint();
            default:
                break;
        }
        const auto code = static_cast<unsigned char>(letter);
        if (code >= 0x80 || std::isalnum(code)) return refuseConstruct(2);
        keep(2);
    }

    void property() {
        const size_t end = m_rest.find('}');
        if (m_rest.size() < 3 || m_rest[2] != '{' || end == std::string_view::npos) return refuseConstruct(4);
        std::string_view name = m_rest.substr(3, end - 3);
        if (name.starts_with('^')) name.remove_prefix(1);
        // Names of scripts mean different sets in different versions of PCRE2.
        if (!isGeneralCategory(name)) return refuseConstruct(end + 1);
        keep(end + 1);
    }

    void codePoint() {  // \uHHHH
        const std::string_view digits = m_rest.substr(2, 4);
        const bool sound =
            digits.size() == 4 && std::all_of(digits.begin(), digits.end(),
                                              [](unsigned char digit) { return std::isxdigit(digit) != 0; });
        if (!sound) return refuseConstruct(6);
        put("\\x{" + std::string(digits) + "}", 6);
    }

    std::string_view m_rest;
    std::string m_out;
    std::string m_problem;
    bool m_inClass = false;
};

}  // namespace

Result<std::string> pcre2FromOniguruma(std::string_view pattern) {
    return Translation(pattern).run();
}

}  // namespace edgechat::inference
