#include "inference/text/tokenizer_json_parts.h"

#include <algorithm>
#include <optional>

namespace edgechat::inference {

namespace {

constexpr size_t kMostComponents = 64;

// Calls `take` with the component itself or, for "Sequence", with each component of the list under `list`.
// Sequences in sequences are followed; how deep a file nests was bounded when it was read.
template <class Take>
void visitComponents(const JsonNode& node, const char* list, size_t& count, const Take& take) {
    if (!node.requireObject()) return;
    if (node["type"].text() != "Sequence") {
        if (++count > kMostComponents) node.wrong("fewer components");
        return take(node);
    }
    const JsonNode parts = node[list];
    if (!parts.requireArray()) return;
    for (size_t i = 0; i < parts.size() && node.problems().ok(); ++i) {
        visitComponents(parts[i], list, count, take);
    }
}
template <class Take>
void forEachComponent(const JsonNode& node, const char* list, const Take& take) {
    size_t count = 0;
    if (!node.absent()) visitComponents(node, list, count, take);
}

// The pattern of Split or Replace: {"String": "..."} or {"Regex": "..."}.
std::optional<Regex> readPattern(const JsonNode& node) {
    const JsonNode source = node["String"].absent() ? node["Regex"] : node["String"];
    if (!source.isText()) {
        node.wrong("an object with \"String\" or \"Regex\"");
        return {};
    }
    Result<Regex> regex =
        node["String"].absent() ? Regex::fromFile(source.text()) : Regex::literal(source.text());
    if (!regex) {
        node.problems().report(source.path(), regex.error().found,
                               "a pattern of literals, classes, \\s \\d \\w, \\p{category}, groups, "
                               "look-around and quantifiers");
        return {};
    }
    return std::move(*regex);
}

SplitBehavior readBehavior(const JsonNode& node, const char* fallback) {
    constexpr std::pair<const char*, SplitBehavior> kNames[] = {
        {"Removed", SplitBehavior::removed},
        {"Isolated", SplitBehavior::isolated},
        {"MergedWithPrevious", SplitBehavior::mergedWithPrevious},
        {"MergedWithNext", SplitBehavior::mergedWithNext},
        {"Contiguous", SplitBehavior::contiguous}};
    const std::string name = node.textOr(fallback);
    for (const auto& [known, behavior] : kNames) {
        if (name == known) return behavior;
    }
    node.wrong("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous");
    return SplitBehavior::isolated;
}

// Text that a component puts in: short, so that no file can make a text grow without bounds.
std::string shortText(const JsonNode& node) {
    std::string text = node.text();
    if (text.size() > 16) node.wrong("a text of at most 16 bytes");
    return text;
}

std::string readMark(const JsonNode& node) {
    std::string mark = shortText(node);
    if (mark.empty() || mark.find(' ') != std::string::npos) node.wrong("a mark that is no space");
    return mark;
}

// How many times longer a text can get by replacements one after the other.
class Growth {
  public:
    void replace(const JsonNode& node, size_t from, size_t to) {
        m_factor *= static_cast<double>(std::max(from, to)) / static_cast<double>(from);
        if (m_factor > 64) {
            node.problems().report(node.path(), "replacements that make text many times longer",
                                   "replacements of spaces by a mark");
        }
    }

