#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "inference/text/jinja/jinja.h"
#include "tests/data/test_files.h"

namespace edgechat::inference::jinja {
namespace {

Value valueOf(const nlohmann::ordered_json& json) {
    if (json.is_string()) return Text(json.get<std::string>());
    if (json.is_boolean()) return json.get<bool>();
    if (json.is_number_integer()) return json.get<int64_t>();
    if (json.is_number()) return json.get<double>();
    if (json.is_array()) {
        std::vector<Value> items;
        for (const auto& item : json) items.push_back(valueOf(item));
        return Value::list(std::move(items));
    }
    if (!json.is_object()) return None();
    std::vector<std::pair<Text, Value>> entries;
    for (const auto& [key, item] : json.items()) entries.emplace_back(Text(key), valueOf(item));
    return Value::dictionary(std::move(entries));
}

Result<Text> rendered(std::string_view source, const Environment& environment = {},
                      const Limits& limits = {}) {
    const Result<Template> program = Template::parse(source);
    if (!program) return program.error();
    return program->render(environment, limits);
}

std::string errorOf(std::string_view source, const Limits& limits = {}) {
    const Result<Text> text = rendered(source, {}, limits);
    return text ? "rendered: " + text->bytes() : text.error().message();
}

// A message of a person, beside which the template's own text stands.
Environment withContent(std::string_view content) {
    Environment environment;
    environment.variables = {{"c", Text(content, Origin::content)}};
    return environment;
}

// "L" for each byte that the template wrote and "c" for each of the message.
std::string origins(const Text& text) {
    std::string marks;
    for (const Text::Run& run : text.runs())
        marks += std::string(run.bytes.size(), run.origin == Origin::literal ? 'L' : 'c');
    return marks;
}

TEST(Jinja, rendersAsPythonsJinja2) {
    const auto goldens = nlohmann::ordered_json::parse(
        testing::readFile(std::string(EDGECHAT_SOURCE_DIR) + "/tests/data/jinja_goldens.json"));
    Environment environment;
    for (const auto& [name, value] : goldens["variables"].items())
        environment.variables.emplace_back(name, valueOf(value));
    ASSERT_GT(goldens["cases"].size(), 150u);
    for (const auto& golden : goldens["cases"]) {
        const std::string source = golden["template"];
        const Result<Text> text = rendered(source, environment);
        if (golden["text"].is_null()) {
            EXPECT_FALSE(text) << source << "\n" << (text ? text->bytes() : "");
        } else if (!text) {
            ADD_FAILURE() << source << "\n" << text.error().message();
        } else {
            EXPECT_EQ(text->bytes(), golden["text"].get<std::string>()) << source;
        }
    }
}

TEST(Jinja, saysWhereTheTemplateIsWrong) {
    EXPECT_EQ(errorOf("a\n{% if x %}b"),
              "cannot use the chat template, line 2, column 12: found the template ends before {% endif %}");
    EXPECT_EQ(errorOf("{{ 1 }}\n\n  {{ x.y }}"),
              "cannot use the chat template, line 3, column 7: found \"x\" is undefined");
    EXPECT_EQ(
        errorOf("{{ 'a' | frobnicate }}"),
        "cannot use the chat template, line 1, column 8: found the filter \"frobnicate\" is not known here");
    EXPECT_EQ(errorOf("{{ raise_exception('no tools') }}"),
              "cannot use the chat template, line 1, column 19: found the template refuses the conversation: "
              "no tools");
    EXPECT_EQ(errorOf("{% include 'x' %}"),
              "cannot use the chat template, line 1, column 4: found the statement {% include %} is not "
              "known here");
}

TEST(Jinja, saysItOnOneLine) {
    EXPECT_EQ(errorOf("{{ raise_exception('a\\n\\x1b[31mb') }}"),
              "cannot use the chat template, line 1, column 19: found the template refuses the conversation: "
              "a  [31mb");
    EXPECT_LT(errorOf("{{ raise_exception('a' * 9999) }}").size(), 400u);
}

TEST(Jinja, endsWhatComputesForTooLong) {
    const char* const loops =
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    EXPECT_NE(errorOf(loops).find("computes for too long"), std::string::npos) << errorOf(loops);
    const char* const recursion = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}";
    EXPECT_NE(errorOf(recursion).find("nested too deep"), std::string::npos) << errorOf(recursion);
}

TEST(Jinja, endsWhatTakesTooMuchMemory) {
    const char* const doubling =
        "{% set ns = namespace(x='0123456789') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}{% "
        "endfor %}";
    EXPECT_NE(errorOf(doubling).find("too much memory"), std::string::npos) << errorOf(doubling);
    EXPECT_NE(errorOf("{{ 'a' * 99999999999 }}").find("too much memory"), std::string::npos);
    Limits limits;
    limits.output = 10;
    EXPECT_NE(errorOf("{{ 'abcdef' }}{{ 'abcdef' }}", limits).find("output is too long"), std::string::npos);
    EXPECT_EQ(errorOf("{{ 'abcde' }}{{ 'abcde' }}", limits), "rendered: abcdeabcde");
}

TEST(Jinja, comparesSharedStructuresOnlyAsLongAsItMay) {
    // 2^60 leaves, all of them the same few objects.
    const char* const source =
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
        "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}";
    EXPECT_NE(errorOf(source).find("computes for too long"), std::string::npos) << errorOf(source);
}

TEST(Jinja, refusesWhatIsNestedTooDeep) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += '(';
    EXPECT_NE(errorOf("{{ " + deep + "1" + std::string(deep.size(), ')') + " }}").find("nested too deep"),
              std::string::npos);
    std::string chain = "{{ 1";
    for (int i = 0; i < 50000; ++i) chain += "+1";
    EXPECT_NE(errorOf(chain + " }}").find("nested too deep"), std::string::npos);
    std::string blocks;
    for (int i = 0; i < 10000; ++i) blocks += "{% if x %}";
    EXPECT_NE(errorOf(blocks).find("nested too deep"), std::string::npos);
    const char* const lists =
        "{% set ns = namespace(x=[]) %}{% for i in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}";
    EXPECT_NE(errorOf(lists).find("nested too deep"), std::string::npos) << errorOf(lists);
}

