#include "models/jobs/job_folder.h"

#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>

#include "models/checkpoint_summary.h"
#include "models/folder_listing.h"
#include "quant/source_shards.h"

namespace edgechat::models::jobs {
namespace {

constexpr qint64 kMostConfigBytes = 1 << 20;

QByteArray smallFile(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.read(kMostConfigBytes) : QByteArray();
}

Result<std::unique_ptr<inference::Checkpoint>> openShards(const QString& folder) {
    return inference::Checkpoint::open(QFile::encodeName(folder).toStdString(), inference::Shards::onDemand);
}

}  // namespace

QString jobFolder(const QString& work, const Job& job) {
    return QStringLiteral("%1/job-%2-%3").arg(work).arg(job.id).arg(job.created.toMSecsSinceEpoch());
}

QString sourceFolder(const QString& jobFolder) {
    return jobFolder + QStringLiteral("/source");
}

QString quantizedFolder(const QString& jobFolder) {
    return jobFolder + QStringLiteral("/quantized");
}

Result<PlannedModel> planFolder(const QString& folder, const std::optional<quant::Recipe>& recipe) {
    const Result<QStringList> names = listFolder(folder);
    if (!names) return names.error();
    std::vector<RepositoryFile> listed;
    for (const QString& name : *names) {
        const QFileInfo info(folder + u'/' + name);
        if (info.isFile()) listed.push_back({name, static_cast<uint64_t>(info.size()), QString()});
    }
    if (isByShards(folder)) {
        const Result<std::unique_ptr<inference::Checkpoint>> source = openShards(folder);
        if (!source) return source.error();
        for (const inference::Shard& shard : (*source)->shards()) {
            if (!shard.whole) listed.push_back({QString::fromStdString(shard.name), shard.bytes, QString()});
        }
    }
    const Result<std::vector<ModelFiles>> models = modelsOf(listed, folder);
    if (!models) return models.error();
    return planModel(models->front(), smallFile(folder + QStringLiteral("/config.json")),
                     smallFile(folder + QStringLiteral("/quant_config.json")), recipe);
}

Result<void> checkFolder(const QString& folder) {
    const Result<QString> path = checkpointPath(folder);
    if (!path) return path.error();
    const Result<CheckpointSummary> checkpoint = readCheckpoint(*path);
    if (!checkpoint) return checkpoint.error();
    return {};
}

bool isByShards(const QString& folder) {
    return !QDir(folder).entryList({QStringLiteral("*.safetensors.header")}, QDir::Files).isEmpty();
}

bool isNextShardHere(const QString& jobFolder) {
    const Result<std::unique_ptr<inference::Checkpoint>> source = openShards(sourceFolder(jobFolder));
    if (!source) return false;
    const std::vector<quant::SourcePart> parts =
        quant::partsLeft(**source, QFile::encodeName(quantizedFolder(jobFolder)).toStdString());
    return parts.empty() || quant::missingShards(**source, parts.front()).empty();
}

void removeOthers(const QString& folder, const QStringList& names) {
    const QStringList all = QDir(folder).entryList(QDir::Files | QDir::Hidden | QDir::System);
    for (const QString& name : all) {
        if (!names.contains(name)) QFile::remove(folder + u'/' + name);
    }
}

void linkWholeFiles(const Store& store, const QString& name, const QString& folder) {
    const Result<StoreEntry> entry = store.recorded(name);
    if (!entry) return;
    QDir().mkpath(folder);
    for (const StoredFile& file : entry->files) {
        const bool damaged = std::any_of(entry->damagedFiles.begin(), entry->damagedFiles.end(),
                                         [&](const DamagedFile& one) { return one.name == file.name; });
        if (damaged) continue;
        const QByteArray from = QFile::encodeName(entry->folder + u'/' + file.name);
        (void)::link(from.constData(), QFile::encodeName(folder + u'/' + file.name).constData());
    }
}

std::optional<StoreEntry> storedFrom(const Store& store, const QString& jobFolder) {
    for (StoreEntry& entry : store.list()) {
        if (!entry.damaged && entry.origin.startsWith(jobFolder + u'/')) return std::move(entry);
    }
    return std::nullopt;
}

QString freeStoreName(const Store& store, const JobRequest& request, bool isFolder) {
    if (request.name.isEmpty() && !isFolder) return {};
    const QString base =
        sanitizedName(request.name.isEmpty() ? request.repository.section(u'/', 1) : request.name);
    QString name = base;
    for (int n = 2; QFileInfo::exists(store.folder() + u'/' + name); n++) {
        const QString suffix = u'-' + QString::number(n);
        QString stem = base;
        do {
            name = sanitizedName(stem + suffix);
            stem.chop(1);
        } while (!name.endsWith(suffix) && !stem.isEmpty());
    }
    return name;
}

Result<void> checkRoom(const FreeBytes& freeBytes, const QString& folder, uint64_t needed,
                       const QString& meaning) {
    const uint64_t available = freeBytes(folder);
    if (available == 0 || available >= needed) return {};
    Error error;
    error.code = ErrorCode::doesNotFit;
    error.what = "no room on the disk of";
    error.file = folder.toStdString();
    error.found = bytesText(available).toStdString() + " free";
    error.expected = bytesText(needed).toStdString() + ' ' + meaning.toStdString();
    return error;
}

QString bytesText(uint64_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value < 1e6) return QString::number(value / 1e3, 'f', 1) + QStringLiteral(" kB");
    if (value < 1e9) return QString::number(value / 1e6, 'f', 1) + QStringLiteral(" MB");
    return QString::number(value / 1e9, 'f', 2) + QStringLiteral(" GB");
}

}  // namespace edgechat::models::jobs
