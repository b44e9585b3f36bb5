#pragma once

#include <QString>

#include <vector>

namespace edgechat::ui {

/// A coloured stretch of one line of code.
struct CodeToken {
    enum Kind { Keyword, String, Comment, Number, Name };

    Kind kind = Keyword;
    int begin = 0;  ///< in the line
    int length = 0;
    bool operator==(const CodeToken&) const = default;
};

/// What one line leaves open for the next one. 0: nothing.
using CodeState = int;

/// Whether code of this language (as a fence names it: "cpp", "python") gets colours.
bool isKnownLanguage(const QString& language);

/// The name to show above a block: "C++" for "cpp", and the fence's own word for one that is not known.
QString languageTitle(const QString& language);

/// The tokens of one line, in order, without overlaps. `state` is what the line before left open, and is set
/// to what this one does.
std::vector<CodeToken> tokenizeLine(const QString& language, const QString& line, CodeState& state);

}  // namespace edgechat::ui