TEST(Jinja, letsNothingHoldItself) {
    for (const char* source :
         {"{% set ns = namespace() %}{% set ns.x = ns %}", "{% set ns = namespace() %}{{ [ns] }}",
          "{% for a in [1] %}{{ loop.changed(loop) }}{% endfor %}",
          "{% macro m() %}{% endmacro %}{{ {'a': m} }}"}) {
        EXPECT_NE(errorOf(source).find("cannot be stored"), std::string::npos) << errorOf(source);
    }
}

TEST(Jinja, refusesAHugeTemplate) {
    EXPECT_NE(errorOf(std::string(kMostTemplateBytes + 1, 'a')).find("at most"), std::string::npos);
    EXPECT_TRUE(rendered(std::string(kMostTemplateBytes, 'a')));
}

TEST(Jinja, remembersWhoWroteEachByte) {
    const struct {
        const char *source, *text, *origins;
    } cases[] = {
        {"[{{ c }}]", "[ ab ]", "LccccL"},
        {"{{ c | trim }}!", "ab!", "ccL"},
        {"{{ ('<' + c.strip() + '>') | upper }}", "<AB>", "LccL"},
        {"{{ c.strip().replace('a', 'x') }}", "xb", "Lc"},
        {"{{ 'xax'.replace('a', c[1:3]) }}", "xabx", "LccL"},
        {"{{ [c, 'z'] | join(',') }}", " ab ,z", "ccccLL"},
        {"{{ c.strip() * 2 }}", "abab", "cccc"},
        {"{{ c.split() | first }}", "ab", "cc"},
        {"{{ c.strip() | reverse }}", "ba", "cc"},
        {"{{ [c] | tojson }}", "[\" ab \"]", "LLccccLL"},
        {"{{ [c] }}", "[' ab ']", "LLccccLL"},
        {"{% set t %}<{{ c }}>{% endset %}{{ t[1:] }}", " ab >", "ccccL"},
        {"{% macro m(x) %}-{{ x }}{% endmacro %}{{ m(c) }}", "- ab ", "Lcccc"},
        {"{% for k, v in {c: 1}.items() %}{{ k }}{{ v }}{% endfor %}", " ab 1", "ccccL"},
        {"{{ c.strip() | title ~ c.strip().title() }}", "AbAb", "cccc"},
        {"{{ c | indent(1, true) }}", "  ab ", "Lcccc"},
        {"{{ 'x' if c == ' ab ' else 'y' }}", "x", "L"},
    };
    for (const auto& one : cases) {
        const Result<Text> text = rendered(one.source, withContent(" ab "));
        ASSERT_TRUE(text) << one.source << " " << text.error().message();
        EXPECT_EQ(text->bytes(), one.text) << one.source;
        EXPECT_EQ(origins(*text), one.origins) << one.source;
    }
}

TEST(Jinja, keepsBytesThatAreNotUtf8) {
    const Result<Text> text =
        rendered("{{ c | trim }}{{ c[0] }}{{ c | length }}", withContent(" \xff\xe2\x82 "));
    ASSERT_TRUE(text);
    EXPECT_EQ(text->bytes(), "\xff\xe2\x82 5");
}

TEST(Jinja, takesTheDateFromTheCaller) {
    Environment environment;
    environment.today = {2024, 2, 29};  // a Thursday
    const Result<Text> text = rendered("{{ strftime_now('%A, %d %B %Y (%-d.%-m.%y)') }}", environment);
    ASSERT_TRUE(text);
    EXPECT_EQ(text->bytes(), "Thursday, 29 February 2024 (29.2.24)");
}

}  // namespace
}  // namespace edgechat::inference::jinja
