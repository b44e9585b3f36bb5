// A conversation's title from what its first message says.
#pragma once

#include <QString>

namespace edgechat::app {

/// The first words of the first line that has any, at most `longest` characters; cut titles end in "…".
QString titleFromText(const QString& text, int longest = 48);

}  // namespace edgechat::app
