// Writes the corpora that fuzzing begins with: make_seeds FOLDER makes FOLDER/gguf, FOLDER/text and
// FOLDER/template.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/data/gguf_writer.h"

namespace {

// Each statement, operator, filter and method in some template.
bool writeTemplates(const std::filesystem::path& folder) {
    static const char* const kTemplates[] = {
        edgechat::testing::kChatMlTemplate,
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
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    bool written = true;
    for (size_t i = 0; i < std::size(kTemplates); ++i) {
        std::ofstream file(folder / std::to_string(i), std::ios::binary);
        file << static_cast<char>(i) << kTemplates[i] << '\0' << "hello\n <|im_start|> \xff";
        written = written && file.good();
    }
    return written;
}

}  // namespace

int main(int count, char** arguments) {
    using namespace edgechat::testing;
    if (count != 2) {
        std::fputs("usage: fuzz_seeds FOLDER\n", stderr);
        return 2;
    }
    const std::filesystem::path gguf = std::filesystem::path(arguments[1]) / "gguf";
    const std::filesystem::path text = std::filesystem::path(arguments[1]) / "text";
    std::error_code error;
    std::filesystem::create_directories(gguf, error);
    std::filesystem::create_directories(text, error);
    bool written = true;

    TinyModelOptions options;
    options.layers = 1;
    options.hidden = options.ffn = 32;
    options.heads = options.kvHeads = 2;
    for (TensorType type :
         {TensorType::f16, TensorType::bf16, TensorType::q4_0, TensorType::q4_1, TensorType::q8_0}) {
        options.weights = options.embedding = type;
        options.tiedHead = type != TensorType::q4_0;
        const char* name = edgechat::inference::tensorTypeName(type);
        written = written && writeTinyModel(gguf / name, options);
    }
    // Small ones let the fuzzer reach the container's rules faster.
    GgufWriter head;
    head.text("general.architecture", "llama");
    head.u32("general.alignment", 64);
    head.i32s("a", {1, 2, 3});
    head.f32s("b", {1.0f});
    head.boolean("c", true);
    head.tensors.push_back({"t", 0, {4, 2}, std::string(32, 'x'), {}});
    head.alignment = 64;
    written = written && head.write(gguf / "head");
    GgufWriter vocabulary;
    vocabulary.text("tokenizer.ggml.model", "llama");
    vocabulary.texts("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "a", "b", "ab", "\u2581", "<0x0A>"});
    vocabulary.i32s("tokenizer.ggml.token_type", {2, 3, 3, 1, 1, 1, 4, 6});
    vocabulary.f32s("tokenizer.ggml.scores", {0, 0, 0, -1, -2, -3, -4, 0});
    vocabulary.u32("tokenizer.ggml.eot_token_id", 2);
    written = written && vocabulary.write(gguf / "sentencepiece");

    const char* texts[] = {"abcHello the world 123, it's fine <|im_end|>\n",
                           "xyz\nUser: \u00e9\u20ac\U0001f600 \xff\xfe\xed\xa0\x80",
                           "\x03\x80\x40   aaaaaaab  \t\r\n \u3000\u00a0x",
                           "012</s><s><0x0A> hellohello \xf0\x9f"};
    for (size_t i = 0; i < std::size(texts); ++i) {
        std::ofstream file(text / std::to_string(i), std::ios::binary);
        file << texts[i];
        written = written && file.good();
    }
    written = writeTemplates(std::filesystem::path(arguments[1]) / "template") && written;
    if (!written) std::fprintf(stderr, "fuzz_seeds: cannot write below %s\n", arguments[1]);
    return written ? 0 : 1;
}
