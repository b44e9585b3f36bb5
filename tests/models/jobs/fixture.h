// A simulated Hub with a model that can be quantized, a folder, and a runner that works quickly.
#pragma once

#include <QDirIterator>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "models/jobs/job_runner.h"
#include "tests/models/hub/fixture.h"
#include "tests/quant/small_source.h"

namespace edgechat::testing {

namespace jobs = models::jobs;

/// Puts the files of a folder into a repository.
inline void fillRepository(SimulatedRepository& repository, const QString& folder) {
    repository.files.clear();
    const QStringList names = QDir(folder).entryList(QDir::Files);
    if (names.isEmpty()) qFatal("no files for the simulated repository");
    for (const QString& name : names) {
        const QByteArray content = contentOf(folder + u'/' + name);
        repository.files[name] = {content, content.size() > 10'000};
    }
    repository.files[QStringLiteral("README.md")] = {"# a model", false};
    repository.files[QStringLiteral("pytorch_model.bin")] = {someBytes(5000), true};
}

/// All files of a folder by their path in it; not the reports, which say how long it took.
inline std::map<QString, QByteArray> filesOf(const QString& folder) {
    std::map<QString, QByteArray> files;
    QDirIterator all(folder, QDir::Files | QDir::Hidden, QDirIterator::Subdirectories);
    while (all.hasNext()) {
        const QString path = all.next();
        if (!path.endsWith(QStringLiteral("edgechat.json"))) files[path.mid(folder.size())] = contentOf(path);
    }
    return files;
}

class JobsFixture {
  public:
    explicit JobsFixture(SmallFamily family = SmallFamily::llama) {
        serve(family);
        options.tableFile = hub.path(QStringLiteral("home/jobs.sqlite"));
        options.workFolder = hub.path(QStringLiteral("home/downloads"));
        options.storeFolder = hub.path(QStringLiteral("home/models"));
        options.quantizer.program = QStringLiteral(EDGECHAT_CLI);
        options.quantizer.more = quick();
        options.hub = hub.settings;
    }

    /// Arguments of the real quantizer that make it quick.
    static QStringList quick() {
        return {QStringLiteral("--calibration"), QStringLiteral(EDGECHAT_TESTS_DATA "/plain_text.txt"),
                QStringLiteral("--samples"),     QStringLiteral("4"),
                QStringLiteral("--context"),     QStringLiteral("32"),
                QStringLiteral("--threads"),     QStringLiteral("1")};
    }
    void useFake(const char* order) {
        options.quantizer.program = QStringLiteral(FAKE_QUANTIZER);
        options.quantizer.more = QStringList{QString::fromLatin1(order)};
    }
    void useReal() {
        options.quantizer.program = QStringLiteral(EDGECHAT_CLI);
        options.quantizer.more = quick();
    }

    void serve(SmallFamily family) {
        QTemporaryDir folder;
        writeSource(smallSource(family), folder.path().toStdString(), 2);
        fillRepository(hub.repository(), folder.path());
    }
    HubSimulator& server() { return hub.server(); }
    /// A `path` that begins a large file's name stands for it: the other host knows it by its digest.
    void fault(const char* text) {
        Fault fault = *Fault::read(QString::fromLatin1(text));
        for (const auto& [name, file] : hub.repository().files) {
            const bool meant = !fault.path.isEmpty() && name.startsWith(QString::fromLatin1(fault.path));
            if (meant && file.lfs) fault.path = sha256Of(file.content);
        }
        server().script(fault);
    }

    static jobs::JobRequest request(jobs::Method method = jobs::Method::awq) {
        jobs::JobRequest wanted;
        wanted.repository = QStringLiteral("org/tiny");
        wanted.method = method;
        return wanted;
    }

    /// A process that works on the jobs from now on.
    jobs::JobRunner& start() {
        runner = std::make_unique<jobs::JobRunner>(options);
        const Result<void> opened = runner->open();
        if (!opened) qFatal("%s", opened.error().message().c_str());
        return *runner;
    }
    /// The end of that process, as sudden as may be from within.
    void end() { runner.reset(); }
    qint64 add(const jobs::JobRequest& wanted = request()) {
        const Result<qint64> id = runner->add(wanted);
        if (!id) qFatal("%s", id.error().message().c_str());
        return *id;
    }
    jobs::Job job(qint64 id = 1) const { return runner->job(id) ? *runner->job(id) : jobs::Job(); }

    bool waitFor(jobs::Stage stage, qint64 id = 1) {
        const bool came = QTest::qWaitFor(
            [&] {
                const jobs::Job now = job(id);
                return now.stage == stage || now.isOver();
            },
            kPatience);
        const jobs::Job now = job(id);
        if (now.stage != stage)
            qWarning("%s: %s", jobs::stageName(now.stage), now.error.toUtf8().constData());
        return came && now.stage == stage;
    }
    /// Whether so many bytes of the second shard are on the disk.
    bool waitForPartial(qint64 bytes, qint64 id = 1) const {
        const QString file =
            jobs::sourceFolder(folder(id)) + QStringLiteral("/model-00002-of-00002.safetensors.partial");
        return QTest::qWaitFor([&] { return QFileInfo(file).size() == bytes; }, kPatience);
    }
    QString folder(qint64 id = 1) const { return jobs::jobFolder(options.workFolder, job(id)); }
    QString stored(const QString& name = QStringLiteral("tiny")) const {
        return options.storeFolder + u'/' + name;
    }
    /// What is on its way, but for the lock.
    QStringList leftovers() const {
        return QDir(options.workFolder).entryList(QDir::AllEntries | QDir::NoDotAndDotDot);
    }

    HubFixture hub;
    jobs::RunnerOptions options;
    std::unique_ptr<jobs::JobRunner> runner;
};

}  // namespace edgechat::testing
