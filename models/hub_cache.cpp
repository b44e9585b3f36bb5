#include "models/hub_cache.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QRegularExpression>
#include <algorithm>
#include <map>

#include "models/folder_listing.h"
#include "models/repository_files.h"

namespace edgechat::models {
namespace {

constexpr int kRefDepth = 4;       // refs/pr/7
constexpr int kMostRefs = 1000;    // of a repository
constexpr qint64 kRefBytes = 128;  // a commit and a line break

bool isCommit(const QString& text) {
    static const QRegularExpression commit(QStringLiteral("^[0-9a-f]{40}$"));
    return commit.match(text).hasMatch();
}

/// "models--org--name" -> "org/name"; empty for another name.
QString repositoryOf(const QString& folder) {
    const QString separator = QStringLiteral("--");
    if (!folder.startsWith(QLatin1String("models--"))) return {};
    const QString organization = folder.section(separator, 1, 1), name = folder.section(separator, 2);
    if (organization.isEmpty()) return {};
    return name.isEmpty() ? organization : organization + u'/' + name;
}

/// Names of a folder that may be missing or unreadable: then none.
QStringList namesIn(const QString& folder) {
    const Result<QStringList> names = listFolder(folder);
    return names ? *names : QStringList();
}

/// Commit -> what refs/ calls it. Folders behind links are not entered, so there is no going in circles.
void readRefs(const QString& folder, const QString& prefix, int depth, int& left,
              std::map<QString, QStringList>& refs) {
    const QStringList names = namesIn(folder);
    for (const QString& name : names) {
        if (--left < 0) return;
        const QFileInfo info(folder + u'/' + name);
        if (info.isDir()) {
            if (depth > 1 && !info.isSymLink())
                readRefs(info.filePath(), prefix + name + u'/', depth - 1, left, refs);
            continue;
        }
        QFile file(info.filePath());
        if (!info.isFile() || !file.open(QIODevice::ReadOnly)) continue;
        const QString commit = QString::fromLatin1(file.read(kRefBytes)).trimmed();
        if (isCommit(commit)) refs[commit] << prefix + name;
    }
}

/// The files of a snapshot, and those that its links promise and that are not there.
struct Snapshot {
    std::vector<RepositoryFile> files;
    QStringList missing;
};

Snapshot readSnapshot(const QString& folder) {
    Snapshot snapshot;
    const QStringList names = namesIn(folder);
    for (const QString& name : names) {
        const QFileInfo info(folder + u'/' + name);
        if (info.isFile()) {
            snapshot.files.push_back({name, static_cast<uint64_t>(info.size()), {}});
        } else if (info.isSymLink() && !info.isDir()) {
            snapshot.missing << name;
        }
    }
    return snapshot;
}

class Search {
  public:
    Search(const QString& cache, const CheckpointReader& reader, const std::function<bool()>& stopped)
        : m_cache(cache), m_reader(reader), m_stopped(stopped) {}

    std::vector<CachedModel> run() {
        const QStringList folders = namesIn(m_cache);
        for (const QString& folder : folders) {
            const QString repository = repositoryOf(folder);
            if (!repository.isEmpty()) readRepository(m_cache + u'/' + folder, repository);
        }
        return std::move(m_found);
    }

  private:
    void readRepository(const QString& folder, const QString& repository) {
        std::map<QString, QStringList> refs;
        int left = kMostRefs;
        readRefs(folder + QStringLiteral("/refs"), {}, kRefDepth, left, refs);
        const QStringList commits = namesIn(folder + QStringLiteral("/snapshots"));
        for (const QString& commit : commits) {
            if (m_stopped && m_stopped()) return;
            if (!isCommit(commit)) continue;
            CachedModel model;
            model.repository = repository;
            model.commit = commit;
            model.revisions = refs[commit];
            model.path = folder + QStringLiteral("/snapshots/") + commit;
            m_underWay = isUnderWay(folder);
            readModels(model);
        }
    }

    /// Whether files of the repository were begun and never completed.
    static bool isUnderWay(const QString& folder) {
        const QStringList blobs = namesIn(folder + QStringLiteral("/blobs"));
        return std::any_of(blobs.begin(), blobs.end(),
                           [](const QString& name) { return name.endsWith(QLatin1String(".incomplete")); });
    }

