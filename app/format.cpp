#include "app/format.h"

#include <QCoreApplication>
#include <QFileInfo>
#include <QLocale>
#include <QRegularExpression>

#include <algorithm>

#include "models/checkpoint_summary.h"
#include "models/hub_cache.h"

namespace edgechat::app {

QString familyName(const QString& architecture) {
    if (architecture == QLatin1String("llama")) return QStringLiteral("LLaMA");
    if (architecture == QLatin1String("mistral")) return QStringLiteral("Mistral");
    if (architecture == QLatin1String("falcon")) return QStringLiteral("Falcon");
    return architecture;
}

QString dayText(const QDateTime& time) {
    if (!time.isValid()) return {};
    const QDate day = time.toLocalTime().date();
    const qint64 ago = day.daysTo(QDate::currentDate());
    if (ago == 0) return QCoreApplication::translate("day", "today");
    if (ago == 1) return QCoreApplication::translate("day", "yesterday");
    return QLocale().toString(day, QLocale::ShortFormat);
}

QString byteText(qint64 bytes) {
    return QLocale().formattedDataSize(bytes, bytes >= 1'000'000'000 ? 1 : 0, QLocale::DataSizeSIFormat);
}

QString parameterText(quint64 parameters) {
    const QLocale locale;
    const auto scaled = [&](double value, QChar unit) {
        return locale.toString(value, 'f', value < 9.95 ? 1 : 0) + unit;
    };
    if (parameters == 0) return {};
    if (parameters < 1'000'000) return scaled(static_cast<double>(parameters) / 1e3, u'K');
    if (parameters < 1'000'000'000) return scaled(static_cast<double>(parameters) / 1e6, u'M');
    return scaled(static_cast<double>(parameters) / 1e9, u'B');
}

bool matchesSearch(const QString& words, const QStringList& texts) {
    const QStringList wanted = words.split(u' ', Qt::SkipEmptyParts);
    return std::all_of(wanted.begin(), wanted.end(), [&texts](const QString& word) {
        return std::any_of(texts.begin(), texts.end(),
                           [&word](const QString& text) { return text.contains(word, Qt::CaseInsensitive); });
    });
}

QString modelFileName(const QString& path) {
    static const QRegularExpression stored(QStringLiteral("[-._](I?Q\\d\\w*|B?F16|F32)$"),
                                           QRegularExpression::CaseInsensitiveOption);
    // A snapshot's folder is named after a commit.
    const QString cached = models::hubCacheOrigin(path).repository;
    if (!cached.isEmpty() && !path.endsWith(QLatin1String(".gguf"))) return cached.section(u'/', -1);
    const QString base = models::checkpointName(path);
    if (QFileInfo(path).isDir()) return base;
    const QString name = QString(base).remove(stored);
    return name.isEmpty() ? base : name;
}

}  // namespace edgechat::app
