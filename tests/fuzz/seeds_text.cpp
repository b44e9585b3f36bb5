// Texts, rank files and templates.
#include <string>

#include "tests/data/gguf_writer.h"
#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

bool writeTextSeeds(const std::filesystem::path& folder) {
    const char* texts[] = {"abcHello the world 123, it's fine <|im_end|>\n",
                           "xyz\nUser: \u00e9\u20ac\U0001f600 \xff\xfe\xed\xa0\x80",
                           "\x03\x80\x40   aaaaaaab  \t\r\n \u3000\u00a0x",
                           "012</s><s><0x0A> hellohello \xf0\x9f"};
    bool written = true;
    for (size_t i = 0; i < std::size(texts); ++i) {
        written = writeSeed(folder / std::to_string(i), texts[i]) && written;
    }
    return written;
}

bool writeTiktokenSeeds(const std::filesystem::path& folder) {
    constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string ranks;
    for (int byte = 0; byte < 256; ++byte) {
        ranks += {kDigits[byte >> 2], kDigits[(byte & 3) << 4], '=', '='};
        ranks += " " + std::to_string(byte) + "\n";
    }
    return writeSeed(folder / "bytes", ranks) &&
           writeSeed(folder / "words", ranks + "YWI= 256\nYmM= 257\nYWJj 258\n") &&
           writeSeed(folder / "short", "IQ== 0\nIg== 1\n");
}

// Each statement, operator, filter and method in some template.
bool writeTemplateSeeds(const std::filesystem::path& folder) {
    static const char* const kTemplates[] = {
        kChatMlTemplate,
        "{%- for m in messages -%}\n{{ '[INST] ' + m.content | trim + ' [/INST]' }}{%- endfor %}",
        "{% set ns = namespace(a=0, t='') %}{% for m in messages if m.role != 'system' %}{% set ns.a = ns.a "
        "+ 1 %}"
        "{{ loop.index ~ loop.last ~ loop.cycle('a', 'b') }}{% if ns.a > 2 %}{% break %}{% else %}{% "
        "continue %}"
        "{% endif %}{% else %}none{% endfor %}{{ ns.a // 2 * 3 % 2 - 1 ** 2 / 1.5 }}",
        "{% macro f(a, b='x') %}({{ a }}{{ b | upper }}){% endmacro %}{{ f(messages[0]['content'][1:-1:2], "
        "b=[1, none]) }}",
        "{% set t | replace('a', 'b') %}{{ messages | tojson(indent=2) }}{% endset %}{{ t.split('\\n')[::-1] "
        "| join('-') }}",
        "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | length }}"
        "{{ messages[-1].content.strip('x').title() | indent(2, true) }}{% filter lower %}A{% endfilter %}",
        "{% with a = {'k': (1, 2)} %}{% for k, v in a.items() %}{{ k }}{{ v }}{% endfor %}{% endwith %}"
        "{% raw %}{{ x }}{% endraw %}{# c #}{% generation %}x{% endgeneration %}{{ range(3) | sum ~ "
        "strftime_now('%d %b %Y') }}",
        "{% if messages is defined and not 'a' in 'b' or 1 < 2 <= 3 %}{{ raise_exception('x') if tools else "
        "messages | sort(attribute='role') | unique | first | string }}{% elif no %}{% endif %}"};
    bool written = true;
    for (size_t i = 0; i < std::size(kTemplates); ++i) {
        std::string seed(1, static_cast<char>(i));
        seed += kTemplates[i];
        seed += '\0';
        seed += "hello\n <|im_start|> \xff";
        written = writeSeed(folder / std::to_string(i), seed) && written;
    }
    return written;
}

}  // namespace edgechat::testing
