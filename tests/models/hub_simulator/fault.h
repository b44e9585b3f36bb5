// What can go wrong on the way, for a test to script.
#pragma once

#include <QByteArray>
#include <QList>
#include <QString>
#include <optional>

namespace edgechat::testing {

struct Fault {
    enum class Kind {
        status,       ///< this status, `errorCode`, and Retry-After: `value` where it is not empty
        cut,          ///< the connection closes in good order behind `bytes` of the body
        reset,        ///< the connection is reset there
        stall,        ///< the connection stays open there and nothing follows
        slow,         ///< `bytes` of the body every 5 ms
        ignoreRange,  ///< 200 and the whole file
        wrongRange,   ///< 206 with other bytes than were asked for: `bytes` further on
        lyingRange,   ///< 206 whose Content-Range says that the file has `bytes` bytes
        wrongBytes,   ///< one bit of the body is another one
        etag,         ///< `value` is the file's ETag
        linkedSize,   ///< `value` is X-Linked-Size
        hugeHeader,   ///< `bytes` of header fields, all in one with `value` "one"
        redirect,     ///< 302 to `value`
        endlessRedirect,
        compressed,  ///< Content-Encoding: gzip, whatever the client asked for
        body,        ///< 200 with `value` as the body
    };

    Kind kind = Kind::status;
    QByteArray path;    ///< requests whose target contains this; empty: all
    QByteArray method;  ///< "GET", "HEAD"; empty: both
    QByteArray host;    ///< "hub" or "cdn"; empty: both
    int skip = 0;       ///< matching requests that are let through first
    int times = 1;      ///< -1: for ever
    int status = 500;
    qint64 bytes = 0;
    QByteArray value;
    QByteArray errorCode;  ///< X-Error-Code

    /// "reset path=model.safetensors bytes=1000 times=3": kind and fields, by their names here.
    static std::optional<Fault> read(const QString& text);
};

/// Takes the faults of one request out of a script: the first of every kind that matches.
QList<Fault> faultsFor(QList<Fault>& script, const QByteArray& method, const QByteArray& target,
                       const QByteArray& host);

}  // namespace edgechat::testing
