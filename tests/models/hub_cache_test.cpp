// Models in a cache as Hugging Face's programs lay it out, whole and not, and with everything that a disk may
// hold in their place.
#include "models/hub_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "models/folder_listing.h"
#include "tests/data/gguf_writer.h"
#include "tests/data/hf_folder.h"

using namespace edgechat;
using namespace edgechat::models;

namespace {

const QString kCommit = QStringLiteral("0123456789abcdef0123456789abcdef01234567");
const QString kOther = QStringLiteral("fedcba9876543210fedcba9876543210fedcba98");

void writeAll(const QString& path, const QByteArray& content) {
    QVERIFY(QDir().mkpath(QFileInfo(path).path()));
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
}

}  // namespace

class HubCacheTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString cache() const { return m_folder->filePath(QStringLiteral("hub")); }
    static QString folderOf(const QString& repository) {
        return QStringLiteral("models--") + QString(repository).replace(u'/', QLatin1String("--"));
    }
    QString repository(const QString& name) const { return cache() + u'/' + folderOf(name); }
    QString snapshot(const QString& name, const QString& commit = kCommit) const {
        return repository(name) + QStringLiteral("/snapshots/") + commit;
    }
    /// As the Hub's client does it: the content in blobs/, a relative link in the snapshot.
    void add(const QString& name, const QString& file, const QByteArray& content,
             const QString& commit = kCommit) {
        const QString blob = QStringLiteral("blob-of-") + file;
        writeAll(repository(name) + QStringLiteral("/blobs/") + blob, content);
        QVERIFY(QDir().mkpath(snapshot(name, commit)));
        QVERIFY(QFile::link(QStringLiteral("../../blobs/") + blob, snapshot(name, commit) + u'/' + file));
    }
    void addModel(const QString& name, const QString& commit = kCommit) {
        const testing::HfFolder folder = testing::tinyLlamaFolder();
        add(name, QStringLiteral("config.json"), QByteArray::fromStdString(folder.config.dump()), commit);
        add(name, QStringLiteral("model.safetensors"), QByteArray::fromStdString(folder.weights.bytes()),
            commit);
    }
    std::vector<CachedModel> found() const { return findCachedModels(cache()); }

  private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        QVERIFY(QDir().mkpath(cache()));
    }

    void aModelRunsWhereItIs() {
        addModel(QStringLiteral("org/tiny"));
        writeAll(repository(QStringLiteral("org/tiny")) + QStringLiteral("/refs/main"), kCommit.toLatin1());
        writeAll(repository(QStringLiteral("org/tiny")) + QStringLiteral("/refs/refs/pr/7"),
                 kCommit.toLatin1() + '\n');
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{1});
        QVERIFY2(models[0].state == CachedModel::State::ready, qPrintable(models[0].problem));
        QCOMPARE(models[0].repository, QStringLiteral("org/tiny"));
        QCOMPARE(models[0].commit, kCommit);
        QCOMPARE(models[0].revisions, (QStringList{QStringLiteral("main"), QStringLiteral("refs/pr/7")}));
        QCOMPARE(models[0].path, snapshot(QStringLiteral("org/tiny")));
        QCOMPARE(models[0].summary.architecture, QStringLiteral("llama"));
        QVERIFY(models[0].summary.bytes > 1000);
    }

    void everyCommitAndEveryGgufFileIsAModel() {
        addModel(QStringLiteral("org/two"));
        add(QStringLiteral("org/two"), QStringLiteral("a.safetensors"), "x", kOther);
        add(QStringLiteral("org/two"), QStringLiteral("tiny-Q4_1.gguf"),
            QByteArray::fromStdString(testing::tinyModel({}).bytes()), kOther);
        add(QStringLiteral("org/two"), QStringLiteral("mmproj-f16.gguf"), "no language model", kOther);
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{2});
        QCOMPARE(models[0].path, snapshot(QStringLiteral("org/two")));
        QCOMPARE(models[1].path,
                 snapshot(QStringLiteral("org/two"), kOther) + QStringLiteral("/tiny-Q4_1.gguf"));
        QVERIFY2(models[1].state == CachedModel::State::ready, qPrintable(models[1].problem));
    }

    void aLinkThatLeadsNowhereIsAMissingFile() {
        addModel(QStringLiteral("org/cut"));
        QVERIFY(QFile::remove(repository(QStringLiteral("org/cut")) +
                              QStringLiteral("/blobs/blob-of-model.safetensors")));
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{1});
        QVERIFY(models[0].state == CachedModel::State::incomplete);
        QVERIFY2(models[0].problem.contains(QStringLiteral("model.safetensors")),
                 qPrintable(models[0].problem));
    }

    void aShardThatWasNeverFetchedIsMissing() {
        addModel(QStringLiteral("org/shards"));
        QVERIFY(QFile::rename(
            snapshot(QStringLiteral("org/shards")) + QStringLiteral("/model.safetensors"),
            snapshot(QStringLiteral("org/shards")) + QStringLiteral("/model-00001-of-00002.safetensors")));
        add(QStringLiteral("org/shards"), QStringLiteral("model.safetensors.index.json"),
            R"({"weight_map":{"model.embed_tokens.weight":"model-00001-of-00002.safetensors",)"
            R"("further.weight":"model-00002-of-00002.safetensors"}})");
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{1});
        QVERIFY(models[0].state == CachedModel::State::incomplete);
        QVERIFY2(models[0].problem.contains(QStringLiteral("model-00002-of-00002")),
                 qPrintable(models[0].problem));
    }

    void aDownloadUnderWayIsIncomplete() {
        add(QStringLiteral("org/begun"), QStringLiteral("config.json"),
            QByteArray::fromStdString(testing::tinyLlamaFolder().config.dump()));
        QVERIFY(found().empty());  // a look at a model, no download
        writeAll(repository(QStringLiteral("org/begun")) + QStringLiteral("/blobs/abc.incomplete"), "x");
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{1});
        QVERIFY(models[0].state == CachedModel::State::incomplete);
    }

    void whatEdgeChatCannotRunSaysWhy() {
        addModel(QStringLiteral("org/bert"));
        const QString config =
            repository(QStringLiteral("org/bert")) + QStringLiteral("/blobs/blob-of-config.json");
        writeAll(config, R"({"architectures":["BertModel"],"model_type":"bert"})");
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{1});
        QVERIFY(models[0].state == CachedModel::State::unsupported);
        QVERIFY2(models[0].problem.contains(QStringLiteral("\"bert\"")), qPrintable(models[0].problem));
    }

    void whatIsNoCacheIsPassedOver() {
        addModel(QStringLiteral("org/good"));
        const QString good = repository(QStringLiteral("org/good"));
        writeAll(cache() + QStringLiteral("/version.txt"), "1");
        QVERIFY(QDir().mkpath(cache() + QStringLiteral("/datasets--org--x/snapshots/") + kCommit));
        QVERIFY(QDir().mkpath(cache() + QStringLiteral("/models--")));
        QVERIFY(QDir().mkpath(cache() + QStringLiteral("/.locks/models--org--good")));
        QVERIFY(QDir().mkpath(good + QStringLiteral("/snapshots/main")));
        QVERIFY(QDir().mkpath(snapshot(QStringLiteral("org/empty"))));
        QVERIFY(QDir().mkpath(cache() + QStringLiteral("/models--org--nothing")));
        writeAll(cache() + QStringLiteral("/models--org--file"), "no folder");
        writeAll(good + QStringLiteral("/refs/long"), QByteArray(1 << 20, 'a'));
        writeAll(good + QStringLiteral("/refs/odd"), "../../x");
        // Bytes that are no UTF-8, and a line break.
        const QByteArray root = QFile::encodeName(cache());
        QCOMPARE(::mkdir((root + "/models--org--\xff\xfe").constData(), 0700), 0);
        QCOMPARE(::mkdir((root + "/models--org--a\nb").constData(), 0700), 0);
        const std::vector<CachedModel> models = found();
        ::rmdir((root + "/models--org--\xff\xfe").constData());
        QCOMPARE(models.size(), size_t{1});
        QCOMPARE(models[0].repository, QStringLiteral("org/good"));
        QVERIFY(models[0].revisions.isEmpty());
    }

    void linksInCirclesAndPipesDoNotHang() {
        addModel(QStringLiteral("org/good"));
        const QString good = repository(QStringLiteral("org/good"));
        QVERIFY(QFile::link(cache(), cache() + QStringLiteral("/models--org--self")));
        QVERIFY(QDir().mkpath(good + QStringLiteral("/refs")));
        QVERIFY(QFile::link(good + QStringLiteral("/refs"), good + QStringLiteral("/refs/again")));
        const QString shot = snapshot(QStringLiteral("org/good"));
        QVERIFY(QFile::link(shot, shot + QStringLiteral("/again")));
        QVERIFY(QFile::link(shot + QStringLiteral("/circle"), shot + QStringLiteral("/circle")));
        QCOMPARE(::mkfifo(QFile::encodeName(good + QStringLiteral("/refs/pipe")).constData(), 0600), 0);
        QCOMPARE(::mkfifo(QFile::encodeName(shot + QStringLiteral("/pipe.gguf")).constData(), 0600), 0);
        const std::vector<CachedModel> models = found();
        QCOMPARE(models.size(), size_t{1});
        QVERIFY2(models[0].state == CachedModel::State::ready, qPrintable(models[0].problem));
    }

    void aFolderThatCannotBeReadHidesNoOther() {
        if (::geteuid() == 0) QSKIP("root may read everything");
        addModel(QStringLiteral("org/a"));
        addModel(QStringLiteral("org/b"));
        QVERIFY(QFile::setPermissions(repository(QStringLiteral("org/a")), {}));
        const std::vector<CachedModel> models = found();
        QVERIFY(QFile::setPermissions(repository(QStringLiteral("org/a")),
                                      QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner));
        QCOMPARE(models.size(), size_t{1});
    }

    void theSearchCanBeStopped() {
        for (const char* name : {"org/a", "org/b", "org/c"}) addModel(QString::fromLatin1(name));
        int asked = 0;
        QCOMPARE(findCachedModels(cache(), readCheckpoint, [&asked] { return ++asked > 1; }).size(),
                 size_t{1});
    }

    void aCacheThatIsNotThereIsEmpty() {
        QVERIFY(findCachedModels(cache() + QStringLiteral("/not/there")).empty());
    }

    void aHugeFolderIsRefusedAndNotRead() {
        const QString folder = m_folder->filePath(QStringLiteral("huge"));
        QVERIFY(QDir().mkpath(folder));
        const QByteArray first = QFile::encodeName(folder) + "/0";
        QFile file(QString::fromUtf8(first));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.close();
        // Hard links are the cheapest entries; a file system that allows fewer of one file skips the test.
        for (int i = 1; i <= kMostEntries; i++) {
            if (::link(first.constData(),
                       (QFile::encodeName(folder) + '/' + QByteArray::number(i)).constData()) != 0)
                QSKIP("this file system does not allow so many links");
        }
        const Result<QStringList> names = listFolder(folder);
        QVERIFY(!names);
        QCOMPARE(names.error().code, ErrorCode::badInput);
        QVERIFY(!checkpointPath(folder));
        QVERIFY(QFile::remove(folder + QStringLiteral("/7")));
        QCOMPARE(listFolder(folder)->size(), kMostEntries);
    }

    void theFolderIsWhereTheVariablesSay() {
        const auto unset = [] {
            for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"})
                qunsetenv(name);
        };
        unset();
        QCOMPARE(hubCacheFolder(), QDir::homePath() + QStringLiteral("/.cache/huggingface/hub"));
        qputenv("XDG_CACHE_HOME", "/x/cache");
        QCOMPARE(hubCacheFolder(), QStringLiteral("/x/cache/huggingface/hub"));
        qputenv("HF_HOME", "~/hf");
        QCOMPARE(hubCacheFolder(), QDir::homePath() + QStringLiteral("/hf/hub"));
        qputenv("HF_HUB_CACHE", "/elsewhere/");
        QCOMPARE(hubCacheFolder(), QStringLiteral("/elsewhere"));
        unset();
    }

    void anImportFromTheCacheKnowsWhereItCameFrom() {
        addModel(QStringLiteral("org/tiny"));
        Store store(m_folder->filePath(QStringLiteral("models")));
        const Result<StoreEntry> entry = store.importModel(snapshot(QStringLiteral("org/tiny")));
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QCOMPARE(entry->hub.repository, QStringLiteral("org/tiny"));
        QCOMPARE(entry->hub.commit, kCommit);
        QCOMPARE(hubCacheOrigin(snapshot(QStringLiteral("org/tiny")) + QStringLiteral("/a.gguf")).commit,
                 kCommit);
        QVERIFY(hubCacheOrigin(QStringLiteral("/models--a--b/blobs/x")).repository.isEmpty());
        QVERIFY(hubCacheOrigin(QStringLiteral("/")).repository.isEmpty());
    }
};

QTEST_GUILESS_MAIN(HubCacheTest)
#include "hub_cache_test.moc"
