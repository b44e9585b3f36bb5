// A file on its way: what counts after a quit, a crash, a restart of the machine.
#include "models/hub/partial_file.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>

using namespace edgechat;
using namespace edgechat::models::hub;

namespace {

/// "abc" and its digests: FIPS 180-2 B.1, and `printf abc | git hash-object --stdin`.
const FileIdentity kAbc{3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", ""};
const FileIdentity kAbcOfGit{3, "", "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"};

bool hashAll(PartialFile& file) {
    const Result<bool> all = file.hashMore(1'000'000);
    return all && *all;
}

}  // namespace

class PartialFileTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString target() const { return m_folder->filePath(QStringLiteral("below/a file")); }
    QString partial() const { return target() + QStringLiteral(".partial"); }
    QString state() const { return target() + QStringLiteral(".partial.json"); }
    std::unique_ptr<PartialFile> open(const FileIdentity& identity = kAbc) {
        Result<std::unique_ptr<PartialFile>> file = PartialFile::open(target(), identity);
        return file ? std::move(*file) : nullptr;
    }
    /// Two of the three bytes, left by an earlier process.
    void leaveTwo() {
        const auto file = open();
        QVERIFY(file && hashAll(*file));
        QVERIFY(bool(file->append("ab")));
    }
    void change(const char* key, const QString& value) {
        QFile file(state());
        QVERIFY(file.open(QIODevice::ReadWrite));
        QJsonObject json = QJsonDocument::fromJson(file.readAll()).object();
        QVERIFY(json.contains(QLatin1String(key)));
        json.insert(QLatin1String(key), value);
        file.resize(0);
        file.seek(0);
        file.write(QJsonDocument(json).toJson());
    }

  private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void bytesBecomeTheFile() {
        for (const FileIdentity& identity : {kAbc, kAbcOfGit}) {
            auto file = open(identity);
            QVERIFY(file && hashAll(*file));
            QVERIFY(bool(file->append("a")));
            QVERIFY(!file->isComplete() && !file->isRight());
            QVERIFY(bool(file->append("bc")));
            QVERIFY(file->isComplete() && file->isRight());
            QCOMPARE(file->sha256(), kAbc.sha256);
            QVERIFY(bool(file->finish()));
            QFile complete(target());
            QVERIFY(complete.open(QIODevice::ReadOnly));
            QCOMPARE(complete.readAll(), QByteArray("abc"));
            QVERIFY(!QFile::exists(partial()) && !QFile::exists(state()));
        }
    }

    void otherBytesAreNotRight() {
        for (const FileIdentity& identity : {kAbc, kAbcOfGit}) {
            auto file = open(identity);
            QVERIFY(file && hashAll(*file));
            QVERIFY(bool(file->append("abd")));
            QVERIFY(file->isComplete() && !file->isRight());
            file->discard();
            QVERIFY(!QFile::exists(partial()) && !QFile::exists(state()));
        }
    }

    void anEarlierProcessesBytesCountOnceHashed() {
        leaveTwo();
        const auto file = open();
        QVERIFY(file);
        QCOMPARE(file->size(), 2);
        QVERIFY(hashAll(*file));
        QVERIFY(bool(file->append("c")));
        QVERIFY(file->isRight());
    }

    void bytesForAnotherFileDoNotCount() {
        leaveTwo();
        FileIdentity other = kAbc;
        other.sha256 = QByteArray(64, 'a');
        QCOMPARE(open(other)->size(), 0);
        QCOMPARE(QFileInfo(partial()).size(), 0);
        leaveTwo();
        other = kAbc;
        other.bytes = 4;
        QCOMPARE(open(other)->size(), 0);
    }

    void bytesWithoutAStateDoNotCount() {
        leaveTwo();
        QVERIFY(QFile::remove(state()));
        QCOMPARE(open()->size(), 0);
        leaveTwo();
        QFile file(state());
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("{\"digest\": ");
        file.close();
        QCOMPARE(open()->size(), 0);
    }

    void moreBytesThanTheFileHasDoNotCount() {
        leaveTwo();
        QFile file(partial());
        QVERIFY(file.open(QIODevice::Append));
        file.write("cd");
        file.close();
        QCOMPARE(open()->size(), 0);
    }

    void afterARestartOfTheMachineOnlySyncedBytesCount() {
        leaveTwo();
        change("boot", QStringLiteral("another"));
        QCOMPARE(open()->size(), 0);
        leaveTwo();
        change("boot", QStringLiteral("another"));
        change("synced", QStringLiteral("1"));
        const auto file = open();
        QCOMPARE(file->size(), 1);
        QVERIFY(hashAll(*file) && bool(file->append("bc")) && file->isRight());
    }

    void aStateOfImpossibleNumbersIsNoTrouble() {
        for (const char* synced : {"-5", "99999999999999999999", "x", "4"}) {
            leaveTwo();
            change("boot", QStringLiteral("another"));
            change("synced", QString::fromLatin1(synced));
            const auto file = open();
            QVERIFY(file && file->size() <= 2);
            file->discard();
        }
    }

    void oneProcessHoldsTheFile() {
        const auto first = open();
        QVERIFY(first);
        const Result<std::unique_ptr<PartialFile>> second = PartialFile::open(target(), kAbc);
        QVERIFY(!second);
        QVERIFY(second.error().message().find("another process") != std::string::npos);
    }

    void startingOverForgetsAll() {
        const auto file = open();
        QVERIFY(hashAll(*file) && bool(file->append("xy")) && bool(file->noteEtag("one")));
        QVERIFY(!file->keepsUnder("two") && file->keepsUnder("one"));
        QVERIFY(bool(file->startOver()));
        QVERIFY(file->keepsUnder("two"));
        QVERIFY(bool(file->append("abc")) && file->isRight());
    }

    void theTagOutlivesTheProcess() {
        {
            const auto file = open();
            QVERIFY(hashAll(*file) && bool(file->append("a")) && bool(file->noteEtag("one")));
        }
        QVERIFY(!open()->keepsUnder("two"));
    }

    void aLinkInItsPlaceIsNotWrittenThrough() {
        QDir().mkpath(QFileInfo(target()).path());
        QVERIFY(QFile::link(m_folder->filePath(QStringLiteral("elsewhere")), partial()));
        QVERIFY(!PartialFile::open(target(), kAbc));
        QVERIFY(!QFile::exists(m_folder->filePath(QStringLiteral("elsewhere"))));
    }

    void aFolderThatCannotBeWrittenIsAnError() {
        QFile file(m_folder->filePath(QStringLiteral("below")));
        QVERIFY(file.open(QIODevice::WriteOnly));
        QVERIFY(!PartialFile::open(target(), kAbc));
    }

    void freeBytesAreThoseOfTheNearestFolder() {
        QVERIFY(freeBytes(m_folder->filePath(QStringLiteral("not/yet/there"))) > 0);
    }
};

QTEST_GUILESS_MAIN(PartialFileTest)
#include "partial_file_test.moc"
