#include "models/jobs/quantize_lines.h"

#include <QJsonDocument>
#include <QJsonObject>
#include <cmath>

namespace edgechat::models::jobs {
namespace {

constexpr qsizetype kMostCharacters = 500;  // of a text that is shown
constexpr double kMostCount = 1e15;

/// One line without control characters.
QString shown(const QString& text) {
    QString line = text.left(kMostCharacters);
    for (QChar& c : line) {
        if (!c.isPrint()) c = u' ';
    }
    return line.simplified();
}

std::optional<uint64_t> count(const QJsonValue& value) {
    const double number = value.toDouble(-1);
    if (!std::isfinite(number) || number < 0 || number > kMostCount || number != std::floor(number))
        return std::nullopt;
    return static_cast<uint64_t>(number);
}

}  // namespace

QByteArrayList LineReader::add(const QByteArray& data) {
    QByteArrayList lines;
    qsizetype begin = 0;
    while (begin < data.size()) {
        const qsizetype end = data.indexOf('\n', begin);
        const qsizetype count = (end < 0 ? data.size() : end) - begin;
        if (!m_dropping && m_rest.size() + count > kMostBytes) {
            m_dropping = true;
            m_rest.clear();
        }
        if (!m_dropping) m_rest.append(data.constData() + begin, count);
        if (end < 0) break;
        if (!m_dropping) lines.append(m_rest);
        m_rest.clear();
        m_dropping = false;
        begin = end + 1;
    }
    return lines;
}

std::optional<Progress> readProgressLine(const QByteArray& line) {
    if (!line.startsWith('{')) return std::nullopt;
    const QJsonObject object = QJsonDocument::fromJson(line).object();
    const std::optional<uint64_t> done = count(object.value(QStringLiteral("done")));
    const std::optional<uint64_t> total = count(object.value(QStringLiteral("total")));
    if (!done || !total || *done > *total || !object.value(QStringLiteral("stage")).isString())
        return std::nullopt;
    Progress progress;
    progress.done = *done;
    progress.total = *total;
    progress.inBytes = object.value(QStringLiteral("unit")).toString() == QLatin1String("bytes");
    const double left = object.value(QStringLiteral("eta_seconds")).toDouble(-1);
    progress.secondsLeft = std::isfinite(left) && left >= 0 ? left : -1;
    progress.detail = shown(object.value(QStringLiteral("detail")).toString());
    return progress;
}

QString readMessageLine(const QByteArray& line) {
    constexpr char kBegin[] = "edgechat: ";
    if (!line.startsWith(kBegin)) return {};
    return shown(QString::fromUtf8(line.mid(sizeof kBegin - 1)));
}

std::optional<Error> readErrorObject(const QByteArray& output) {
    const QJsonObject error =
        QJsonDocument::fromJson(output).object().value(QStringLiteral("error")).toObject();
    const QString message = shown(error.value(QStringLiteral("message")).toString());
    if (message.isEmpty()) return std::nullopt;
    Error read;
    read.what = message.toStdString();
    return read;
}

}  // namespace edgechat::models::jobs
