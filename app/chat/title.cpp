#include "app/chat/title.h"

#include <QStringList>

namespace edgechat::app {

QString titleFromText(const QString& text, int longest) {
    QString line;
    for (const QString& candidate : text.split(u'\n')) {
        line = candidate.simplified();
        if (!line.isEmpty()) break;
    }
    if (line.size() <= longest) return line;
    qsizetype end = line.lastIndexOf(u' ', longest - 1);
    if (end < longest / 2) end = longest - 1;
    if (line.at(end - 1).isHighSurrogate()) --end;  // a character of two units stays whole
    return line.left(end) + QChar(0x2026);
}

}  // namespace edgechat::app