    /// All models of one snapshot.
    void readModels(const CachedModel& snapshot) {
        const Snapshot content = readSnapshot(snapshot.path);
        const auto names = [&content](QLatin1String ending) {
            QStringList matching = content.missing.filter(
                QRegularExpression(QStringLiteral("%1$").arg(QRegularExpression::escape(QString(ending)))));
            for (const RepositoryFile& file : content.files) {
                if (file.path.endsWith(ending)) matching << file.path;
            }
            return matching;
        };
        const QStringList gguf = names(QLatin1String(".gguf"));
        static const QRegularExpression laterPart(QStringLiteral("-(?!00001)\\d{5}-of-\\d{5}\\.gguf$"));
        for (const QString& file : gguf) {
            if (laterPart.match(file).hasMatch() || file.startsWith(QLatin1String("mmproj"))) continue;
            CachedModel model = snapshot;
            model.path += u'/' + file;
            judge(std::move(model), content.missing.contains(file) ? QStringList{file} : QStringList());
        }
        // A configuration and a tokenizer alone are what programs fetch to look at a model.
        if (names(QLatin1String("config.json")).contains(QStringLiteral("config.json")) &&
            (m_underWay || !names(QLatin1String(".safetensors")).isEmpty()))
            judge(snapshot, neededButMissing(content));
    }

    /// Files that a loader reads and whose links lead nowhere.
    static QStringList neededButMissing(const Snapshot& content) {
        QStringList missing = companionFiles(content.missing);
        for (const QString& name : content.missing) {
            if (name.startsWith(QLatin1String("model")) && name.contains(QLatin1String(".safetensors")))
                missing << name;
        }
        return missing;
    }

    void judge(CachedModel model, const QStringList& missing) {
        if (missing.isEmpty()) {
            Result<CheckpointSummary> summary = m_reader(model.path);
            if (summary) {
                model.summary = std::move(*summary);
            } else {
                model.problem = QString::fromStdString(summary.error().message());
                model.state = m_underWay || isAboutMissingFiles(summary.error())
                                  ? CachedModel::State::incomplete
                                  : CachedModel::State::unsupported;
            }
        } else {
            model.state = CachedModel::State::incomplete;
            model.problem = QStringLiteral("Not all of its files were fetched: %1 is missing.")
                                .arg(missing.join(QStringLiteral(", ")));
        }
        m_found.push_back(std::move(model));
    }

    /// The reader's word for a shard that the index lists and the folder lacks.
    static bool isAboutMissingFiles(const Error& error) {
        return !error.file.empty() && !QFileInfo::exists(QString::fromStdString(error.file));
    }

    QString m_cache;
    const CheckpointReader& m_reader;
    const std::function<bool()>& m_stopped;
    bool m_underWay = false;  // in the repository that is being read
    std::vector<CachedModel> m_found;
};

/// An environment variable that names a folder; empty when it is not set.
QString folderFrom(const char* variable) {
    QString folder = qEnvironmentVariable(variable);
    if (folder.startsWith(QLatin1String("~/"))) folder = QDir::homePath() + folder.mid(1);
    return folder.isEmpty() ? folder : QDir::cleanPath(QDir::current().absoluteFilePath(folder));
}

}  // namespace

QString hubCacheFolder() {
    for (const char* variable : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
        if (const QString folder = folderFrom(variable); !folder.isEmpty()) return folder;
    }
    if (const QString home = folderFrom("HF_HOME"); !home.isEmpty()) return home + QStringLiteral("/hub");
    QString cache = folderFrom("XDG_CACHE_HOME");
    if (cache.isEmpty()) cache = QDir::homePath() + QStringLiteral("/.cache");
    return cache + QStringLiteral("/huggingface/hub");
}

std::vector<CachedModel> findCachedModels(const QString& cache, const CheckpointReader& reader,
                                          const std::function<bool()>& stopped) {
    return Search(QDir::cleanPath(QDir::current().absoluteFilePath(cache)), reader, stopped).run();
}

HubOrigin hubCacheOrigin(const QString& path) {
    const QStringList parts = QDir::cleanPath(path).split(u'/');
    for (int i = static_cast<int>(parts.size()) - 3; i >= 0; --i) {
        const QString repository = repositoryOf(parts[i]);
        if (repository.isEmpty() || parts[i + 1] != QLatin1String("snapshots") || !isCommit(parts[i + 2]))
            continue;
        return {repository, parts[i + 2], {}};
    }
    return {};
}

}  // namespace edgechat::models
