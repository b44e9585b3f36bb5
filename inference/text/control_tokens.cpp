#include "inference/text/control_tokens.h"

#include <algorithm>

namespace edgechat::inference {

ControlTokens::ControlTokens(const Tokenizer& tokenizer) : m_prefixesSpace(tokenizer.prefixesSpace()) {
    for (int id = 0; id < tokenizer.vocabulary(); ++id) {
        if (!tokenizer.isControl(id)) continue;
        std::string spelling = tokenizer.tokenText(id);
        if (spelling.empty()) continue;
        m_byFirstByte[static_cast<unsigned char>(spelling[0])].emplace_back(std::move(spelling), id);
    }
    for (std::vector<Spelling>& spellings : m_byFirstByte) {
        std::stable_sort(spellings.begin(), spellings.end(), [](const Spelling& a, const Spelling& b) {
            return a.first.size() > b.first.size();
        });
    }
}

const ControlTokens::Spelling* ControlTokens::find(std::string_view text) const {
    if (text.empty()) return nullptr;
    for (const Spelling& spelling : m_byFirstByte[static_cast<unsigned char>(text[0])]) {
        if (text.starts_with(spelling.first)) return &spelling;
    }
    return nullptr;
}

int ControlTokens::beginning(std::string_view text) const {
    const Spelling* found = find(text);
    return found ? found->second : -1;
}

std::vector<PromptSegment> ControlTokens::segments(const jinja::Text& text, bool answersApart) const {
    std::vector<PromptSegment> segments;
    const auto addText = [&](std::string_view bytes, jinja::Origin origin) {
        if (bytes.empty()) return;
        const bool begins = segments.empty() || segments.back().controlToken >= 0;
        if (begins) {
            // SentencePiece puts a space in front of every run itself: a template's space there is that one.
            const bool implied =
                m_prefixesSpace && origin == jinja::Origin::literal && bytes.starts_with(' ');
            segments.push_back({-1, std::string(bytes), implied ? RunStart::impliedSpace : RunStart::joined});
        } else if (answersApart && origin == jinja::Origin::answer) {
            segments.push_back({-1, std::string(bytes), RunStart::apart});
        } else {
            segments.back().text += bytes;
        }
    };
    for (const jinja::Text::Run& run : text.runs()) {
        if (run.origin != jinja::Origin::literal) {
            addText(run.bytes, run.origin);
            continue;
        }
        size_t begin = 0;  // of the text that is not added yet
        for (size_t at = 0; at < run.bytes.size();) {
            const Spelling* control = find(run.bytes.substr(at));
            if (!control) {
                ++at;
                continue;
            }
            addText(run.bytes.substr(begin, at - begin), run.origin);
            segments.push_back({control->second, control->first});
            at += control->first.size();
            begin = at;
        }
        addText(run.bytes.substr(begin), run.origin);
    }
    return segments;
}

}  // namespace edgechat::inference
