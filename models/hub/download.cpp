#include "models/hub/download.h"

#include <QFile>
#include <QFileInfo>
#include <algorithm>

#include "models/hub/partial_file.h"

namespace edgechat::models::hub {
namespace {

// A disk that is filled to its last byte is a trouble for all programs.
constexpr qint64 kSpareBytes = qint64{64} << 20;
const QString kIndex = QStringLiteral("model.safetensors.index.json");

/// Bytes that the file will still take on the disk.
qint64 missingBytes(const QString& target, qint64 bytes) {
    if (QFileInfo(target).size() == bytes) return 0;
    const qint64 there = QFileInfo(target + QStringLiteral(".partial")).size();
    return bytes - std::min(there, bytes);
}

}  // namespace

Download::Download(Session& session, DownloadRequest request, QObject* parent)
    : QObject(parent), m_session(session), m_request(std::move(request)), m_client(session) {
    connect(&m_client, &Client::retrying, this, &Download::retrying);
}

Download::~Download() = default;

void Download::start() {
    m_client.repositoryInfo(m_request.repository, m_request.revision,
                            [this](const Outcome<RepositoryInfo>& info) { onInfo(info); });
}

void Download::onInfo(const Outcome<RepositoryInfo>& info) {
    if (!info) return fail(info.failure());
    m_info = *info;
    Q_EMIT described(m_info);
    if (m_over) return;
    if (m_info.disabled) {
        Refusal refusal;
        refusal.message = "Access to this resource is disabled";
        return fail(failureOf(refusal, m_request.repository, QString(), QString()));
    }
    m_client.files(m_request.repository, QString::fromStdString(m_info.commit),
                   [this](const Outcome<std::vector<RepositoryFile>>& files) { onList(files); });
}

void Download::onList(const Outcome<std::vector<RepositoryFile>>& files) {
    if (!files) return fail(files.failure());
    m_listed = *files;
    const Result<Selection> selection = selectFiles(m_listed, m_request.repository, m_request.gguf);
    if (!selection) return fail({Problem::unsuitable, selection.error()});
    m_awaitsIndex = selection->byIndex;
    enqueue(selection->files);
    if (!m_awaitsIndex) return plan();
    startMore();
}

void Download::enqueue(const std::vector<SelectedFile>& files) {
    for (const SelectedFile& file : files) {
        if (!m_request.only.isEmpty() && !m_request.only.contains(file.name) && file.name != kIndex) continue;
        m_selected.push_back(file);
        m_queue.push_back(file);
    }
    prioritise(m_first);
}

/// The index has come: now the shards are known.
void Download::onIndex() {
    m_awaitsIndex = false;
    QFile file(m_request.folder + u'/' + kIndex);
    if (!file.open(QIODevice::ReadOnly)) {
        return fail(makeFailure(Problem::fileError, "cannot read", file.fileName(), file.errorString()));
    }
    const Result<std::vector<SelectedFile>> shards =
        selectShards(m_listed, m_request.repository, file.read(static_cast<qint64>(kMostAnswerBytes)));
    if (!shards) return fail({Problem::unsuitable, shards.error()});
    enqueue(*shards);
    plan();
}

void Download::plan() {
    if (const Result<void> room = checkDisk(); !room) return fail(fileFailure(room.error()));
    QStringList names;
    for (const SelectedFile& file : m_selected) names << file.name;
    Q_EMIT planned(names, bytesTotal());
    if (!m_over) startMore();
}

Result<void> Download::checkDisk() const {
    qint64 missing = 0;
    for (const SelectedFile& file : m_selected) missing += missingBytes(target(file), file.file.bytes);
    if (missing == 0 && m_request.reserveBytes == 0) return {};
    const qint64 wanted = missing + m_request.reserveBytes + kSpareBytes;
    const qint64 available = freeBytes(m_request.folder);
    if (available < 0 || available >= wanted) return {};
    Error error;
    error.code = ErrorCode::doesNotFit;
    error.what = "no room for the model in";
    error.file = m_request.folder.toStdString();
    error.found = std::to_string(available) + " bytes free";
    error.expected = std::to_string(wanted) + " bytes";
    return error;
}

void Download::prioritise(const QStringList& names) {
    m_first = names;
    const auto rank = [&names](const SelectedFile& file) {
        const qsizetype at = names.indexOf(file.name);
        return at < 0 ? names.size() : at;
    };
    std::stable_sort(m_queue.begin(), m_queue.end(),
                     [&rank](const SelectedFile& a, const SelectedFile& b) { return rank(a) < rank(b); });
}

void Download::startMore() {
    while (!m_over && !m_paused && m_active.size() < kMostConnections && !m_queue.empty()) {
        const SelectedFile file = m_queue.front();
        m_queue.pop_front();
        begin(file);
    }
    if (m_over || m_awaitsIndex || !m_active.empty() || !m_queue.empty()) return;
    m_over = true;
    QTimer::singleShot(0, this, [this] { Q_EMIT finished(); });
}

void Download::begin(const SelectedFile& file) {
    TransferRequest request;
    request.repository = m_request.repository;
    request.commit = QString::fromStdString(m_info.commit);
    request.path = QString::fromStdString(file.file.path);
    request.target = target(file);
    request.identity = {file.file.bytes, QByteArray::fromStdString(file.file.sha256),
                        QByteArray::fromStdString(file.file.gitBlob)};
    auto* const transfer = new Transfer(m_session, std::move(request), this);
    m_active.emplace(transfer, file);
    connect(transfer, &Transfer::progressed, this, [this] { Q_EMIT progressed(bytesDone(), bytesTotal()); });
    connect(transfer, &Transfer::retrying, this, &Download::retrying);
    connect(transfer, &Transfer::failed, this, &Download::fail);
    connect(transfer, &Transfer::finished, this,
            [this, transfer, file](const QByteArray& sha256) { onFinished(transfer, file, sha256); });
    transfer->start();
}

void Download::onFinished(Transfer* transfer, const SelectedFile& file, const QByteArray& sha256) {
    release(transfer);
    m_files.push_back({file.name, file.file.bytes, sha256});
    Q_EMIT fileFinished(m_files.back());
    if (m_over) return;
    if (m_awaitsIndex && file.name == kIndex) return onIndex();
    startMore();
}

void Download::release(Transfer* transfer) {
    m_active.erase(transfer);
    transfer->disconnect(this);
    transfer->deleteLater();
}

void Download::pause() {
    if (m_over || m_paused) return;
    m_paused = true;
    for (const auto& [transfer, file] : m_active) transfer->pause();
}

void Download::resume() {
    if (m_over || !m_paused) return;
    m_paused = false;
    for (const auto& [transfer, file] : m_active) transfer->resume();
    if (!m_selected.empty()) startMore();
}

void Download::cancel() {
    fail(makeFailure(Problem::cancelled, "the download was stopped:", m_request.repository, QString()));
}

void Download::fail(const Failure& failure) {
    if (m_over) return;
    m_over = true;
    m_client.stop();
    while (!m_active.empty()) {
        Transfer* const transfer = m_active.begin()->first;
        transfer->disconnect(this);
        transfer->cancel();
        release(transfer);
    }
    QTimer::singleShot(0, this, [this, failure] { Q_EMIT failed(failure); });
}

qint64 Download::bytesDone() const {
    qint64 bytes = 0;
    for (const DownloadedFile& file : m_files) bytes += file.bytes;
    for (const auto& [transfer, file] : m_active) bytes += transfer->done();
    return bytes;
}

qint64 Download::bytesTotal() const {
    qint64 bytes = 0;
    for (const SelectedFile& file : m_selected) bytes += file.file.bytes;
    return bytes;
}

}  // namespace edgechat::models::hub
