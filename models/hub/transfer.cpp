#include "models/hub/transfer.h"

#include <QFileInfo>
#include <QRandomGenerator>
#include <algorithm>

#include "models/hub/headers.h"

namespace edgechat::models::hub {
namespace {

constexpr qint64 kHashStepBytes = qint64{8} << 20;  // between two looks at pause and cancel
constexpr qint64 kReadStepBytes = qint64{256} << 10;
constexpr int kMostResolved = 5;
const char* const kWhat = "cannot download";

bool isDigest(const std::string& etag) {
    return (etag.size() == 40 || etag.size() == 64) &&
           etag.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

Transfer::Transfer(Session& session, TransferRequest request, QObject* parent)
    : QObject(parent), m_session(session), m_request(std::move(request)) {
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &Transfer::proceed);
}

Transfer::~Transfer() = default;

QUrl Transfer::url() const {
    return m_session.settings().endpoint.file(m_request.repository, m_request.commit, m_request.path);
}

void Transfer::start() {
    if (m_stage != Stage::idle) return;
    m_existing.setFileName(m_request.target);
    const bool there = QFileInfo(m_request.target).size() == m_request.identity.bytes &&
                       m_existing.open(QIODevice::ReadOnly);
    if (there) m_existingDigest = std::make_unique<Digest>(m_request.identity);
    m_stage = Stage::checkingTarget;
    m_timer.start(0);
}

/// The next step of what takes time.
void Transfer::proceed() {
    if (m_paused) return;
    switch (m_stage) {
        case Stage::checkingTarget:
            return checkTarget();
        case Stage::checkingPartial:
            return checkPartial();
        case Stage::asking:
            return ask();
        case Stage::waiting:
            return m_asked ? fetch() : ask();
        case Stage::fetching:
            return m_http ? drain() : fetch();
        case Stage::idle:
        case Stage::over:
            return;
    }
}

void Transfer::checkTarget() {
    if (!m_existingDigest) return openPartial();
    const Result<bool> all = hashMore(m_existing.handle(), m_request.target, m_request.identity.bytes,
                                      kHashStepBytes, *m_existingDigest);
    if (all && !*all) return m_timer.start(0);
    if (all && m_existingDigest->isRight()) {
        setDone(m_request.identity.bytes);
        return succeed(m_existingDigest->sha256());
    }
    // It is another file, or damaged: the new one will replace it.
    m_existing.close();
    m_existingDigest.reset();
    openPartial();
}

void Transfer::openPartial() {
    Result<std::unique_ptr<PartialFile>> file = PartialFile::open(m_request.target, m_request.identity);
    if (!file) return fail(fileFailure(file.error()));
    m_partial = std::move(*file);
    m_stage = Stage::checkingPartial;
    checkPartial();
}

void Transfer::checkPartial() {
    const Result<bool> all = m_partial->hashMore(kHashStepBytes);
    if (!all) return fail(fileFailure(all.error()));
    if (!*all) return m_timer.start(0);
    setDone(m_partial->size());
    if (m_partial->isComplete()) return complete();
    m_stage = Stage::asking;
    ask();
}

/// HEAD: may the file be had, and is it the one that was listed?
void Transfer::ask() {
    m_stage = Stage::asking;
    m_accepted = false;
    m_http = new Request(m_session, Request::Method::head, url(), this);
    connect(m_http, &Request::answered, this, &Transfer::onAsked);
    connect(m_http, &Request::ended, this, &Transfer::onEnded);
    m_http->start();
}

void Transfer::onAsked() {
    if (m_http->status() >= 400) return onRefused();
    if (!checkListed()) return;
    m_asked = true;
    endRequest();
    m_stage = Stage::fetching;
    m_timer.start(0);
}

/// Compares what the Hub now says with what was listed and with what it said when the bytes on disk came.
/// @return false when the transfer has failed
bool Transfer::checkListed() {
    const auto field = [this](const char* name) { return m_http->hubHeader(name).toStdString(); };
    const auto changed = [this](const QString& found, const QString& expected) {
        fail(makeFailure(Problem::changed, kWhat, m_request.repository + u'/' + m_request.path, found,
                         expected));
        return false;
    };
    const std::string commit = field("X-Repo-Commit");
    if (!commit.empty() && commit != m_request.commit.toStdString()) {
        return changed(QStringLiteral("another commit, ") + QString::fromStdString(commit).left(60),
                       m_request.commit);
    }
    const std::string linkedSize = field("X-Linked-Size");
    if (!linkedSize.empty() && readCount(linkedSize) != m_request.identity.bytes) {
        return changed(QString::fromStdString(linkedSize).left(30) + QStringLiteral(" bytes"),
                       QStringLiteral("%1 bytes, as listed").arg(m_request.identity.bytes));
    }
    const std::string linked = bareEtag(field("X-Linked-Etag"));
    const std::string etag = linked.empty() ? bareEtag(field("ETag")) : linked;
    if (etag.empty() || etag.size() > 200) return true;
    const QByteArray bytes = QByteArray::fromStdString(etag);
    const FileIdentity& identity = m_request.identity;
    if (isDigest(etag) && bytes != identity.sha256 && bytes != identity.gitBlob) {
        return changed(QStringLiteral("a file of digest ") + QString::fromStdString(etag),
                       QString::fromLatin1(identity.digest()) + QStringLiteral(", as listed"));
    }
    if (isDigest(etag)) return true;
    // A server of another kind: its tag says at least whether the file is still the same. Once: some mirrors
    // are several machines that each have their own tag.
    const bool keeps = m_partial->keepsUnder(bytes) || m_tagRestarted || m_partial->size() == 0;
    if (!keeps) {
        m_tagRestarted = true;
        if (Result<void> done = m_partial->startOver(); !done) return fail(fileFailure(done.error())), false;
        setDone(0);
    }
    if (Result<void> noted = m_partial->noteEtag(bytes); !noted)
        return fail(fileFailure(noted.error())), false;
    if (keeps || m_stage == Stage::asking) return true;
    // The range that was asked for is of the other file.
    endRequest();
    m_timer.start(0);
    return false;
}

void Transfer::fetch() {
    m_stage = Stage::fetching;
    m_accepted = false;
    m_skip = 0;
    m_http = new Request(m_session, Request::Method::get, url(), this);
    connect(m_http, &Request::answered, this, &Transfer::onAnswer);
    connect(m_http, &Request::readable, this, &Transfer::drain);
    connect(m_http, &Request::ended, this, &Transfer::onEnded);
    m_http->start(m_partial->size());
}

void Transfer::onAnswer() {
    const int status = m_http->status();
    if (status == 416) return onRangeRefused();
    if (status >= 400) return onRefused();
    if (!checkListed()) return;
    if (status == 206) return acceptRange();
    if (status == 200) return acceptWhole();
    retry(makeFailure(Problem::badAnswer, kWhat, m_request.path, QStringLiteral("HTTP status %1").arg(status),
                      QStringLiteral("200 or 206")));
}

/// 206: only the very bytes that were asked for.
void Transfer::acceptRange() {
    const QByteArray field = m_http->header("Content-Range");
    const std::optional<ContentRange> range = readContentRange(field.toStdString());
    const qint64 bytes = m_request.identity.bytes;
    if (!range || range->first != m_partial->size() || range->last >= bytes ||
        range->total.value_or(bytes) != bytes) {
        return retry(
            makeFailure(Problem::badAnswer, kWhat, m_request.path,
                        QStringLiteral("Content-Range \"") + QString::fromLatin1(field.left(80)) + u'"',
                        QStringLiteral("bytes %1-%2/%3").arg(m_partial->size()).arg(bytes - 1).arg(bytes)));
    }
    m_accepted = true;
    drain();
}

/// 200: the server sends all from the beginning. What is on disk stays there, and as much of the body is
/// thrown away: a connection that breaks once more then costs nothing that was safe.
void Transfer::acceptWhole() {
    const QByteArray field = m_http->header("Content-Length");
    const std::optional<int64_t> length = readCount(field.toStdString());
    if (length && *length != m_request.identity.bytes) {
        return retry(makeFailure(Problem::badAnswer, kWhat, m_request.path,
                                 QStringLiteral("%1 bytes").arg(*length),
                                 QStringLiteral("%1 bytes").arg(m_request.identity.bytes)));
    }
    m_skip = m_partial->size();
    m_accepted = true;
    drain();
}

/// 416 for a range that lies within the file: a server in trouble, or another file. Twice in a row means
/// that what is on disk leads nowhere.
void Transfer::onRangeRefused() {
    const Failure why =
        makeFailure(Problem::badAnswer, kWhat, m_request.path,
                    QStringLiteral("that the server does not know byte %1").arg(m_partial->size()),
                    QStringLiteral("a file of %1 bytes").arg(m_request.identity.bytes));
    if (m_rangeRefused && m_partial->size() > 0) {
        if (Result<void> done = m_partial->startOver(); !done) return fail(fileFailure(done.error()));
        setDone(0);
    }
    m_rangeRefused = true;
    retry(why);
}

/// Any other status that is no success.
void Transfer::onRefused() {
    const Refusal refusal = m_http->refusal();
    const bool expired = (refusal.status == 401 || refusal.status == 403) && !m_http->answeredByHub();
    if (expired && ++m_resolved < kMostResolved) {
        // A signed address lives about an hour: ask the Hub for another one at once.
        endRequest();
        m_stage = Stage::fetching;
        return m_timer.start(0);
    }
    const Failure failure =
        failureOf(refusal, m_request.repository, m_session.settings().endpoint.page(m_request.repository),
                  m_request.path + QStringLiteral(" at ") + m_request.commit);
    if (!isTransient(refusal.status)) return fail(failure);
    retry(failure, secondsToWait(m_http->header("Retry-After").toStdString(),
                                 m_http->header("RateLimit").toStdString()));
}

/// Takes what is there, as far as the bandwidth allows.
void Transfer::drain() {
    if (!m_accepted || !m_http || m_paused) return;
    while (m_http && m_http->available() > 0) {
        BandwidthLimit& limit = m_session.bandwidth();
        const int64_t now = m_session.now();
        const qint64 allowed = limit.take(std::min(kReadStepBytes, m_http->available()), now);
        if (allowed == 0) {
            m_http->setReaderWaits(true);
            return m_timer.start(static_cast<int>(std::max<int64_t>(limit.wait(now), 1)));
        }
        m_http->setReaderWaits(false);
        takeBody(allowed);
    }
    if (m_http && m_http->isOver()) onLost();
}

void Transfer::takeBody(qint64 most) {
    QByteArray data = m_http->read(most);
    if (m_skip > 0) {
        const qint64 skipped = std::min<qint64>(m_skip, data.size());
        m_skip -= skipped;
        data.remove(0, static_cast<int>(skipped));
    }
    data.truncate(
        static_cast<int>(std::min<qint64>(data.size(), m_request.identity.bytes - m_partial->size())));
    if (!data.isEmpty()) {
        if (Result<void> written = m_partial->append(data); !written)
            return fail(fileFailure(written.error()));
        m_failures = 0;
        m_resolved = 0;
        m_rangeRefused = false;
        setDone(m_partial->size());
    }
    if (m_stage == Stage::fetching && m_partial->isComplete()) complete();
}

void Transfer::onEnded() {
    const std::optional<Failure>& failure = m_http->failure();
    if (failure && failure->problem != Problem::unreachable) return fail(Failure(*failure));
    if (m_accepted)
        drain();
    else
        onLost();
}

/// The connection is gone before the file was complete.
void Transfer::onLost() {
    if (m_http->failure()) return retry(Failure(*m_http->failure()));
    retry(makeFailure(Problem::unreachable, kWhat, m_request.path,
                      QStringLiteral("a connection that ended after %1 bytes").arg(m_partial->size()),
                      QStringLiteral("%1 bytes").arg(m_request.identity.bytes)));
}

void Transfer::complete() {
    endRequest();
    if (m_partial->isRight()) {
        const QByteArray sha256 = m_partial->sha256();
        if (Result<void> done = m_partial->finish(); !done) return fail(fileFailure(done.error()));
        return succeed(sha256);
    }
    const Failure wrong = makeFailure(Problem::wrongHash, kWhat, m_request.repository + u'/' + m_request.path,
                                      QStringLiteral("other bytes than the Hub promised, twice"),
                                      QString::fromLatin1(m_request.identity.digest()));
    if (m_restarted) {
        m_partial->discard();
        return fail(wrong);
    }
    m_restarted = true;
    if (Result<void> done = m_partial->startOver(); !done) return fail(fileFailure(done.error()));
    setDone(0);
    retry(wrong);
}

void Transfer::retry(const Failure& why, std::optional<int64_t> seconds) {
    endRequest();
    m_failures++;
    const std::optional<int> wait = waitBeforeRetry(m_session.settings().times, m_failures,
                                                    QRandomGenerator::global()->generateDouble(), seconds);
    if (!wait) return fail(why);
    m_stage = Stage::waiting;
    m_timer.start(*wait);
    Q_EMIT retrying(why, *wait);
}

void Transfer::endRequest() {
    m_timer.stop();
    if (!m_http) return;
    m_http->disconnect(this);
    m_http->stop();
    m_http->deleteLater();
    m_http = nullptr;
}

void Transfer::pause() {
    if (m_paused || m_stage == Stage::over) return;
    // What has come already need not come again.
    if (m_accepted && m_http) {
        while (m_http && m_http->available() > 0) takeBody(kReadStepBytes);
        if (m_stage == Stage::over) return;
    }
    m_paused = true;
    if (m_stage == Stage::asking || m_stage == Stage::fetching) endRequest();
    m_timer.stop();
}

void Transfer::resume() {
    if (!m_paused) return;
    m_paused = false;
    m_failures = 0;
    if (m_stage != Stage::idle && m_stage != Stage::over) m_timer.start(0);
}

void Transfer::cancel() {
    if (m_stage == Stage::over) return;
    pause();
    if (m_stage == Stage::over) return;
    m_paused = false;
    fail(makeFailure(Problem::cancelled, "the download was stopped:", m_request.path, QString()));
}

void Transfer::setDone(qint64 bytes) {
    if (m_done == bytes) return;
    m_done = bytes;
    Q_EMIT progressed();
}

void Transfer::succeed(const QByteArray& sha256) {
    endRequest();
    m_stage = Stage::over;
    m_partial.reset();
    m_existing.close();
    QTimer::singleShot(0, this, [this, sha256] { Q_EMIT finished(sha256); });
}

void Transfer::fail(const Failure& failure) {
    endRequest();
    m_stage = Stage::over;
    m_partial.reset();
    m_existing.close();
    QTimer::singleShot(0, this, [this, failure] { Q_EMIT failed(failure); });
}

}  // namespace edgechat::models::hub
