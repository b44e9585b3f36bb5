// The store on a real folder: import, list, find, remove, and what can go wrong with each.
#include "models/store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "tests/data/gguf_writer.h"

using namespace edgechat;
using namespace edgechat::models;

namespace {

QByteArray readAll(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void writeAll(const QString& path, const QByteArray& content) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
}

ino_t inodeOf(const QString& path) {
    struct stat status {};
    return ::stat(QFile::encodeName(path).constData(), &status) == 0 ? status.st_ino : 0;
}

dev_t deviceOf(const QString& path) {
    struct stat status {};
    return ::stat(QFile::encodeName(path).constData(), &status) == 0 ? status.st_dev : 0;
}

QString textOf(const Error& error) {
    return QString::fromStdString(error.message());
}

}  // namespace

class StoreTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString path(const QString& name) const { return m_folder->filePath(name); }
    QString model() const { return path(QStringLiteral("tiny model.gguf")); }
    Store store() const { return Store(path(QStringLiteral("models"))); }
    QStringList namesInStore() const {
        return QDir(path(QStringLiteral("models")))
            .entryList(QDir::AllEntries | QDir::NoDotAndDotDot, QDir::Name);
    }
    QStringList incoming() const {
        return QDir(path(QStringLiteral("models/.incoming")))
            .entryList(QDir::AllEntries | QDir::NoDotAndDotDot);
    }

  private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        QVERIFY(testing::writeTinyModel(model().toStdString()));
    }

    void importRecordsWhatTheModelIs() {
        const Result<StoreEntry> entry = store().importModel(model());
        QVERIFY2(bool(entry), entry ? "" : qPrintable(textOf(entry.error())));
        QCOMPARE(entry->name, QStringLiteral("tiny model"));
        QCOMPARE(entry->path, path(QStringLiteral("models/tiny model/model.gguf")));
        QCOMPARE(entry->origin, model());
        QCOMPARE(entry->bytes, static_cast<uint64_t>(QFileInfo(model()).size()));
        QCOMPARE(entry->context, 256);
        QCOMPARE(entry->title, QStringLiteral("Tiny"));
        QCOMPARE(entry->files.size(), size_t{1});
        QCOMPARE(entry->files[0].name, QStringLiteral("model.gguf"));
        QCOMPARE(entry->files[0].bytes, entry->bytes);
        QCOMPARE(entry->files[0].sha256,
                 QString::fromLatin1(
                     QCryptographicHash::hash(readAll(model()), QCryptographicHash::Sha256).toHex()));
        QCOMPARE(entry->architecture, QStringLiteral("llama"));
        QCOMPARE(entry->quantization, QStringLiteral("Q4_1"));
        QVERIFY(entry->parameters > 0);
        QVERIFY(entry->importedAt.isValid());
        QVERIFY(!entry->damaged);
        QVERIFY(incoming().isEmpty());
    }

    void importLinksOnTheSameFileSystem() {
        const Result<StoreEntry> entry = store().importModel(model());
        QVERIFY(bool(entry));
        QCOMPARE(inodeOf(entry->path), inodeOf(model()));
    }

    void importFollowsALinkToTheFileItself() {
        const QString link = path(QStringLiteral("link.gguf"));
        QVERIFY(QFile::link(model(), link));
        const Result<StoreEntry> entry = store().importModel(link);
        QVERIFY(bool(entry));
        QVERIFY(!QFileInfo(entry->path).isSymLink());
        QVERIFY(QFile::remove(model()));
        QVERIFY(bool(store().find(entry->name)));
    }

    void importCopiesFromAnotherFileSystem() {
        QTemporaryDir elsewhere(QStringLiteral("/dev/shm/edgechat-XXXXXX"));
        if (!elsewhere.isValid() || deviceOf(elsewhere.path()) == deviceOf(m_folder->path())) {
            QSKIP("there is no second file system to copy from");
        }
        const QString source = elsewhere.filePath(QStringLiteral("far.gguf"));
        QVERIFY(QFile::copy(model(), source));
        uint64_t lastDone = 0, total = 0;
        const Result<StoreEntry> entry =
            store().importModel(source, QString(), [&](uint64_t done, uint64_t all) {
                lastDone = done;
                total = all;
                return true;
            });
        QVERIFY2(bool(entry), entry ? "" : qPrintable(textOf(entry.error())));
        QCOMPARE(readAll(entry->path), readAll(model()));
        QCOMPARE(lastDone, entry->bytes);
        QCOMPARE(total, entry->bytes);
    }

    void importThatDoesNotFitOnTheDiskSaysSoFirst() {
        QTemporaryDir elsewhere(QStringLiteral("/dev/shm/edgechat-XXXXXX"));
        if (!elsewhere.isValid() || deviceOf(elsewhere.path()) == deviceOf(m_folder->path())) {
            QSKIP("there is no second file system to copy from");
        }
        // A sparse tail that takes no room where it is: 2^50 bytes.
        const QString source = elsewhere.filePath(QStringLiteral("huge.gguf"));
        QVERIFY(QFile::copy(model(), source));
        if (::truncate(QFile::encodeName(source).constData(), off_t{1} << 50) != 0)
            QSKIP("no sparse files here");
        bool began = false;
        const Result<StoreEntry> entry = store().importModel(source, QString(), [&began](uint64_t, uint64_t) {
            began = true;
            return false;
        });
        QVERIFY(!entry);
        QCOMPARE(entry.error().code, ErrorCode::doesNotFit);
        QVERIFY(!began);
        QVERIFY(incoming().isEmpty());
        QVERIFY(store().list().empty());
    }

    void anImportThatIsStoppedLeavesNothing() {
        const Result<StoreEntry> entry =
            store().importModel(model(), QString(), [](uint64_t, uint64_t) { return false; });
        QVERIFY(!entry);
        QCOMPARE(entry.error().code, ErrorCode::interrupted);
        QVERIFY(incoming().isEmpty());
        QVERIFY(store().list().empty());
        QVERIFY(QFile::exists(model()));
    }

    void whatADeadProcessLeftIsClearedAway() {
        // No process has the largest number there is.
        const QString stale = path(QStringLiteral("models/.incoming/2147483647-x"));
        const QString running = path(QStringLiteral("models/.incoming/%1-x").arg(::getpid()));
        QVERIFY(QDir().mkpath(stale));
        QVERIFY(QDir().mkpath(running));
        QVERIFY(bool(store().importModel(model())));
        QVERIFY(!QFileInfo::exists(stale));
        QVERIFY(QFileInfo::exists(running));
    }

    void importTakesAFolderWithOneModel() {
        QDir().mkpath(path(QStringLiteral("folder")));
        const QString inside = path(QStringLiteral("folder/one.gguf"));
        QVERIFY(QFile::copy(model(), inside));
        const Result<StoreEntry> entry = store().importModel(path(QStringLiteral("folder")));
        QVERIFY(bool(entry));
        QCOMPARE(entry->name, QStringLiteral("one"));

        QVERIFY(QFile::copy(model(), path(QStringLiteral("folder/two.gguf"))));
        const Result<StoreEntry> two = store().importModel(path(QStringLiteral("folder")));
        QVERIFY(!two);
        QCOMPARE(two.error().code, ErrorCode::badInput);
        QVERIFY(textOf(two.error()).contains(QStringLiteral("one.gguf, two.gguf")));
    }

    void importRefusesWhatIsNoModel() {
        const auto refused = [this](const QString& source) {
            const Result<StoreEntry> entry = store().importModel(source);
            QVERIFY(!entry);
            QCOMPARE(entry.error().code, ErrorCode::badInput);
            QVERIFY(textOf(entry.error()).contains(source));
            QVERIFY(namesInStore().isEmpty());
        };
        refused(path(QStringLiteral("missing.gguf")));
        QDir().mkpath(path(QStringLiteral("empty folder")));
        refused(path(QStringLiteral("empty folder")));
        writeAll(path(QStringLiteral("cut.gguf")), readAll(model()).left(4000));
        refused(path(QStringLiteral("cut.gguf")));
        writeAll(path(QStringLiteral("text.gguf")), "no model at all");
        refused(path(QStringLiteral("text.gguf")));
    }

    void aRecordOfAnOlderVersionStillCounts() {
        QVERIFY(bool(store().importModel(model(), QStringLiteral("mine"))));
        const qint64 bytes = QFileInfo(model()).size();
        writeAll(
            path(QStringLiteral("models/mine/edgechat.json")),
            R"({"version": 1, "checkpoint": "model.gguf", "origin": "/somewhere/tiny.gguf", "sha256": "abc",
                     "bytes": ")" +
                QByteArray::number(bytes) + R"(", "architecture": "llama", "parameters": "7",
                     "quantization": "Q4_1", "importedAt": "2025-01-02T03:04:05Z"})");
        const Result<StoreEntry> entry = store().find(QStringLiteral("mine"));
        QVERIFY2(bool(entry), entry ? "" : qPrintable(textOf(entry.error())));
        QCOMPARE(entry->path, path(QStringLiteral("models/mine/model.gguf")));
        QCOMPARE(entry->bytes, static_cast<uint64_t>(bytes));
        QCOMPARE(entry->files.size(), size_t{1});
        QCOMPARE(entry->files[0].sha256, QStringLiteral("abc"));
        QCOMPARE(entry->parameters, uint64_t{7});
        QCOMPARE(entry->context, 0);
    }

    void importMakesTheNameUniqueUnlessItWasGiven() {
        QCOMPARE(store().importModel(model())->name, QStringLiteral("tiny model"));
        QCOMPARE(store().importModel(model())->name, QStringLiteral("tiny model-2"));
        QCOMPARE(store().importModel(model())->name, QStringLiteral("tiny model-3"));
        QCOMPARE(store().importModel(model(), QStringLiteral("mine"))->name, QStringLiteral("mine"));
        const Result<StoreEntry> taken = store().importModel(model(), QStringLiteral("mine"));
        QVERIFY(!taken);
        QCOMPARE(taken.error().code, ErrorCode::badInput);
        QCOMPARE(namesInStore().size(), 4);
        QVERIFY(incoming().isEmpty());
    }

    void importRefusesANameThatIsNoFolder_data() {
        QTest::addColumn<QString>("name");
        for (const char* name :
             {"../up", "a/b", ".hidden", "-option", "a:b", "tab\there", " space", "end.", "a  b"}) {
            QTest::newRow(name) << QString::fromLatin1(name);
        }
        QTest::newRow("long") << QString(101, u'x');
    }
    void importRefusesANameThatIsNoFolder() {
        QFETCH(QString, name);
        const Result<StoreEntry> entry = store().importModel(model(), name);
        QVERIFY(!entry);
        QCOMPARE(entry.error().code, ErrorCode::usage);
        QVERIFY(namesInStore().isEmpty());
    }

    void namesAreMadeSafe_data() {
        QTest::addColumn<QString>("wanted");
        QTest::addColumn<QString>("safe");
        QTest::newRow("as it is") << QStringLiteral("SmolLM2-135M_v1.0+x")
                                  << QStringLiteral("SmolLM2-135M_v1.0+x");
        QTest::newRow("letters") << QStringLiteral("Größe 日本") << QStringLiteral("Größe 日本");
        QTest::newRow("separators") << QStringLiteral("../../etc/passwd") << QStringLiteral("etc-passwd");
        QTest::newRow("dots") << QStringLiteral("...x...") << QStringLiteral("x");
        QTest::newRow("controls") << QStringLiteral("a\nb\x7f") << QStringLiteral("a-b");
        QTest::newRow("nothing left") << QStringLiteral("///") << QStringLiteral("model");
        QTest::newRow("empty") << QString() << QStringLiteral("model");
        QTest::newRow("long") << QString(300, u'x') << QString(100, u'x');
        QTest::newRow("long in bytes") << QString(80, u'ö') << QString(50, u'ö');
    }
    void namesAreMadeSafe() {
        QFETCH(QString, wanted);
        QFETCH(QString, safe);
        QCOMPARE(sanitizedName(wanted), safe);
        QCOMPARE(sanitizedName(safe), safe);
    }

    void aDamagedEntryHidesNoOther() {
        const Store models = store();
        QVERIFY(bool(store().importModel(model(), QStringLiteral("a-whole"))));
        for (const char* name : {"b-noRecord", "c-brokenRecord", "d-noFile", "e-otherSize", "f-escapes"}) {
            QVERIFY(bool(store().importModel(model(), QString::fromLatin1(name))));
        }
        const auto file = [this](const char* name) {
            return path(QStringLiteral("models/") + QLatin1String(name));
        };
        QVERIFY(QFile::remove(file("b-noRecord/edgechat.json")));
        writeAll(file("c-brokenRecord/edgechat.json"), "{\"checkpoint\": ");
        QVERIFY(QFile::remove(file("d-noFile/model.gguf")));
        QVERIFY(QFile::remove(file("e-otherSize/model.gguf")));
        writeAll(file("e-otherSize/model.gguf"), "short");
        QByteArray record = readAll(file("f-escapes/edgechat.json"));
        writeAll(file("f-escapes/edgechat.json"), record.replace("model.gguf", "../a-whole/model.gguf"));

        const std::vector<StoreEntry> entries = models.list();
        QCOMPARE(entries.size(), size_t{6});
        QVERIFY(!entries[0].damaged);
        const char* const reasons[] = {"", "edgechat.json", "JSON", "model.gguf", "5 bytes", "checkpoint"};
        for (size_t i = 1; i < entries.size(); i++) {
            QVERIFY2(entries[i].damaged, qPrintable(entries[i].name));
            QVERIFY2(entries[i].problem.contains(QLatin1String(reasons[i])), qPrintable(entries[i].problem));
            const Result<StoreEntry> found = models.find(entries[i].name);
            QVERIFY(!found);
            QCOMPARE(found.error().code, ErrorCode::badInput);
            QVERIFY(bool(store().remove(entries[i].name)));  // and it can be got rid of
        }
        QCOMPARE(models.list().size(), size_t{1});
    }

    void findRefusesWhatIsOutsideTheStore() {
        QVERIFY(bool(store().importModel(model(), QStringLiteral("mine"))));
        QVERIFY(bool(store().find(QStringLiteral("mine"))));
        for (const char* name : {"", ".", "..", "../models/mine", ".trash", "yours"}) {
            QVERIFY2(!store().find(QString::fromLatin1(name)), name);
        }
    }

    void removeCanBeUndone() {
        const StoreEntry before = *store().importModel(model(), QStringLiteral("mine"));
        const Result<QString> trashed = store().remove(QStringLiteral("mine"));
        QVERIFY(bool(trashed));
        QVERIFY(store().list().empty());
        QVERIFY(!store().find(QStringLiteral("mine")));
        const Result<StoreEntry> after = store().restore(*trashed);
        QVERIFY2(bool(after), after ? "" : qPrintable(textOf(after.error())));
        QCOMPARE(after->name, before.name);
        QCOMPARE(after->files[0].sha256, before.files[0].sha256);
        QVERIFY(!after->damaged);
        QVERIFY(!store().restore(*trashed));  // only once
    }

    void restoreDoesNotReplaceANewModelOfThatName() {
        QVERIFY(bool(store().importModel(model(), QStringLiteral("mine"))));
        const Result<QString> trashed = store().remove(QStringLiteral("mine"));
        QVERIFY(bool(store().importModel(model(), QStringLiteral("mine"))));
        QVERIFY(!store().restore(*trashed));
        QVERIFY(bool(store().remove(QStringLiteral("mine"))));
        QVERIFY(bool(store().restore(*trashed)));
    }

    void emptyTrashDeletesWhatWasRemoved() {
        QVERIFY(bool(store().importModel(model(), QStringLiteral("mine"))));
        const Result<QString> trashed = store().remove(QStringLiteral("mine"));
        QVERIFY(store().emptyTrash() > 0);
        QVERIFY(!store().restore(*trashed));
        QVERIFY(QFile::exists(model()));  // the file that was imported is the user's
    }

    void discardDeletesOneRemovedModel() {
        QVERIFY(bool(store().importModel(model(), QStringLiteral("a"))));
        QVERIFY(bool(store().importModel(model(), QStringLiteral("b"))));
        const Result<QString> a = store().remove(QStringLiteral("a"));
        const Result<QString> b = store().remove(QStringLiteral("b"));
        QVERIFY(bool(store().discard(*a)));
        QVERIFY(!store().restore(*a));
        QVERIFY(bool(store().restore(*b)));
        QVERIFY(!store().discard(QStringLiteral("../b")));
    }

    void aStoreThatIsNotThereIsEmpty() {
        QVERIFY(Store(path(QStringLiteral("nowhere"))).list().empty());
        QVERIFY(!QFileInfo::exists(path(QStringLiteral("nowhere"))));
    }
};

QTEST_GUILESS_MAIN(StoreTest)
#include "store_test.moc"
