#include "tests/models/hub_simulator/fault.h"

#include <QStringList>
#include <algorithm>
#include <iterator>

namespace edgechat::testing {
namespace {

/// In the order of Fault::Kind.
constexpr const char* kKinds[] = {"status",      "cut",        "reset",      "stall",           "slow",
                                  "ignoreRange", "wrongRange", "lyingRange", "wrongBytes",      "etag",
                                  "linkedSize",  "hugeHeader", "redirect",   "endlessRedirect", "compressed",
                                  "body"};

bool matches(const Fault& fault, const QByteArray& method, const QByteArray& target, const QByteArray& host) {
    return (fault.path.isEmpty() || target.contains(fault.path)) &&
           (fault.method.isEmpty() || fault.method == method) && (fault.host.isEmpty() || fault.host == host);
}

}  // namespace

std::optional<Fault> Fault::read(const QString& text) {
    const QStringList words = text.split(u' ', Qt::SkipEmptyParts);
    if (words.isEmpty()) return std::nullopt;
    const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                   [&words](const char* name) { return words[0] == QLatin1String(name); });
    if (kind == std::end(kKinds)) return std::nullopt;
    Fault fault;
    fault.kind = static_cast<Kind>(kind - std::begin(kKinds));
    for (const QString& word : words.mid(1)) {
        const QString key = word.section(u'=', 0, 0);
        const QString value = word.section(u'=', 1);
        if (key == QStringLiteral("path"))
            fault.path = value.toUtf8();
        else if (key == QStringLiteral("method"))
            fault.method = value.toUtf8();
        else if (key == QStringLiteral("host"))
            fault.host = value.toUtf8();
        else if (key == QStringLiteral("skip"))
            fault.skip = value.toInt();
        else if (key == QStringLiteral("times"))
            fault.times = value.toInt();
        else if (key == QStringLiteral("status"))
            fault.status = value.toInt();
        else if (key == QStringLiteral("bytes"))
            fault.bytes = value.toLongLong();
        else if (key == QStringLiteral("value"))
            fault.value = value.toUtf8();
        else if (key == QStringLiteral("errorCode"))
            fault.errorCode = value.toUtf8();
        else
            return std::nullopt;
    }
    return fault;
}

QList<Fault> faultsFor(QList<Fault>& script, const QByteArray& method, const QByteArray& target,
                       const QByteArray& host) {
    QList<Fault> found;
    for (qsizetype i = 0; i < script.size(); i++) {
        Fault& fault = script[i];
        const bool known = std::any_of(found.begin(), found.end(),
                                       [&fault](const Fault& other) { return other.kind == fault.kind; });
        if (known || !matches(fault, method, target, host)) continue;
        if (fault.skip > 0) {
            fault.skip--;
            continue;
        }
        found.append(fault);
        if (fault.times > 0 && --fault.times == 0) script.removeAt(i--);
    }
    return found;
}

}  // namespace edgechat::testing
