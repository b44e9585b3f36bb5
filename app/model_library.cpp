#include "app/model_library.h"

#include <QDir>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonObject>

#include <algorithm>
#include <memory>
#include <utility>

#include "app/format.h"
#include "app/model_host.h"
#include "app/settings/model_key.h"
#include "app/settings/model_settings.h"
#include "app/settings/settings.h"
#include "models/checkpoint_summary.h"

namespace edgechat::app {
namespace {

constexpr int kProgressMilliseconds = 100;

ModelEntry fromStore(const models::StoreEntry& entry) {
    ModelEntry model;
    model.name = entry.name;
    model.path = entry.path;
    model.title = entry.title;
    model.family = familyName(entry.architecture);
    model.quantization = entry.quantization;
    model.problem = entry.problem;
    model.hub = entry.hub;
    model.lastUsed = entry.lastUsed;
    model.verifiedAt = entry.verifiedAt;
    model.madeBy = entry.quantizationReport[QStringLiteral("method")].toString();
    const QJsonArray linears = entry.quantizationReport[QStringLiteral("layers")].toArray();
    for (const QJsonValue& linear : linears)
        model.groupSize = std::max(model.groupSize, linear.toObject()[QStringLiteral("group_size")].toInt());
    model.namesWhatIsWrong = !entry.damagedFiles.empty();
    model.warnings = entry.warnings;
    model.parameters = entry.parameters;
    model.bytes = static_cast<qint64>(entry.bytes);
    model.context = entry.context;
    model.files = static_cast<int>(entry.files.size());
    model.inStore = true;
    model.damaged = entry.damaged;
    model.settingsKey = modelKey(entry);
    return model;
}

void fill(ModelEntry& model, const models::CheckpointSummary& checkpoint) {
    model.title = checkpoint.title;
    model.family = familyName(checkpoint.architecture);
    model.quantization = checkpoint.quantization;
    model.warnings = checkpoint.warnings;
    model.parameters = checkpoint.parameters;
    model.bytes = static_cast<qint64>(checkpoint.bytes);
    model.context = checkpoint.context;
    model.files = static_cast<int>(checkpoint.files.size());
}

/// A file or folder outside the store, as it says of itself.
ModelEntry fromPath(const QString& path) {
    ModelEntry model;
    model.name = modelFileName(path);
    model.path = path;
    model.settingsKey = modelKey(path);
    model.bytes = QFileInfo(path).size();
    if (const Result<models::CheckpointSummary> checkpoint = models::readCheckpoint(path)) {
        fill(model, *checkpoint);
    } else {
        const ModelProblem problem = modelProblem(checkpoint.error(), QFileInfo(path).fileName());
        model.damaged = true;
        model.problem = problem.what + u' ' + problem.fix;
    }
    return model;
}

std::vector<ModelEntry> readEntries(const QStringList& recentFiles) {
    std::vector<ModelEntry> entries;
    for (const models::StoreEntry& entry : models::Store().list()) {
        entries.push_back(fromStore(entry));
        if (entry.damaged || entry.context > 0) continue;
        // A record of an older version knows less than the checkpoint.
        if (const Result<models::CheckpointSummary> checkpoint = models::readCheckpoint(entry.path))
            fill(entries.back(), *checkpoint);
    }
    for (const QString& path : recentFiles) {
        const bool listed = std::any_of(entries.begin(), entries.end(),
                                        [&](const ModelEntry& entry) { return entry.path == path; });
        if (!listed && QFileInfo::exists(path)) entries.push_back(fromPath(path));
    }
    return entries;
}

}  // namespace

ModelLibrary::ModelLibrary(ModelHost& host, Settings& settings, QObject* parent)
    : QAbstractListModel(parent), m_host(host), m_settings(settings) {
    connect(&host, &ModelHost::stateChanged, this, &ModelLibrary::onLoadedChanged);
    connect(&settings, &Settings::recentFilesChanged, this, &ModelLibrary::refresh);
    connect(&settings, &Settings::modelValuesChanged, this, [this] {
        if (!m_entries.empty())
            Q_EMIT dataChanged(index(0), index(count() - 1),
                               {SwitchCostRole, SwitchWarningRole, OwnSettingsRole});
    });
    // What a program that crashed had removed.
    m_worker.post([] { models::Store().emptyTrash(); });
    m_importTimer.setInterval(kProgressMilliseconds);
    connect(&m_importTimer, &QTimer::timeout, this, [this] {
        const double progress = static_cast<int>(m_importDone.load() * 100) / 100.0;
        if (progress == m_importProgress) return;
        m_importProgress = progress;
        Q_EMIT importProgressChanged();
    });
}

ModelLibrary::~ModelLibrary() {
    m_cancelImport = true;
    m_cancelVerify = true;
    m_verifier.finish();
    m_worker.finish();
}

void ModelLibrary::finish() {
    m_cancelImport = true;
    m_cancelVerify = true;
    m_verifier.finish();
    if (!m_removedTrash.isEmpty()) m_worker.post([] { models::Store().emptyTrash(); });
    m_worker.finish();
}

int ModelLibrary::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant ModelLibrary::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const ModelEntry& model = m_entries[static_cast<size_t>(index.row())];
    switch (role) {
        case Qt::DisplayRole:
        case NameRole:
            return model.name;
        case PathRole:
            return model.path;
        case TitleRole:
            return model.title;
        case FamilyRole:
            return model.family;
        case ParametersTextRole:
            return parameterText(model.parameters);
        case QuantizationRole:
            return model.quantization;
        case BytesRole:
            return model.bytes;
        case SizeTextRole:
            return byteText(model.bytes);
        case InStoreRole:
            return model.inStore;
        case LoadedRole:
            return !model.path.isEmpty() && model.path == m_loadedPath;
        case DamagedRole:
            return model.damaged;
        case ProblemRole:
            return model.problem;
        case ContextRole:
            return model.context;
        case FileCountRole:
            return model.files;
        case WarningsRole:
            return model.warnings;
        case SwitchCostRole:
            return model.damaged || model.path == m_loadedPath ? QString() : switchCostText(costOf(model));
        case SwitchWarningRole:
            return model.damaged || model.path == m_loadedPath ? QString() : switchWarning(costOf(model));
        case RepositoryRole:
            return model.hub.repository;
        case OriginRole:
            if (model.hub.repository.isEmpty() || model.hub.commit.isEmpty()) return model.hub.repository;
            return tr("%1 at %2").arg(model.hub.repository, model.hub.commit.left(7));
        case LicenceRole:
            return model.hub.licence;
        case LastUsedRole:
            return dayText(model.lastUsed);
        case VerifiedRole:
            return dayText(model.verifiedAt);
        case CanRepairRole:
            return model.canRepair();
        case OwnSettingsRole:
            return m_settings.hasModelValues(model.settingsKey);
        default:
            return {};
    }
}

