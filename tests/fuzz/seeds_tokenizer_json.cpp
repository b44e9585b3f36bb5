// The small tokenizer.json with one component or another.
#include <string>

#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

namespace {

const char* const kModel =
    R"json("model": {"type": "BPE", "vocab": {"<unk>": 0, "a": 1, "b": 2, "ab": 3, "\u2581": 4, "\u2581a": 5, "1": 6,
        "\u0120": 7, "\u0120a": 8, "<0x0A>": 9}, "merges": ["a b", ["\u2581", "a"], "\u0120 a"],
        "byte_fallback": true, "fuse_unk": true, "ignore_merges": true, "unk_token": "<unk>"})json";

const char* const kParts[] = {
    R"json("added_tokens": [{"id": 10, "content": "<s>", "special": true}, {"id": 11, "content": "<x>", "lstrip": true,
        "rstrip": true, "single_word": true, "normalized": true}])json",
    R"json("normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        {"type": "Strip", "strip_left": true, "strip_right": true},
        {"type": "Replace", "pattern": {"Regex": "[0-9]+(?=a)"}, "content": "ab"}]},
        "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"},
        "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})json",
    R"json("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true},
        {"type": "Digits", "individual_digits": false},
        {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|[^\\r\\n\\p{L}]?\\p{L}+|\\s+(?!\\S)|\\d{1,3}"},
        "behavior": "MergedWithNext", "invert": true}]}, "decoder": {"type": "ByteLevel"})json",
    R"json("pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": true},
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"},
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}],
        "special_tokens": {"<s>": {"ids": [10]}}})json",
    R"json("pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "WhitespaceSplit"},
        {"type": "Split", "pattern": {"String": "ab"}, "behavior": "MergedWithPrevious"}]})json"};

}  // namespace

bool writeTokenizerJsonSeeds(const std::filesystem::path& folder) {
    bool written = true;
    for (size_t i = 0; i < std::size(kParts); ++i) {
        const std::string part = "{" + std::string(kModel) + ", " + kParts[i];
        written = writeSeed(folder / std::to_string(i), part + "}") && written;
        // The same with added tokens.
        if (i > 0) {
            written =
                writeSeed(folder / ("added" + std::to_string(i)), part + ", " + kParts[0] + "}") && written;
        }
    }
    return written;
}

}  // namespace edgechat::testing
