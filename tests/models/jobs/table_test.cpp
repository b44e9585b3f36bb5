// The list of jobs on disk: what is written comes back, and what is damaged harms nothing else.
#include <signal.h>
#include <sys/resource.h>

#include <QSqlQuery>
#include <QTemporaryDir>
#include <QtTest>

#include "models/jobs/job_table.h"

using namespace edgechat;
using namespace edgechat::models::jobs;

class TableTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;

    QString file() const { return m_folder->filePath(QStringLiteral("data/jobs.sqlite")); }
    std::unique_ptr<JobTable> table() const {
        Result<std::unique_ptr<JobTable>> opened = JobTable::open(file());
        if (!opened) qWarning("%s", opened.error().message().c_str());
        return opened ? std::move(*opened) : nullptr;
    }
    static Job someJob(const QString& repository = QStringLiteral("org/name")) {
        Job job;
        job.request.repository = repository;
        job.request.revision = QStringLiteral("refs/pr/7");
        job.request.gguf = QStringLiteral("folder/a.gguf");
        job.request.name = QStringLiteral("mine ’");
        job.request.method = Method::smoothquant;
        job.request.groupSize = 64;
        job.commit = QString(40, u'a');
        job.licence = QStringLiteral("mit");
        job.stage = Stage::failed;
        job.next = Stage::quantize;
        job.paused = true;
        job.memoryLimit = 1'500'000'000;
        job.storedName = QStringLiteral("mine");
        job.problem = Problem::needsAcceptance;
        job.error = QStringLiteral("it's \"so\"; DROP TABLE jobs");
        return job;
    }
    void run(const QString& sql) const {
        {
            QSqlDatabase database = QSqlDatabase::addDatabase(QStringLiteral("QSQLITE"), QStringLiteral("x"));
            database.setDatabaseName(file());
            QVERIFY(database.open());
            QSqlQuery query(database);
            QVERIFY(query.exec(sql));
        }
        QSqlDatabase::removeDatabase(QStringLiteral("x"));
    }
    void write(const QByteArray& content) const {
        QVERIFY(QDir().mkpath(m_folder->filePath(QStringLiteral("data"))));
        QFile damaged(file());
        QVERIFY(damaged.open(QIODevice::WriteOnly));
        damaged.write(content);
    }
    QStringList files() const {
        return QDir(m_folder->filePath(QStringLiteral("data"))).entryList(QDir::Files);
    }

  private Q_SLOTS:
    void init() { m_folder = std::make_unique<QTemporaryDir>(); }

    void everyFieldComesBack() {
        Job job = someJob();
        QVERIFY(table()->add(job));
        const std::vector<Job> read = *table()->jobs();
        QCOMPARE(read.size(), size_t{1});
        QCOMPARE(read[0].id, job.id);
        QCOMPARE(read[0].position, 1);
        QCOMPARE(read[0].created, job.created);
        QCOMPARE(read[0].request.repository, job.request.repository);
        QCOMPARE(read[0].request.revision, job.request.revision);
        QCOMPARE(read[0].request.gguf, job.request.gguf);
        QCOMPARE(read[0].request.name, job.request.name);
        QVERIFY(read[0].request.method == Method::smoothquant);
        QCOMPARE(read[0].request.groupSize, 64);
        QCOMPARE(read[0].commit, job.commit);
        QCOMPARE(read[0].licence, job.licence);
        QVERIFY(read[0].stage == Stage::failed);
        QVERIFY(read[0].next == Stage::quantize);
        QVERIFY(read[0].paused);
        QCOMPARE(read[0].memoryLimit, uint64_t{1'500'000'000});
        QCOMPARE(read[0].storedName, job.storedName);
        QVERIFY(read[0].problem == Problem::needsAcceptance);
        QCOMPARE(read[0].error, job.error);
    }

    void saveChangesOneRowAndIdsAreNeverUsedAgain() {
        const auto jobs = table();
        Job first = someJob(), second = someJob();
        QVERIFY(jobs->add(first));
        QVERIFY(jobs->add(second));
        second.stage = Stage::done;
        second.position = 0;  // to the front
        QVERIFY(jobs->save(second));
        std::vector<Job> read = *jobs->jobs();
        QCOMPARE(read[0].id, second.id);
        QVERIFY(read[0].stage == Stage::done);
        QVERIFY(read[1].stage == Stage::failed);
        QVERIFY(jobs->remove(second.id));
        Job third = someJob();
        QVERIFY(jobs->add(third));
        QVERIFY(third.id > second.id);
        QCOMPARE(jobs->jobs()->size(), size_t{2});
    }

    void itIsWrittenForAPowerCut() {
        const auto jobs = table();
        QVERIFY(QFile::exists(file() + QStringLiteral("-wal")));
        // What the connection says of itself.
        const QStringList names = QSqlDatabase::connectionNames();
        const auto own = std::find_if(names.begin(), names.end(), [](const QString& name) {
            return name.startsWith(QStringLiteral("edgechat-jobs"));
        });
        QVERIFY(own != names.end());
        QSqlQuery query(QStringLiteral("PRAGMA synchronous"), QSqlDatabase::database(*own));
        QVERIFY(query.next());
        QCOMPARE(query.value(0).toInt(), 2);  // FULL
    }

    void aDamagedFileIsPutAsideAndSaid_data() {
        QTest::addColumn<QByteArray>("content");
        QTest::newRow("no database") << QByteArray(10'000, 'x');
        QTest::newRow("a header alone") << QByteArray("SQLite format 3\0", 16) + QByteArray(5000, '\xff');
    }
    void aDamagedFileIsPutAsideAndSaid() {
        QFETCH(QByteArray, content);
        write(content);
        const auto jobs = table();
        QVERIFY(jobs);
        QVERIFY2(jobs->notice().contains(QStringLiteral("jobs.sqlite.damaged-")), qPrintable(jobs->notice()));
        Job job = someJob();
        QVERIFY(jobs->add(job));
        const QStringList aside = files().filter(QStringLiteral("damaged"));
        QCOMPARE(aside.size(), 1);
        QFile old(m_folder->filePath(QStringLiteral("data/")) + aside[0]);
        QVERIFY(old.open(QIODevice::ReadOnly));
        QCOMPARE(old.readAll(), content);
    }

    void damagedPagesAreFound() {
        {
            const auto jobs = table();
            for (int i = 0; i < 200; i++) {
                Job job = someJob();
                QVERIFY(jobs->add(job));
            }
        }
        QFile damaged(file());
        QVERIFY(damaged.open(QIODevice::ReadWrite));
        QVERIFY(damaged.size() > 3 * 4096);
        for (qint64 page = 4096; page + 100 < damaged.size(); page += 4096) {
            QVERIFY(damaged.seek(page));
            damaged.write(QByteArray(100, '\x5a'));
        }
        damaged.close();
        const auto jobs = table();
        QVERIFY(jobs);
        QVERIFY(!jobs->notice().isEmpty());
        QVERIFY(jobs->jobs()->empty());
    }

    /// All rows can still be read; the pages that the file calls free are not there, and the next rows would
    /// go to them.
    void whatOnlySqlitesOwnCheckFindsIsDamage() {
        {
            Job job = someJob();
            QVERIFY(table()->add(job));
        }
        QFile damaged(file());
        QVERIFY(damaged.open(QIODevice::ReadWrite));
        // SQLite's file format 1.3: bytes 36 to 39 of the header are the number of free pages.
        QVERIFY(damaged.seek(36));
        QCOMPARE(damaged.peek(4), QByteArray(4, '\0'));
        QCOMPARE(damaged.write(QByteArray("\0\0\0\x05", 4)), 4);
        damaged.close();
        const auto jobs = table();
        QVERIFY(jobs);
        QVERIFY2(jobs->notice().contains(QStringLiteral("damaged")), qPrintable(jobs->notice()));
        QVERIFY(jobs->jobs()->empty());
    }

    void otherTablesUnderTheRightVersionAreDamage() {
        write({});
        run(QStringLiteral("CREATE TABLE others (id INTEGER)"));
        run(QStringLiteral("PRAGMA user_version = 1"));
        const auto jobs = table();
        QVERIFY(jobs);
        QVERIFY(!jobs->notice().isEmpty());
        Job job = someJob();
        QVERIFY(jobs->add(job));
    }

    void aNewerFileIsLeftAsItIs() {
        {
            Job job = someJob();
            QVERIFY(table()->add(job));
        }
        run(QStringLiteral("PRAGMA user_version = 2"));
        const Result<std::unique_ptr<JobTable>> opened = JobTable::open(file());
        QVERIFY(!opened);
        QVERIFY2(opened.error().message().find("a newer EdgeChat") != std::string::npos,
                 opened.error().message().c_str());
        QVERIFY(files().filter(QStringLiteral("damaged")).isEmpty());
        run(QStringLiteral("PRAGMA user_version = 1"));
        QCOMPARE(table()->jobs()->size(), size_t{1});
    }

    void rowsWithoutSenseAreLeftOut_data() {
        QTest::addColumn<QString>("change");
        for (const char* change :
             {"stage = 99", "stage = -1", "next = 0", "method = 'magic'", "problem = 77",
              "repository = '../../etc'", "gguf = '../x.gguf'", "group_size = 17", "repository = x'00ff'"})
            QTest::newRow(change) << QString::fromLatin1(change);
    }
    void rowsWithoutSenseAreLeftOut() {
        QFETCH(QString, change);
        {
            Job good = someJob(QStringLiteral("org/good")), bad = someJob();
            const auto jobs = table();
            QVERIFY(jobs->add(good));
            QVERIFY(jobs->add(bad));
        }
        run(QStringLiteral("UPDATE jobs SET %1 WHERE id = 2").arg(change));
        const std::vector<Job> read = *table()->jobs();
        QCOMPARE(read.size(), size_t{1});
        QCOMPARE(read[0].request.repository, QStringLiteral("org/good"));
    }

    void aFullDiskIsSaidAndLosesNothing() {
        const auto jobs = table();
        Job job = someJob();
        QVERIFY(jobs->add(job));
        ::signal(SIGXFSZ, SIG_IGN);
        struct rlimit before {};
        QCOMPARE(::getrlimit(RLIMIT_FSIZE, &before), 0);
        struct rlimit none = before;
        none.rlim_cur = 4096;
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &none), 0);
        job.error = QString(100'000, u'x');
        const Result<void> saved = jobs->save(job);
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &before), 0);
        QVERIFY(!saved);
        QCOMPARE((*jobs->jobs())[0].error, someJob().error);
        job.error = QStringLiteral("later");
        QVERIFY(jobs->save(job));
    }

    void aFolderInItsPlaceIsAnError() {
        QVERIFY(QDir().mkpath(file()));
        QVERIFY(!JobTable::open(file()));
    }
};

QTEST_GUILESS_MAIN(TableTest)
#include "table_test.moc"