  private:
    double m_factor = 1;
};

MetaspaceStep::Prepend readPrependScheme(const JsonNode& node) {
    // Files of before 2023 have add_prefix_space in its place.
    if (node["prepend_scheme"].absent()) {
        return node["add_prefix_space"].booleanOr(true) ? MetaspaceStep::Prepend::always
                                                        : MetaspaceStep::Prepend::never;
    }
    const std::string scheme = node["prepend_scheme"].text();
    if (scheme == "always") return MetaspaceStep::Prepend::always;
    if (scheme == "first") return MetaspaceStep::Prepend::first;
    if (scheme != "never") node["prepend_scheme"].wrong("always, first or never");
    return MetaspaceStep::Prepend::never;
}

std::optional<PreTokenizerStep> readPreTokenizerStep(const JsonNode& node) {
    const std::string type = node["type"].text();
    if (type == "ByteLevel") {
        return ByteLevelStep{node["add_prefix_space"].booleanOr(true), node["use_regex"].booleanOr(true)};
    }
    if (type == "Digits") return digitsStep(node["individual_digits"].booleanOr(false));
    if (type == "Punctuation") return punctuationStep(readBehavior(node["behavior"], "Isolated"));
    if (type == "Whitespace") return wordsAndOthersStep();
    if (type == "WhitespaceSplit") return whiteSpaceStep();
    if (type == "Metaspace") {
        return MetaspaceStep{readMark(node["replacement"]), readPrependScheme(node),
                             node["split"].booleanOr(true)};
    }
    if (type == "Split") {
        std::optional<Regex> pattern = readPattern(node["pattern"]);
        const SplitBehavior behavior = readBehavior(node["behavior"], "");
        const bool invert = node["invert"].booleanOr(false);
        if (!pattern) return {};
        return SplitStep{*pattern, behavior, invert};
    }
    node["type"].wrong(
        "Sequence, ByteLevel, Digits, Punctuation, Split, Metaspace, Whitespace or WhitespaceSplit");
    return {};
}

}  // namespace

std::vector<NormalizerStep> readNormalizer(const JsonNode& node) {
    std::vector<NormalizerStep> steps;
    Growth growth;
    forEachComponent(node, "normalizers", [&](const JsonNode& one) {
        const std::string type = one["type"].text();
        if (type == "Prepend") {
            steps.emplace_back(PrependStep{shortText(one["prepend"])});
        } else if (type == "Strip") {
            steps.emplace_back(
                StripStep{one["strip_left"].booleanOr(true), one["strip_right"].booleanOr(true)});
        } else if (type == "Replace") {
            const std::string to = shortText(one["content"]);
            const JsonNode from = one["pattern"]["String"];
            std::optional<Regex> pattern = readPattern(one["pattern"]);
            if (!pattern) return;
            growth.replace(one, from.absent() ? 1 : from.text().size(), to.size());
            if (from.absent()) {
                steps.emplace_back(ReplacePatternStep{*pattern, to});
            } else {
                steps.emplace_back(ReplaceTextStep{from.text(), to});
            }
        } else {
            one["type"].wrong(
                "Sequence, Prepend, Replace or Strip (models of the LLaMA, Mistral and Falcon families "
                "need no other)");
        }
    });
    return steps;
}

PreTokenizer readPreTokenizer(const JsonNode& node) {
    std::vector<PreTokenizerStep> steps;
    forEachComponent(node, "pretokenizers", [&](const JsonNode& one) {
        std::optional<PreTokenizerStep> step = readPreTokenizerStep(one);
        const bool byteLevel = step && std::holds_alternative<ByteLevelStep>(*step);
        if (byteLevel && PreTokenizer(steps).byteLevel()) {
            return one.problems().report(one.path() + ".type", "\"ByteLevel\" a second time", "it once");
        }
        if (step) steps.push_back(std::move(*step));
    });
    return PreTokenizer(std::move(steps));
}

TokenDecoding readDecoder(const JsonNode& node, bool byteLevel) {
    TokenDecoding decoding;
    // Without a decoder, tokens that are spelled in the byte alphabet are so all the same.
    if (node.absent()) decoding.byteLevel = byteLevel;
    Growth growth;
    forEachComponent(node, "decoders", [&](const JsonNode& one) {
        const std::string type = one["type"].text();
        if (type == "ByteLevel") {
            decoding.byteLevel = true;
        } else if (type == "ByteFallback") {
            decoding.byteFallback = true;
        } else if (type == "Fuse") {
            return;  // tokens are joined without anything between them in any case
        } else if (type == "Metaspace") {
            decoding.replacements.push_back({readMark(one["replacement"]), " "});
            decoding.dropsFirstSpace = readPrependScheme(one) != MetaspaceStep::Prepend::never;
        } else if (type == "Replace") {
            const JsonNode from = one["pattern"]["String"];
            const std::string text = from.text(), to = shortText(one["content"]);
            if (text.empty()) {
                from.wrong("a text to be replaced");
                return;
            }
            growth.replace(one, text.size(), to.size());
            decoding.replacements.push_back({text, to});
        } else if (type == "Strip") {
            if (one["content"].text() != " " || one["stop"].integer(0, 1) != 0) {
                one.problems().report(one.path(), "a Strip of something else", "one space off the beginning");
            }
            decoding.dropsFirstSpace = one["start"].integer(0, 1) == 1;
        } else {
            one["type"].wrong("Sequence, ByteLevel, ByteFallback, Fuse, Metaspace, Replace or Strip");
        }
    });
    return decoding;
}

int readFirstToken(const JsonNode& node) {
    int first = -1;
    forEachComponent(node, "processors", [&first](const JsonNode& one) {
        const std::string type = one["type"].text();
        if (type == "ByteLevel") return;  // it concerns offsets
        if (type != "TemplateProcessing") {
            one["type"].wrong("Sequence, ByteLevel or TemplateProcessing");
            return;
        }
        const JsonNode single = one["single"];
        if (!single.requireArray() || single.size() == 0) return;
        const JsonNode special = single[size_t{0}]["SpecialToken"];
        if (special.absent()) return;
        const std::string name = special["id"].text();
        const JsonNode ids = one["special_tokens"][name.c_str()]["ids"];
        if (ids.requireArray() && ids.size() == 1) first = ids[size_t{0}].integer(0, INT32_MAX);
    });
    return first;
}

}  // namespace edgechat::inference
