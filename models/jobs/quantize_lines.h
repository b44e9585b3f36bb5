// What `edgechat-cli quantize --progress json --json` says, read as anybody may have written it.
#pragma once

#include <QByteArray>
#include <QByteArrayList>
#include <QString>
#include <optional>

#include "models/jobs/job.h"

namespace edgechat::models::jobs {

/// Cuts a stream into lines. A line longer than kMostBytes is dropped to its end: memory stays bounded
/// whatever comes.
class LineReader {
  public:
    static constexpr qsizetype kMostBytes = 8192;

    /// The lines that `data` completes, without their ends.
    QByteArrayList add(const QByteArray& data);

  private:
    QByteArray m_rest;
    bool m_dropping = false;
};

/// {"stage","done","total","unit","eta_seconds","detail"}; nothing for any other line and for numbers that
/// cannot be.
std::optional<Progress> readProgressLine(const QByteArray& line);

/// "edgechat: <text>", made harmless for display; empty for any other line.
QString readMessageLine(const QByteArray& line);

/// {"error":{"code","message","field"}} as an Error whose message() is that message. Nothing for any other
/// text.
std::optional<Error> readErrorObject(const QByteArray& output);

}  // namespace edgechat::models::jobs
