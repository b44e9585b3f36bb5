#include "models/jobs/shard_fetch.h"

#include <QFile>
#include <QFileInfo>
#include <QTimer>
#include <algorithm>

#include "models/jobs/fetch_plan.h"
#include "models/store_files.h"
#include "quant/output/output_file.h"
#include "quant/source_shards.h"

namespace edgechat::models::jobs {
namespace {

using inference::Checkpoint;
using inference::Shard;
using inference::Shards;

constexpr qint64 kFirstHeaderBytes = 64 << 10;  // holds the whole header of a shard of most models

std::filesystem::path native(const QString& path) {
    return QFile::encodeName(path).toStdString();
}

QString headerOf(const QString& shard) {
    return shard + QStringLiteral(".header");
}

}  // namespace

ShardFetch::ShardFetch(hub::Session& session, ShardRequest request, FreeBytes freeBytes, QObject* parent)
    : QObject(parent),
      m_session(session),
      m_request(std::move(request)),
      m_freeBytes(std::move(freeBytes)),
      m_source(sourceFolder(m_request.folder)),
      m_quantized(quantizedFolder(m_request.folder)),
      m_client(session) {
    for (const hub::SelectedFile& shard : m_request.shards)
        m_total += static_cast<uint64_t>(shard.file.bytes);
    connect(&m_client, &hub::Client::retrying, this, &ShardFetch::retrying);
}

ShardFetch::~ShardFetch() = default;

void ShardFetch::start() {
    const bool begun = std::all_of(
        m_request.shards.begin(), m_request.shards.end(),
        [this](const hub::SelectedFile& shard) { return QFile::exists(headerOf(pathOf(shard))); });
    if (begun) return later(&ShardFetch::checkDisk);
    fetch(m_request.companions, &ShardFetch::nextHeader);
}

void ShardFetch::later(void (ShardFetch::*next)()) {
    m_waiting = next;
    if (m_paused) return;
    QTimer::singleShot(0, this, [this, next] {
        if (m_over || m_paused || m_waiting != next) return;
        m_waiting = nullptr;
        (this->*next)();
    });
}

void ShardFetch::fetch(const QStringList& names, void (ShardFetch::*next)()) {
    hub::DownloadRequest request;
    request.repository = m_request.repository;
    request.revision = m_request.commit;
    request.folder = m_source;
    request.only = names;
    request.reserveBytes = static_cast<qint64>(stillToWrite());
    m_download = std::make_unique<hub::Download>(m_session, std::move(request));
    connect(m_download.get(), &hub::Download::progressed, this, &ShardFetch::progressed);
    connect(m_download.get(), &hub::Download::retrying, this, &ShardFetch::retrying);
    connect(m_download.get(), &hub::Download::failed, this,
            [this](const hub::Failure& failure) { fail(jobFailure(failure)); });
    connect(m_download.get(), &hub::Download::finished, this, [this, next] {
        m_download.release()->deleteLater();
        if (!m_over) later(next);
    });
    m_download->start();
}

void ShardFetch::nextHeader() {
    for (const hub::SelectedFile& shard : m_request.shards) {
        const QString path = pathOf(shard);
        if (QFile::exists(headerOf(path))) continue;
        QFile whole(path);  // of an earlier try that had all the room
        if (whole.open(QIODevice::ReadOnly)) return onHeader(shard, whole.read(kFirstHeaderBytes));
        return askHeader(shard, kFirstHeaderBytes);
    }
    checkDisk();
}

void ShardFetch::askHeader(const hub::SelectedFile& shard, qint64 bytes) {
    m_client.beginning(m_request.repository, m_request.commit, shard.file,
                       std::min<qint64>(bytes, shard.file.bytes),
                       [this, shard](const hub::Outcome<QByteArray>& beginning) {
                           if (!beginning) return fail(jobFailure(beginning.failure()));
                           onHeader(shard, *beginning);
                       });
}

void ShardFetch::onHeader(const hub::SelectedFile& shard, const QByteArray& beginning) {
    if (m_over) return;
    Error wrong;
    wrong.what = "cannot read the model";
    wrong.file = pathOf(shard).toStdString();
    wrong.found = std::to_string(shard.file.bytes) + " bytes";
    wrong.expected = "a safetensors file";
    if (beginning.size() < 8) return fail({Problem::badModel, wrong});
    const Result<uint64_t> bytes = inference::safetensorsHeaderBytes(
        {beginning.constData(), static_cast<size_t>(beginning.size())}, wrong.file);
    if (!bytes) return fail({Problem::badModel, bytes.error()});
    const auto wanted = static_cast<qint64>(*bytes);
    if (wanted > shard.file.bytes) return fail({Problem::badModel, wrong});
    if (wanted > beginning.size()) return askHeader(shard, wanted);
    const Result<void> written = quant::writeWholeFile(native(headerOf(pathOf(shard))),
                                                       {beginning.constData(), static_cast<size_t>(wanted)});
    if (!written) return fail(jobFailure(hub::fileFailure(written.error())));
    later(&ShardFetch::nextHeader);
}

uint64_t ShardFetch::stillToWrite() const {
    const uint64_t whole = m_request.output + m_request.work;
    return whole - std::min(whole, folderBytes(m_quantized + QStringLiteral(".partial")));
}

void ShardFetch::checkDisk() {
    const Result<std::unique_ptr<Checkpoint>> source = Checkpoint::open(native(m_source), Shards::onDemand);
    if (!source) return startOver(source.error());
    uint64_t once = quant::mostShardBytes(**source);
    for (const QString& name : m_request.companions)
        once += static_cast<uint64_t>(QFileInfo(m_source + u'/' + name).size());
    const uint64_t need = once + m_request.output + m_request.work;
    const uint64_t there = std::min(need, folderBytes(m_request.folder));
    const Result<void> room = checkRoom(
        m_freeBytes, m_source, need - there + kSpareBytes,
        QStringLiteral("(%1 of the source at once, %2 for the quantized model, %3 meanwhile; %4 of it "
                       "are here)")
            .arg(bytesText(once), bytesText(m_request.output), bytesText(m_request.work), bytesText(there)));
    if (!room) return fail({Problem::diskFull, room.error()});
    advance();
}

/// One step towards what the quantizer needs next.
void ShardFetch::advance() {
    const Result<std::unique_ptr<Checkpoint>> source = Checkpoint::open(native(m_source), Shards::onDemand);
    if (!source) return startOver(source.error());
    const std::vector<quant::SourcePart> parts = quant::partsLeft(**source, native(m_quantized));
    if (parts.empty()) return end();
    const std::vector<std::string> missing = quant::missingShards(**source, parts.front());
    std::string next = missing.empty() ? std::string() : missing.front();
    if (missing.empty()) {
        const uint64_t available = m_freeBytes(m_source);
        if (available == 0 || available >= stillToWrite() + kSpareBytes) return end();
        // Shards of an earlier try that had more room.
        for (const Shard& shard : (*source)->shards()) {
            const bool read =
                std::any_of(shard.tensors.begin(), shard.tensors.end(),
                            [&](const auto& tensor) { return parts.front().tensors.count(tensor.name) > 0; });
            if (shard.whole && read) next = shard.name;
        }
    }
    if (Result<void> apart = quant::takeApart(**source, parts.front(), next); !apart)
        return fail(jobFailure(hub::fileFailure(apart.error())));
    QStringList kept = m_request.companions;
    m_done = 0;
    for (const Shard& shard : (*source)->shards()) {
        const QString name = QString::fromStdString(shard.name);
        kept << headerOf(name) << name + QStringLiteral(".rest");
        if (shard.name == next)
            kept << name << name + QStringLiteral(".partial") << name + QStringLiteral(".partial.json");
        const bool isToCome = std::any_of(parts.begin(), parts.end(), [&](const quant::SourcePart& part) {
            return std::any_of(shard.tensors.begin(), shard.tensors.end(), [&](const auto& tensor) {
                return part.tensors.count(tensor.name) > 0 && !tensor.here;
            });
        });
        if (!isToCome) m_done += shard.bytes;
    }
    removeOthers(m_source, kept);
    if (missing.empty()) return end();
    fetch({QString::fromStdString(next)}, &ShardFetch::advance);
}

void ShardFetch::end() {
    if (m_over) return;
    m_over = true;
    Q_EMIT finished();
}

/// The files do not go with each other: what is there is of no use, and the next try begins with nothing.
void ShardFetch::startOver(const Error& why) {
    removeOthers(m_source, m_request.companions);
    fail({Problem::badModel, why});
}

void ShardFetch::fail(const JobFailure& failure) {
    if (m_over) return;
    m_over = true;
    m_client.stop();
    Q_EMIT failed(failure);
}

void ShardFetch::pause() {
    m_paused = true;
    if (m_download) m_download->pause();
}

void ShardFetch::resume() {
    m_paused = false;
    if (m_download) return m_download->resume();
    if (m_waiting) later(m_waiting);
}

void ShardFetch::stop() {
    m_over = true;
    m_client.stop();
    if (m_download) m_download->cancel();
}

uint64_t ShardFetch::bytesDone() const {
    const uint64_t now = m_download ? static_cast<uint64_t>(m_download->bytesDone()) : 0;
    return std::min(m_total, m_done + now);
}

uint64_t ShardFetch::bytesToCome() const {
    const qint64 rest = m_download ? m_download->bytesTotal() - m_download->bytesDone() : 0;
    return static_cast<uint64_t>(std::max<qint64>(0, rest)) + stillToWrite();
}

}  // namespace edgechat::models::jobs