const ModelEntry* ModelLibrary::find(const QString& name) const {
    const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                    [&](const ModelEntry& entry) { return entry.name == name; });
    return found == m_entries.end() ? nullptr : &*found;
}

QHash<int, QByteArray> ModelLibrary::roleNames() const {
    return {{NameRole, "name"},
            {PathRole, "path"},
            {TitleRole, "title"},
            {FamilyRole, "family"},
            {ParametersTextRole, "parametersText"},
            {QuantizationRole, "quantization"},
            {BytesRole, "bytes"},
            {SizeTextRole, "sizeText"},
            {InStoreRole, "inStore"},
            {LoadedRole, "loaded"},
            {DamagedRole, "damaged"},
            {ProblemRole, "problem"},
            {ContextRole, "context"},
            {FileCountRole, "fileCount"},
            {WarningsRole, "warnings"},
            {SwitchCostRole, "switchCost"},
            {SwitchWarningRole, "switchWarning"},
            {RepositoryRole, "repository"},
            {OriginRole, "origin"},
            {LicenceRole, "licence"},
            {LastUsedRole, "lastUsed"},
            {VerifiedRole, "verified"},
            {CanRepairRole, "canRepair"},
            {OwnSettingsRole, "ownSettings"}};
}

void ModelLibrary::refresh() {
    m_worker.post([this, recent = m_settings.recentFiles()] {
        m_mailbox.post([this, entries = readEntries(recent)] { setEntries(entries); });
    });
}

