// A stored model whose files were changed from outside: which of them are wrong, and putting right ones back.
#include <sys/stat.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "models/store.h"

using namespace edgechat;
using namespace edgechat::models;

namespace {

void writeAll(const QString& path, const QByteArray& content) {
    QFile::remove(path);
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
}

QStringList namesOf(const std::vector<DamagedFile>& files) {
    QStringList names;
    for (const DamagedFile& file : files) names << file.name;
    return names;
}

const QStringList kFiles = {QStringLiteral("model-00001-of-00002.safetensors"),
                            QStringLiteral("model-00002-of-00002.safetensors"), QStringLiteral("config.json"),
                            QStringLiteral("tokenizer.json")};

}  // namespace

class StoreVerifyTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString path(const QString& name) const { return m_folder->filePath(name); }
    QString stored(const QString& name) const { return path(QStringLiteral("models/mine/")) + name; }
    Store store() const {
        return Store(path(QStringLiteral("models")),
                     [this](const QString& opened) -> Result<CheckpointSummary> {
                         CheckpointSummary summary;
                         summary.path = opened;
                         for (const QString& name : kFiles) {
                             summary.files << path(QStringLiteral("source/")) + name;
                             summary.bytes += static_cast<uint64_t>(QFileInfo(summary.files.last()).size());
                         }
                         return summary;
                     });
    }
    StoreEntry verified() {
        const Result<StoreEntry> entry = store().verify(QStringLiteral("mine"));
        if (!entry) qWarning("%s", entry.error().message().c_str());
        return entry ? *entry : StoreEntry();
    }

  private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        QVERIFY(QDir().mkpath(path(QStringLiteral("source"))));
        for (int i = 0; i < kFiles.size(); i++)
            writeAll(path(QStringLiteral("source/")) + kFiles[i], QByteArray(10, static_cast<char>('a' + i)));
        QVERIFY(bool(store().importModel(path(QStringLiteral("source")), QStringLiteral("mine"))));
    }

    void aWholeModelIsVerified() {
        QVERIFY(!store().find(QStringLiteral("mine"))->verifiedAt.isValid());
        std::vector<uint64_t> done;
        const Result<StoreEntry> entry =
            store().verify(QStringLiteral("mine"), [&done](uint64_t bytes, uint64_t total) {
                done.push_back(bytes);
                return total == 40;
            });
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QVERIFY(!entry->damaged);
        QVERIFY(entry->verifiedAt.isValid());
        QCOMPARE(done, (std::vector<uint64_t>{10, 20, 30, 40}));
        QCOMPARE(store().find(QStringLiteral("mine"))->verifiedAt, entry->verifiedAt);
    }

    void allWrongFilesAreNamed() {
        QVERIFY(QFile::remove(stored(kFiles[0])));
        writeAll(stored(kFiles[2]), "short");
        const StoreEntry entry = store().list()[0];
        QVERIFY(entry.damaged);
        QCOMPARE(namesOf(entry.damagedFiles), (QStringList{kFiles[0], kFiles[2]}));
        QVERIFY(entry.damagedFiles[0].problem.contains(QStringLiteral("no such file")));
        QVERIFY(entry.damagedFiles[1].problem.contains(QStringLiteral("5 bytes")));
        QVERIFY2(entry.problem.contains(QStringLiteral("1 more")), qPrintable(entry.problem));
    }

    void anotherContentOfTheSameSizeIsFoundByVerifyAndStaysKnown() {
        writeAll(stored(kFiles[1]), QByteArray(10, 'x'));
        QVERIFY(!store().list()[0].damaged);  // sizes say nothing
        QCOMPARE(namesOf(verified().damagedFiles), QStringList{kFiles[1]});
        QCOMPARE(namesOf(store().list()[0].damagedFiles), QStringList{kFiles[1]});
        QVERIFY2(store().list()[0].problem.contains(QStringLiteral("other content")),
                 qPrintable(store().list()[0].problem));
        QVERIFY(!store().find(QStringLiteral("mine")));
    }

    void aLaterVerifyForgetsWhatIsRightAgain() {
        writeAll(stored(kFiles[1]), QByteArray(10, 'x'));
        QVERIFY(verified().damaged);
        writeAll(stored(kFiles[1]), QByteArray(10, 'b'));
        QVERIFY(!verified().damaged);
        QVERIFY(bool(store().find(QStringLiteral("mine"))));
    }

    void withoutAHashTheSizeCounts() {
        const QString record = stored(QStringLiteral("edgechat.json"));
        QFile file(record);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QByteArray content = file.readAll();
        file.close();
        const StoreEntry entry = store().list()[0];
        content.replace(entry.files[1].sha256.toLatin1(), "");
        writeAll(record, content);
        writeAll(stored(kFiles[1]), QByteArray(10, 'x'));
        QVERIFY(!verified().damaged);
        writeAll(stored(kFiles[1]), QByteArray(11, 'x'));
        QVERIFY(verified().damaged);
    }

    void aFileThatCannotBeReadIsWrong() {
        if (::geteuid() == 0) QSKIP("root may read everything");
        QVERIFY(QFile::setPermissions(stored(kFiles[3]), {}));
        QCOMPARE(namesOf(verified().damagedFiles), QStringList{kFiles[3]});
    }

    void aPipeInThePlaceOfAFileDoesNotHang() {
        QVERIFY(QFile::remove(stored(kFiles[3])));
        QCOMPARE(::mkfifo(QFile::encodeName(stored(kFiles[3])).constData(), 0600), 0);
        QCOMPARE(namesOf(verified().damagedFiles), QStringList{kFiles[3]});
    }

    void verifyCanBeStopped() {
        const Result<StoreEntry> entry =
            store().verify(QStringLiteral("mine"), [](uint64_t done, uint64_t) { return done < 20; });
        QVERIFY(!entry);
        QCOMPARE(entry.error().code, ErrorCode::interrupted);
        QVERIFY(!store().find(QStringLiteral("mine"))->verifiedAt.isValid());
    }

    void withoutARecordThereIsNothingToCompareWith() {
        QVERIFY(QFile::remove(stored(QStringLiteral("edgechat.json"))));
        QVERIFY(!store().verify(QStringLiteral("mine")));
        QVERIFY(!store().verify(QStringLiteral("nobody's")));
        QVERIFY(store().list()[0].damaged);
        QVERIFY(store().list()[0].damagedFiles.empty());
    }

    void aRightFileTakesTheWrongOnesPlace() {
        writeAll(stored(kFiles[1]), QByteArray(10, 'x'));
        QVERIFY(QFile::remove(stored(kFiles[3])));
        QCOMPARE(verified().damagedFiles.size(), size_t{2});
        const auto replace = [this](int i) {
            return store().replaceFile(QStringLiteral("mine"), kFiles[i],
                                       path(QStringLiteral("source/")) + kFiles[i]);
        };
        const Result<StoreEntry> one = replace(1);
        QVERIFY2(bool(one), one ? "" : one.error().message().c_str());
        QCOMPARE(namesOf(one->damagedFiles), QStringList{kFiles[3]});
        QVERIFY(!replace(3)->damaged);
        QVERIFY(!verified().damaged);
        QVERIFY(QFile::exists(path(QStringLiteral("source/")) + kFiles[1]));
    }

    void aWrongFileIsNotTakenForARightOne_data() {
        QTest::addColumn<QByteArray>("content");
        QTest::newRow("size") << QByteArray(9, 'b');
        QTest::newRow("content") << QByteArray(10, 'c');
    }
    void aWrongFileIsNotTakenForARightOne() {
        QFETCH(QByteArray, content);
        writeAll(stored(kFiles[1]), "broken");
        const QString source = path(QStringLiteral("fetched"));
        writeAll(source, content);
        QVERIFY(!store().replaceFile(QStringLiteral("mine"), kFiles[1], source));
        QVERIFY(!store().replaceFile(QStringLiteral("mine"), QStringLiteral("../x"), source));
        QCOMPARE(namesOf(store().list()[0].damagedFiles), QStringList{kFiles[1]});
        QCOMPARE(QDir(path(QStringLiteral("models/mine"))).entryList(QDir::Files).size(), 5);
        QVERIFY(!QFile::exists(stored(QStringLiteral(".replacement"))));
    }
};

QTEST_GUILESS_MAIN(StoreVerifyTest)
#include "store_verify_test.moc"
