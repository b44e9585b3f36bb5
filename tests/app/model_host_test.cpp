#include "app/model_host.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include "app/model_library.h"
#include "app/settings/settings.h"
#include "models/fit.h"
#include "models/jobs/job_folder.h"
#include "tests/app/fixture.h"
#include "tests/data/gguf_writer.h"
#include "tests/quant/small_source.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
namespace gguf = edgechat::testing;

class ModelHostTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_settings.emplace();
        m_inference = std::make_unique<InferenceThread>();
        m_host = std::make_unique<ModelHost>(*m_inference, *m_settings);
        m_tiny = m_home->path(QStringLiteral("tiny.gguf"));
        QVERIFY(gguf::writeTinyModel(m_tiny.toStdString()));
    }

    void cleanup() {
        m_host.reset();
        m_inference.reset();
        m_settings.reset();
    }

    void loadsAFileAndRemembersIt() {
        QCOMPARE(m_host->state(), ModelHost::None);
        QVERIFY(m_host->startup());
        m_host->load(m_tiny);
        QCOMPARE(m_host->state(), ModelHost::Loading);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QVERIFY(!m_host->startup());
        QCOMPARE(m_host->name(), QStringLiteral("tiny"));
        QCOMPARE(m_host->family(), QStringLiteral("LLaMA"));
        QVERIFY(m_host->device() == QStringLiteral("CPU") || m_host->onGpu());
        QVERIFY(m_host->deviceText().startsWith(m_host->device() + QStringLiteral(" \u00B7 ")));
        QCOMPARE(m_host->mainMemoryBytes(),
                 m_host->inGpuMemory() ? 0 : m_host->weightBytes() + m_host->kvBytes());
        QCOMPARE(m_host->contextSize(), 256);
        QVERIFY(m_host->weightBytes() > 0);
        QCOMPARE(m_settings->lastModel(), m_tiny);
        QCOMPARE(m_settings->recentFiles(), QStringList{m_tiny});
        m_host->unload();
        QTRY_COMPARE(m_host->state(), ModelHost::None);
        QCOMPARE(m_host->weightBytes(), 0);
    }

    void aMissingFileIsNamed() {
        m_host->load(m_home->path(QStringLiteral("gone.gguf")));
        QTRY_COMPARE(m_host->state(), ModelHost::Failed);
        QVERIFY2(m_host->problem().contains(QStringLiteral("gone.gguf")), qPrintable(m_host->problem()));
        QVERIFY2(m_host->problem().contains(QStringLiteral("not there")), qPrintable(m_host->problem()));
        QVERIFY(!m_host->problemFix().isEmpty());
    }

    void aModelWhoseFileGoesAwayStaysAndIsMissedAtTheNextLoad() {
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QVERIFY(QFile::remove(m_tiny));
        QCOMPARE(m_host->state(), ModelHost::Ready);
        m_host->retry();
        QTRY_COMPARE(m_host->state(), ModelHost::Failed);
        QVERIFY(m_host->problem().contains(QStringLiteral("not there")));
    }

    void aTruncatedFileIsNamed() {
        QFile file(m_tiny);
        QVERIFY(file.resize(file.size() / 2));
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Failed);
        QVERIFY2(m_host->problem().contains(QStringLiteral("it ends too early")),
                 qPrintable(m_host->problem()));
        QVERIFY(m_host->problemDetails().contains(m_tiny));
    }

    void anUnknownArchitectureIsNamed() {
        gguf::GgufWriter writer;
        writer.text("general.architecture", "rwkv7");
        QVERIFY(writer.write(m_tiny.toStdString()));
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Failed);
        QVERIFY2(m_host->problem().contains(QStringLiteral("rwkv7")), qPrintable(m_host->problemDetails()));
    }

    void aModelThatDoesNotFitSaysHowMuchIsNeeded() {
        m_settings->setContextTokens(1 << 20);
        gguf::TinyModelOptions large;
        large.layers = 24;
        large.kvHeads = 16;
        large.heads = 16;
        large.headSize = 256;
        large.context = 1 << 20;
        QVERIFY(gguf::writeTinyModel(m_tiny.toStdString(), large));
        m_host->load(m_tiny);
        QTRY_VERIFY(m_host->state() == ModelHost::Failed || m_host->state() == ModelHost::Ready);
        QCOMPARE(m_host->state(), ModelHost::Failed);  // 400 GB of KV cache
        QVERIFY2(m_host->problem().contains(QStringLiteral("does not fit in memory")),
                 qPrintable(m_host->problem()));
        QVERIFY2(m_host->problem().contains(QStringLiteral("GB")), qPrintable(m_host->problem()));
    }

    void aSettingThatActsAtLoadAsksForAReload() {
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QVERIFY(!m_host->reloadNeeded());
        m_settings->setKvInt8(true);
        QVERIFY(m_host->reloadNeeded());
        m_host->retry();
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QVERIFY(!m_host->reloadNeeded());
    }

    void theDeviceActsAtLoad() {
        m_settings->setDevice(Settings::Cpu);
        m_settings->setThreads(2);
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->device(), QStringLiteral("CPU"));
        QCOMPARE(m_host->deviceText(), QStringLiteral("CPU \u00B7 2 threads"));
        QVERIFY(m_host->gpuNote().isEmpty());  // nobody wanted it
        QVERIFY(!m_host->gpuNoteIsNew());
        QVERIFY(!m_host->reloadNeeded());
        m_settings->setDevice(Settings::Gpu);
        QVERIFY(m_host->reloadNeeded());
        m_settings->setDevice(Settings::Cpu);
        QVERIFY(!m_host->reloadNeeded());
        m_settings->setThreads(1);
        m_host->retry();
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->deviceText(), QStringLiteral("CPU \u00B7 1 thread"));
    }

    void aGpuThatWasChosenAndCannotBeUsedIsSpokenOfOnce() {
        const inference::cuda::CudaProbe& probe = inference::cuda::probeCuda();
        if (probe.state == inference::cuda::CudaState::ready) QSKIP("there is one");
        m_settings->setDevice(Settings::Gpu);
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->device(), QStringLiteral("CPU"));
        QVERIFY(!m_host->reloadNeeded());
        const QString note = m_host->gpuNote();
        QVERIFY2(note.startsWith(QStringLiteral("The GPU cannot be used: ")), qPrintable(note));
        QVERIFY2(note.endsWith(QStringLiteral(". Answers come from the CPU.")), qPrintable(note));
        QVERIFY2(!note.contains(QStringLiteral("..")), qPrintable(note));
        QVERIFY(m_host->gpuNoteIsNew());
        QSignalSpy spy(m_host.get(), &ModelHost::gpuNoteIsNewChanged);
        m_host->setGpuNoteSeen();
        QVERIFY(!m_host->gpuNoteIsNew());
        QCOMPARE(spy.size(), 1);
        m_host->retry();
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QVERIFY(!m_host->gpuNoteIsNew());
        QCOMPARE(m_host->gpuNote(), note);  // for who asks
        // Chosen again, it is news again.
        m_settings->setDevice(Settings::Automatic);
        m_settings->setDevice(Settings::Gpu);
        m_host->retry();
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QVERIFY(m_host->gpuNoteIsNew());
        m_host->unload();
        QTRY_COMPARE(m_host->state(), ModelHost::None);
        QVERIFY(!m_host->gpuNoteIsNew());
        QVERIFY(m_host->gpuNote().isEmpty());
    }

    void aGpuThatIsTooSmallIsOfferedASmallerContext() {
        m_settings->setDevice(Settings::Cpu);
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->fittingContext(), 0);
        // As if a GPU had refused it.
        LoadedModel model;
        model.gpuReason = QStringLiteral("it is full");
        model.gpuContext = 1024;
        QSignalSpy offered(m_host.get(), &ModelHost::fittingContextChanged);
        Q_EMIT m_inference->loaded(model);
        QCOMPARE(m_host->fittingContext(), 1024);
        QCOMPARE(offered.size(), 1);
        QCOMPARE(m_host->gpuNote(),
                 QStringLiteral("The GPU cannot be used: it is full. Answers come from the "
                                "CPU. With a context of %1 tokens the model fits on the GPU.")
                     .arg(QLocale().toString(1024)));
        m_host->useFittingContext();
        QCOMPARE(m_host->state(), ModelHost::Loading);
        QCOMPARE(m_host->fittingContext(), 0);
        QVERIFY(m_host->settings()->isOwn(ModelSettings::Context));
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->contextSize(), 1024);
        // Without an offer nothing is loaded.
        m_host->useFittingContext();
        QCOMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->contextSize(), 1024);
    }

    void aModelThatFitsNowhereIsToldTheFiguresAndOfferedAContext() {
        m_settings->setDevice(Settings::Cpu);
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        LoadFailure failure;
        failure.error.code = ErrorCode::doesNotFit;
        failure.shortage = {8'900'000'000, 7'600'000'000, 512, true};
        Q_EMIT m_inference->loadFailed(failure);
        QCOMPARE(
            m_host->problem(),
            QStringLiteral("tiny does not fit in memory, neither in the GPU's nor in the computer's: on the "
                           "GPU it needs 8.9 GB, and 7.6 GB are available."));
        QVERIFY2(m_host->problemFix().startsWith(QStringLiteral("Set the context to 512 tokens or fewer")),
                 qPrintable(m_host->problemFix()));
        QCOMPARE(m_host->fittingContext(), 512);
        m_host->useFittingContext();
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->contextSize(), 512);
        failure.shortage = {8'900'000'000, 7'600'000'000, 0, false};
        Q_EMIT m_inference->loadFailed(failure);
        QCOMPARE(m_host->problem(),
                 QStringLiteral("tiny does not fit in memory: it needs 8.9 GB, and 7.6 GB are available."));
        QCOMPARE(m_host->fittingContext(), 0);
    }

    void theModelsOwnContextIsLoadedAndAsksForAReload() {
        ModelSettings own(*m_settings);
        own.setModel(m_tiny, QStringLiteral("tiny"));
        own.setContextTokens(512);
        m_host->load(m_tiny);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->contextSize(), 512);
        QVERIFY(!m_host->reloadNeeded());
        m_settings->setContextTokens(1024);  // it has its own
        QVERIFY(!m_host->reloadNeeded());
        own.setContextTokens(256);
        QVERIFY(m_host->reloadNeeded());
        own.setContextTokens(512);
        QVERIFY(!m_host->reloadNeeded());
        own.follow(ModelSettings::Context);
        QVERIFY(m_host->reloadNeeded());
        m_host->retry();
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->contextSize(), 1024);
        m_host->unload();
        QTRY_COMPARE(m_host->state(), ModelHost::None);
        QVERIFY(m_host->settings()->path().isEmpty());
    }

    void whatWasToldBeforeTheDownloadIsWhatItTakes() {
        QTemporaryDir folder;
        edgechat::testing::writeSource(
            edgechat::testing::smallSource(edgechat::testing::SmallFamily::mistral),
            folder.path().toStdString());
        // From configuration and sizes alone, as for a model that is not here yet.
        const auto plan = models::jobs::planFolder(folder.path(), std::nullopt);
        QVERIFY(plan && plan->exact);
        const models::MemoryFit fit = models::memoryFit(*plan, 512, inference::KvKind::fp16, 1u << 30);
        m_settings->setContextTokens(512);
        m_host->load(folder.path());
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->expectedBytes(), static_cast<qint64>(fit.weights + fit.kv + fit.scratch));
        QCOMPARE(m_host->weightBytes(), static_cast<qint64>(fit.weights));
        QVERIFY(m_host->residentBefore() > 0);
    }

    void ofTwoLoadsTheLastOneCounts() {
        const QString second = m_home->path(QStringLiteral("second.gguf"));
        QVERIFY(gguf::writeTinyModel(second.toStdString()));
        QSignalSpy states(m_host.get(), &ModelHost::stateChanged);
        m_host->load(m_tiny);
        m_host->load(second);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->path(), second);
        QCOMPARE(states.size(), 2);
    }

    void theLibraryImportsRemovesAndBringsBack() {
        ModelLibrary library(*m_host, *m_settings);
        QAbstractItemModelTester tester(&library, QAbstractItemModelTester::FailureReportingMode::QtTest);
        QSignalSpy imported(&library, &ModelLibrary::imported);
        library.importPath(QUrl::fromLocalFile(m_tiny));
        QVERIFY(library.importing());
        QTRY_COMPARE(imported.size(), 1);
        QTRY_COMPARE(library.count(), 1);
        QVERIFY(!library.importing());
        const QString name = imported[0][0].toString();
        QCOMPARE(library.data(library.index(0), ModelLibrary::NameRole).toString(), name);
        QVERIFY(library.data(library.index(0), ModelLibrary::InStoreRole).toBool());
        QVERIFY(!library.data(library.index(0), ModelLibrary::LoadedRole).toBool());

        m_host->load(name);
        QTRY_COMPARE(m_host->state(), ModelHost::Ready);
        QCOMPARE(m_host->name(), name);
        QVERIFY(library.data(library.index(0), ModelLibrary::LoadedRole).toBool());

        library.remove(name);
        QTRY_COMPARE(library.count(), 0);
        QVERIFY(library.canUndoRemove());
        QCOMPARE(library.removedName(), name);
        library.undoRemove();
        QTRY_COMPARE(library.count(), 1);
        QVERIFY(!library.canUndoRemove());
        library.finish();
    }

    void anImportThatFailsSaysWhy() {
        ModelLibrary library(*m_host, *m_settings);
        QFile file(m_tiny);
        QVERIFY(file.resize(100));
        library.importPath(m_tiny);
        QTRY_VERIFY(!library.importing());
        QTRY_VERIFY(library.problem().contains(QStringLiteral("tiny.gguf")));
        QVERIFY(!library.problemDetails().isEmpty());
    }

  private:
    std::optional<Home> m_home;
    std::optional<Settings> m_settings;
    std::unique_ptr<InferenceThread> m_inference;
    std::unique_ptr<ModelHost> m_host;
    QString m_tiny;
};

QTEST_MAIN(ModelHostTest)
#include "model_host_test.moc"