void ModelLibrary::setEntries(std::vector<ModelEntry> entries) {
    if (entries != m_entries) {
        const bool otherCount = entries.size() != m_entries.size();
        beginResetModel();
        m_entries = std::move(entries);
        endResetModel();
        if (otherCount) Q_EMIT countChanged();
    }
    Q_EMIT refreshed();
}

void ModelLibrary::onLoadedChanged() {
    const QString path = m_host.state() == ModelHost::Ready ? m_host.path() : QString();
    if (path == m_loadedPath) return;
    m_loadedPath = path;
    const auto loaded = std::find_if(m_entries.begin(), m_entries.end(), [&path](const ModelEntry& entry) {
        return entry.inStore && entry.path == path;
    });
    // A time that cannot be noted is nobody's trouble.
    if (loaded != m_entries.end())
        m_worker.post([name = loaded->name] { static_cast<void>(models::Store().markUsed(name)); });
    if (!m_entries.empty())
        Q_EMIT dataChanged(index(0), index(count() - 1), {LoadedRole, SwitchCostRole, SwitchWarningRole});
}

void ModelLibrary::setSwitchFacts(const SwitchFacts& facts) {
    SwitchFacts known = facts;
    for (auto& [name, measured] : known.prefill) {
        for (const ModelEntry& entry : m_entries) {
            if (entry.name == name) measured.parameters = entry.parameters;
        }
    }
    if (known == m_facts) return;
    m_facts = std::move(known);
    if (!m_entries.empty())
        Q_EMIT dataChanged(index(0), index(count() - 1), {SwitchCostRole, SwitchWarningRole});
}

SwitchCost ModelLibrary::costOf(const ModelEntry& model) const {
    SwitchFacts facts = m_facts;
    facts.wantedContext = ModelSettings::contextOf(m_settings, model.settingsKey);
    return switchCost(facts, {model.name, model.bytes, model.parameters, model.context});
}

void ModelLibrary::importPath(const QVariant& source) {
    if (m_importing) return;
    const QUrl url = source.userType() == QMetaType::QUrl ? source.toUrl() : QUrl(source.toString());
    const QString path = url.isLocalFile() ? url.toLocalFile() : source.toString();
    setProblem({});
    m_importing = true;
    m_importProgress = 0;
    m_importDone = 0;
    m_cancelImport = false;
    m_importTimer.start();
    Q_EMIT importingChanged();
    Q_EMIT importProgressChanged();
    m_worker.post([this, path] {
        auto entry = models::Store().importModel(path, {}, [this](quint64 done, quint64 total) {
            m_importDone = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
            return !m_cancelImport.load();
        });
        m_mailbox.post([this, path, entry = std::move(entry)] { endImport(path, entry); });
    });
}

void ModelLibrary::endImport(const QString& source, const Result<models::StoreEntry>& entry) {
    m_importTimer.stop();
    m_importing = false;
    Q_EMIT importingChanged();
    refresh();
    if (entry) {
        Q_EMIT imported(entry->name);
        return;
    }
    if (entry.error().code == ErrorCode::interrupted) return;
    const QString name = QFileInfo(QDir::cleanPath(source)).fileName();
    if (entry.error().code == ErrorCode::doesNotFit) {
        setProblem({tr("There is not enough room on the disk for %1.").arg(name),
                    tr("Make room, or choose a smaller model."),
                    QString::fromStdString(entry.error().message())});
    } else {
        setProblem(modelProblem(entry.error(), name));
    }
}

void ModelLibrary::cancelImport() {
    m_cancelImport = true;
}

void ModelLibrary::verify(const QString& name) {
    const ModelEntry* const entry = find(name);
    if (!m_verifying.isEmpty() || entry == nullptr || !entry->inStore) return;
    setProblem({});
    m_verifying = name;
    m_verifyProgress = 0;
    m_cancelVerify = false;
    Q_EMIT verifyingChanged();
    Q_EMIT verifyProgressChanged();
    m_verifier.post([this, name] {
        int told = 0;
        auto found = models::Store().verify(name, [this, &told](quint64 done, quint64 total) {
            const int percent = total > 0 ? static_cast<int>(100 * done / total) : 0;
            if (percent != told) {
                told = percent;
                m_mailbox.post([this, percent] {
                    m_verifyProgress = percent / 100.0;
                    Q_EMIT verifyProgressChanged();
                });
            }
            return !m_cancelVerify.load();
        });
        m_mailbox.post([this, name, found = std::move(found)] { endVerify(name, found); });
    });
}

