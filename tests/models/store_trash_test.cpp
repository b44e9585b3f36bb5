// Renaming, the trash, and entries of the store that are links: what is deleted, when, and what never is.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "models/store.h"
#include "tests/data/gguf_writer.h"

using namespace edgechat;
using namespace edgechat::models;

class StoreTrashTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString path(const QString& name) const { return m_folder->filePath(name); }
    QString model() const { return path(QStringLiteral("tiny.gguf")); }
    Store store() const { return Store(path(QStringLiteral("models"))); }
    QStringList trash() const {
        return QDir(path(QStringLiteral("models/.trash"))).entryList(QDir::AllEntries | QDir::NoDotAndDotDot);
    }

  private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        QVERIFY(testing::writeTinyModel(model().toStdString()));
        QVERIFY(bool(store().importModel(model(), QStringLiteral("mine"))));
    }

    void renameKeepsTheModel() {
        const StoreEntry before = *store().find(QStringLiteral("mine"));
        const Result<StoreEntry> renamed = store().rename(QStringLiteral("mine"), QStringLiteral("Größe 2"));
        QVERIFY2(bool(renamed), renamed ? "" : renamed.error().message().c_str());
        QCOMPARE(renamed->name, QStringLiteral("Größe 2"));
        QVERIFY(!renamed->damaged);
        QCOMPARE(renamed->files[0].sha256, before.files[0].sha256);
        QVERIFY(QFile::exists(renamed->path));
        QVERIFY(!store().find(QStringLiteral("mine")));
    }

    void renameRefusesNamesThatAreTakenOrNone() {
        QVERIFY(bool(store().importModel(model(), QStringLiteral("yours"))));
        const auto code = [this](const QString& from, const QString& to) {
            const Result<StoreEntry> renamed = store().rename(from, to);
            return renamed ? ErrorCode::internal : renamed.error().code;
        };
        QCOMPARE(code(QStringLiteral("mine"), QStringLiteral("yours")), ErrorCode::badInput);
        QCOMPARE(code(QStringLiteral("nobody's"), QStringLiteral("new")), ErrorCode::badInput);
        QCOMPARE(code(QStringLiteral("../models/mine"), QStringLiteral("new")), ErrorCode::badInput);
        for (const char* name : {"", "../up", ".hidden", "a/b", " x"})
            QCOMPARE(code(QStringLiteral("mine"), QString::fromLatin1(name)), ErrorCode::usage);
        QVERIFY(bool(store().rename(QStringLiteral("mine"), QStringLiteral("mine"))));
        QVERIFY(bool(store().find(QStringLiteral("mine"))));
        QVERIFY(bool(store().find(QStringLiteral("yours"))));
    }

    void aDamagedModelCanBeRenamed() {
        QVERIFY(QFile::remove(path(QStringLiteral("models/mine/edgechat.json"))));
        const Result<StoreEntry> renamed = store().rename(QStringLiteral("mine"), QStringLiteral("broken"));
        QVERIFY(bool(renamed));
        QVERIFY(renamed->damaged);
    }

    void restoringIsOneRename() {
        const QString file = path(QStringLiteral("models/mine/model.gguf"));
        struct stat before {
        }, after{};
        QCOMPARE(::stat(QFile::encodeName(file).constData(), &before), 0);
        const Result<QString> trashed = store().remove(QStringLiteral("mine"));
        QVERIFY(bool(trashed));
        QVERIFY(!QFile::exists(file));
        QVERIFY(bool(store().restore(*trashed)));
        QCOMPARE(::stat(QFile::encodeName(file).constData(), &after), 0);
        QCOMPARE(after.st_ino, before.st_ino);
    }

    void aNameWithDashesComesBack() {
        QVERIFY(bool(store().rename(QStringLiteral("mine"), QStringLiteral("a-b-7B"))));
        const Result<QString> trashed = store().remove(QStringLiteral("a-b-7B"));
        const Result<StoreEntry> restored = store().restore(*trashed);
        QVERIFY(bool(restored));
        QCOMPARE(restored->name, QStringLiteral("a-b-7B"));
    }

    void whatARunningProgramRemovedCanStillBeUndone() {
        // Of a process that runs (this one's parent), of one that cannot exist, and of an older version.
        const QStringList others = {QStringLiteral("%1-0123-theirs").arg(::getppid()),
                                    QStringLiteral("2147483647-0123-dead"), QStringLiteral("0123abcd-old")};
        for (const QString& name : others)
            QVERIFY(QDir().mkpath(path(QStringLiteral("models/.trash/")) + name));
        QVERIFY(bool(store().remove(QStringLiteral("mine"))));
        QCOMPARE(trash().size(), 4);
        QVERIFY(store().emptyTrash() > 0);
        QCOMPARE(trash(), QStringList{others[0]});
    }

    void aLinkInTheStoreIsRemovedAloneAndNeverWhatItLeadsTo() {
        const QString precious = path(QStringLiteral("precious"));
        QVERIFY(QDir().mkpath(precious));
        QVERIFY(QFile::copy(model(), precious + QStringLiteral("/thesis.gguf")));
        for (const bool discard : {true, false}) {
            QVERIFY(QFile::link(precious, path(QStringLiteral("models/link"))));
            const Result<QString> trashed = store().remove(QStringLiteral("link"));
            QVERIFY2(bool(trashed), trashed ? "" : trashed.error().message().c_str());
            if (discard) {
                QVERIFY(bool(store().discard(*trashed)));
            } else {
                store().emptyTrash();
            }
            QVERIFY(trash().isEmpty());
            QVERIFY(QFile::exists(precious + QStringLiteral("/thesis.gguf")));
        }
    }

    void namesThatAreNoTextAreDeletedToo() {
        const QByteArray odd = QFile::encodeName(path(QStringLiteral("models/mine/"))) + "\xff\xfe\n";
        const int file = ::open(odd.constData(), O_WRONLY | O_CREAT, 0600);
        QVERIFY(file >= 0);
        ::close(file);
        QVERIFY(!store().list()[0].damaged);
        const Result<QString> trashed = store().remove(QStringLiteral("mine"));
        QVERIFY(bool(trashed));
        QVERIFY(bool(store().discard(*trashed)));
        QVERIFY(trash().isEmpty());
    }

    void linksInCirclesAreNoModelsAndDoNotHang() {
        QVERIFY(QFile::link(path(QStringLiteral("models/b")), path(QStringLiteral("models/a"))));
        QVERIFY(QFile::link(path(QStringLiteral("models/a")), path(QStringLiteral("models/b"))));
        QVERIFY(QFile::link(path(QStringLiteral("models")), path(QStringLiteral("models/self"))));
        const std::vector<StoreEntry> entries = store().list();
        QCOMPARE(entries.size(), size_t{2});
        QCOMPARE(entries[0].name, QStringLiteral("mine"));
        QVERIFY(!entries[0].damaged);
        QVERIFY(entries[1].damaged);
        QVERIFY(bool(store().remove(QStringLiteral("self"))));
        store().emptyTrash();
        QVERIFY(bool(store().find(QStringLiteral("mine"))));
    }

    void whenAModelWasUsedIsRemembered() {
        QVERIFY(!store().find(QStringLiteral("mine"))->lastUsed.isValid());
        const QDateTime before = QDateTime::currentDateTimeUtc().addSecs(-60);
        QVERIFY(bool(store().markUsed(QStringLiteral("mine"))));
        const QDateTime used = store().find(QStringLiteral("mine"))->lastUsed;
        QVERIFY(used > before && used < before.addSecs(3600));
        QVERIFY(!store().markUsed(QStringLiteral("nobody's")));
        QVERIFY(!store().markUsed(QStringLiteral("..")));
        QVERIFY(bool(store().rename(QStringLiteral("mine"), QStringLiteral("other"))));
        QCOMPARE(store().find(QStringLiteral("other"))->lastUsed, used);
    }

    void whereAModelCameFromIsKept() {
        const HubOrigin hub = {QStringLiteral("org/name"), QString(40, u'a'), QStringLiteral("apache-2.0")};
        QVERIFY(bool(store().importModel(model(), QStringLiteral("pulled"), {}, hub)));
        const Result<StoreEntry> entry = store().find(QStringLiteral("pulled"));
        QCOMPARE(entry->hub.repository, hub.repository);
        QCOMPARE(entry->hub.commit, hub.commit);
        QCOMPARE(entry->hub.licence, hub.licence);
        QVERIFY(store().find(QStringLiteral("mine"))->hub.repository.isEmpty());
    }

    void importRefusesAPipe() {
        const QString pipe = path(QStringLiteral("pipe.gguf"));
        QCOMPARE(::mkfifo(QFile::encodeName(pipe).constData(), 0600), 0);
        QVERIFY(!store().importModel(pipe));
    }
};

QTEST_GUILESS_MAIN(StoreTrashTest)
#include "store_trash_test.moc"
