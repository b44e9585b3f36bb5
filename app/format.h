// Sizes and names as people read them.
#pragma once

#include <QDateTime>
#include <QString>
#include <QStringList>

namespace edgechat::app {

/// "LLaMA", "Mistral", "Falcon"; a name that is not known stays as it is.
QString familyName(const QString& architecture);
QString dayText(
    const QDateTime& time);  ///< "today", "yesterday", as the locale writes a day; empty for an invalid one
QString byteText(qint64 bytes);             ///< "98 MB", "1.2 GB": powers of 1000
QString parameterText(quint64 parameters);  ///< "135M", "7.2B"; empty for 0
/// Whether every word of a search occurs in one of the texts, in whatever case; true for no words.
bool matchesSearch(const QString& words, const QStringList& texts);
/// "SmolLM2-135M-Instruct" for "/models/SmolLM2-135M-Instruct.Q4_1.gguf": how the weights are stored is told
/// beside the name. A folder keeps its name.
QString modelFileName(const QString& path);

}  // namespace edgechat::app