void ModelLibrary::endVerify(const QString& name, const Result<models::StoreEntry>& entry) {
    m_verifying.clear();
    Q_EMIT verifyingChanged();
    if (entry) {
        refresh();
        Q_EMIT verified(name, entry->damaged);
    } else if (entry.error().code != ErrorCode::interrupted) {
        setProblem({tr("%1 could not be read.").arg(name), tr("Try again."),
                    QString::fromStdString(entry.error().message())},
                   tr("This model could not be checked"));
    }
}

void ModelLibrary::cancelVerify() {
    m_cancelVerify = true;
}

void ModelLibrary::rename(const QString& name, const QString& newName) {
    const ModelEntry* const entry = find(name);
    const QString wanted = newName.trimmed();
    if (entry == nullptr || !entry->inStore || wanted.isEmpty() || wanted == name) return;
    if (entry->path == m_loadedPath) return;
    setProblem({});
    m_worker.post([this, name, wanted] {
        const Result<models::StoreEntry> renamed = models::Store().rename(name, wanted);
        m_mailbox.post([this, name, wanted, renamed] {
            if (renamed) {
                Q_EMIT this->renamed(name, renamed->name);
            } else {
                setProblem({renamed.error().code == ErrorCode::usage
                                ? tr("\u201C%1\u201D cannot be the name of a folder.").arg(wanted)
                                : tr("%1 cannot be called \u201C%2\u201D.").arg(name, wanted),
                            tr("Choose another name: letters, digits, spaces and . _ - + are possible."),
                            QString::fromStdString(renamed.error().message())},
                           tr("This model could not be renamed"));
            }
            refresh();
        });
    });
}

void ModelLibrary::remove(const QString& name) {
    const auto found = std::find_if(m_entries.begin(), m_entries.end(), [&](const ModelEntry& entry) {
        return entry.name == name || entry.path == name;
    });
    if (found == m_entries.end()) return;
    if (!found->inStore) {
        const QString path = found->path;
        m_settings.removeRecentFile(path);
        setRemoved(path, {});
        return;
    }
    // Only the last removal can be undone, so what was removed before goes now.
    m_worker.post([this, storeName = found->name] {
        models::Store store;
        store.emptyTrash();
        Result<QString> trash = store.remove(storeName);
        m_mailbox.post([this, storeName, trash] {
            if (trash) {
                setRemoved(storeName, *trash);
            } else {
                setProblem({tr("%1 could not be removed.").arg(storeName), tr("Try again."),
                            QString::fromStdString(trash.error().message())},
                           tr("This model could not be removed"));
            }
            refresh();
        });
    });
}

void ModelLibrary::undoRemove() {
    if (!canUndoRemove()) return;
    const QString name = m_removedName;
    const QString trashId = m_removedTrash;
    setRemoved({}, {});
    if (trashId.isEmpty()) {
        m_settings.addRecentFile(name);
        return;
    }
    m_worker.post([this, name, trashId] {
        const Result<models::StoreEntry> entry = models::Store().restore(trashId);
        m_mailbox.post([this, name, entry] {
            if (!entry) {
                setProblem({tr("%1 could not be brought back.").arg(name), tr("Import it again."),
                            QString::fromStdString(entry.error().message())},
                           tr("This model could not be brought back"));
            }
            refresh();
        });
    });
}

void ModelLibrary::dismissProblem() {
    setProblem({});
}

QString ModelLibrary::problemTitle() const {
    return m_problemTitle.isEmpty() ? tr("This model could not be added") : m_problemTitle;
}

void ModelLibrary::setProblem(const ModelProblem& problem, const QString& title) {
    if (problem == m_problem) return;
    m_problem = problem;
    m_problemTitle = title;
    Q_EMIT problemChanged();
}

void ModelLibrary::setRemoved(const QString& name, const QString& trashId) {
    if (name == m_removedName && trashId == m_removedTrash) return;
    m_removedName = name;
    m_removedTrash = trashId;
    Q_EMIT removedChanged();
}

}  // namespace edgechat::app
