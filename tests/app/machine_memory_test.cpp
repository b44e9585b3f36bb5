// Whose memory counts, and what a load that did not fit is offered, beside invented GPUs.
#include "app/machine_memory.h"

#include <QSignalSpy>
#include <QTest>

#include "app/context_memory.h"
#include "app/memory_shortage.h"
#include "app/model_host.h"
#include "inference/cuda/cuda.h"
#include "models/catalog.h"
#include "tests/app/fixture.h"
#include "tests/data/gguf_writer.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
using inference::KvKind;
using inference::cuda::CudaState;

namespace {

constexpr uint64_t kMainFree = 6'000'000'000;
constexpr uint64_t kCardFree = 3'000'000'000;

Gpu::Finding card() {
    Gpu::Finding found;
    found.probe.state = CudaState::ready;
    found.probe.memory = 8'000'000'000;
    found.free = kCardFree;
    return found;
}

Gpu::Finding board() {
    Gpu::Finding found = card();
    found.probe.integrated = true;
    return found;
}

/// 7.2 billion weights whose cache takes 131,072 bytes a token; trained for 32,768.
std::shared_ptr<const inference::Checkpoint> mistral() {
    const Result<std::vector<models::CatalogEntry>> entries = models::builtInCatalog();
    for (const models::CatalogEntry& entry : *entries) {
        if (entry.id == QLatin1String("mistral-7b-instruct-v0.3"))
            return models::planModel(entry.modelFiles(), entry.config, {}, quant::Recipe{})->loaded;
    }
    return nullptr;
}

}  // namespace

class MachineMemoryTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_settings.emplace();
        m_inference.emplace();
        m_host.emplace(*m_inference, *m_settings);
    }

    void cleanup() {
        m_host.reset();
        m_inference.reset();
        m_settings.reset();
    }

    void whatCountsFollowsTheChoiceAndTheGpu() {
        const HeldMemory held{100, 20};
        const Gpu::Finding full = card(), shared = board();
        Gpu::Finding broken = card();
        broken.probe.state = CudaState::driverTooOld;
        Gpu::Finding silent = card();
        silent.free = 0;
        const models::FreeMemory alone{kMainFree + 100, {}};
        for (const Settings::Device wanted : {Settings::Automatic, Settings::Gpu}) {
            QCOMPARE(freeMemory(wanted, nullptr, kMainFree, held), alone);
            QCOMPARE(freeMemory(wanted, &broken, kMainFree, held), alone);
            QCOMPARE(freeMemory(wanted, &silent, kMainFree, held), alone);
            QCOMPARE(freeMemory(wanted, &full, kMainFree, held),
                     (models::FreeMemory{kMainFree + 100, models::FreeMemory::Gpu{kCardFree + 20, true}}));
            // It has no memory of its own: what the model held was the processor's.
            QCOMPARE(freeMemory(wanted, &shared, kMainFree, {100, 0}),
                     (models::FreeMemory{kMainFree + 100, models::FreeMemory::Gpu{kMainFree + 100, false}}));
        }
        for (const Gpu::Finding& gpu : {full, shared, broken})
            QCOMPARE(freeMemory(Settings::Cpu, &gpu, kMainFree, held), alone);
    }

    void theGpuIsAskedOnlyWhereItIsWantedAndEachTime() {
        std::atomic<int> asked = 0;
        std::atomic<uint64_t> free = kCardFree;
        Gpu gpu([&] {
            ++asked;
            Gpu::Finding found = card();
            found.free = free;
            return found;
        });
        MachineMemory memory(*m_settings, *m_host, gpu, [] { return kMainFree; });
        QSignalSpy measured(&memory, &MachineMemory::measured);
        m_settings->setDevice(Settings::Cpu);
        memory.measure();
        QCOMPARE(measured.size(), 1);
        QCOMPARE(memory.free(), (models::FreeMemory{kMainFree, {}}));
        QCOMPARE(asked, 0);

        // Until the GPU is known the processor's memory counts, and nobody waits.
        m_settings->setDevice(Settings::Automatic);
        memory.measure();
        QCOMPARE(measured.size(), 2);
        QVERIFY(!memory.free().gpu);
        QTRY_COMPARE(measured.size(), 3);
        QCOMPARE(memory.free(), (models::FreeMemory{kMainFree, models::FreeMemory::Gpu{kCardFree, true}}));

        free = kCardFree / 2;
        memory.measure();
        QCOMPARE(measured.size(), 3);  // the old figure is no answer
        QTRY_COMPARE(measured.size(), 4);
        QCOMPARE(memory.free().gpu->bytes, kCardFree / 2);
        QCOMPARE(asked, 2);
    }

    void whatTheLoadedModelGivesBackIsOfTheMemoryItLiesIn() {
        Gpu gpu([] { return card(); });
        MachineMemory memory(*m_settings, *m_host, gpu, [] { return kMainFree; });
        QSignalSpy measured(&memory, &MachineMemory::measured);
        LoadedModel model;
        model.weightBytes = 700;
        model.kvBytes = 50;
        model.expectedBytes = 770;
        const auto freeWith = [&] {
            measured.clear();
            Q_EMIT m_inference->loaded(model);
            memory.measure();
            return QTest::qWaitFor([&] { return gpu.known() && !measured.empty(); }) ? memory.free()
                                                                                     : models::FreeMemory();
        };
        gpu.look();
        QTRY_VERIFY(gpu.known());
        QVERIFY(measured.empty());  // who asked was somebody else
        QCOMPARE(freeWith(), (models::FreeMemory{kMainFree + 750, models::FreeMemory::Gpu{kCardFree, true}}));
        model.inGpuMemory = true;
        QCOMPARE(freeWith(), (models::FreeMemory{kMainFree, models::FreeMemory::Gpu{kCardFree + 770, true}}));
    }

    void theContextOfAModelIsComparedWithItsDevice() {
        const QString tiny = m_home->path(QStringLiteral("tiny.gguf"));
        QVERIFY(edgechat::testing::writeTinyModel(tiny.toStdString()));
        const auto checkpoint = inference::Checkpoint::open(tiny.toStdString());
        QVERIFY(bool(checkpoint));
        const uint64_t needed = inference::cuda::planCudaMemory(**checkpoint, 256, KvKind::fp16).total();
        std::atomic<uint64_t> free = needed;
        Gpu gpu([&] {
            Gpu::Finding found = card();
            found.free = free;
            return found;
        });
        MachineMemory machine(*m_settings, *m_host, gpu, [] { return kMainFree; });
        ModelSettings settings(*m_settings);
        ContextMemory memory(settings, machine);
        settings.setModel(tiny, QStringLiteral("tiny"));
        memory.measure();
        QTRY_VERIFY(memory.known() && memory.inGpuMemory());
        QVERIFY(memory.fits());
        QCOMPARE(memory.availableBytes(), static_cast<double>(needed));
        QCOMPARE(memory.totalBytes(), static_cast<double>(needed));
        QCOMPARE(memory.largestContext(), 256);
        QCOMPARE(memory.gpuNeededBytes(), 0.0);

        free = needed - 1;
        machine.measure();
        QTRY_VERIFY(!memory.inGpuMemory());
        QVERIFY(memory.fits());
        QCOMPARE(memory.availableBytes(), static_cast<double>(kMainFree));
        QCOMPARE(memory.gpuNeededBytes(), static_cast<double>(needed));
        QCOMPARE(memory.gpuFreeBytes(), static_cast<double>(needed - 1));
        QCOMPARE(memory.gpuContext(), 0);  // it was trained for 256 tokens, and less is not offered

        m_settings->setDevice(Settings::Cpu);
        machine.measure();
        QCOMPARE(memory.gpuNeededBytes(), 0.0);
        QCOMPARE(memory.availableBytes(), static_cast<double>(kMainFree));
    }

    void aCardIsOfferedTheLargestContextThatItHolds() {
        const auto model = mistral();
        QVERIFY(model);
        const auto planned = [&](int context) {
            return inference::cuda::planCudaMemory(*model, context, KvKind::fp16).total();
        };
        const MemoryShortage lacks = gpuShortage(*model, 4096, KvKind::fp16, {planned(4096) - 1, true});
        QVERIFY(lacks.lacks() && lacks.inGpuMemory);
        QCOMPARE(lacks.neededBytes, static_cast<qint64>(planned(4096)));
        QCOMPARE(lacks.availableBytes, static_cast<qint64>(planned(4096) - 1));
        QCOMPARE(lacks.fittingContext, 3584);  // 4,032 fit: seven times 512
        // Memory that all programs share: by halving.
        QCOMPARE(gpuShortage(*model, 4096, KvKind::fp16, {planned(4096) - 1, false}).fittingContext, 2048);
        QCOMPARE(gpuShortage(*model, 4096, KvKind::fp16, {planned(512), true}).fittingContext, 512);
        QCOMPARE(gpuShortage(*model, 4096, KvKind::fp16, {planned(512) - 1, true}).fittingContext, 0);
        QCOMPARE(gpuShortage(*model, 4096, KvKind::fp16, {planned(256), false}).fittingContext, 0);
        QVERIFY(!gpuShortage(*model, 4096, KvKind::fp16, {planned(4096), true}).lacks());
        // What fits and was not wanted is no offer.
        QCOMPARE(gpuShortage(*model, 512, KvKind::fp16, {planned(4096), true}).fittingContext, 0);
    }

    void aLoadThatFailedIsToldTheFiguresOfTheDeviceThatWasWanted() {
        const auto model = mistral();
        QVERIFY(model);
        const uint64_t needed = inference::planMemory(*model, 4096, KvKind::fp16).total();
        const MemoryShortage cpu = loadShortage(*model, 4096, KvKind::fp16, {needed - 1, {}});
        QCOMPARE(cpu.neededBytes, static_cast<qint64>(needed));
        QCOMPARE(cpu.availableBytes, static_cast<qint64>(needed - 1));
        QCOMPARE(cpu.fittingContext, 2048);
        QVERIFY(!cpu.inGpuMemory);

        const uint64_t onGpu = inference::cuda::planCudaMemory(*model, 4096, KvKind::fp16).total();
        const MemoryShortage gpu =
            loadShortage(*model, 4096, KvKind::fp16, {needed - 1, models::FreeMemory::Gpu{onGpu - 1, true}});
        QCOMPARE(gpu.neededBytes, static_cast<qint64>(onGpu));
        QCOMPARE(gpu.availableBytes, static_cast<qint64>(onGpu - 1));
        QCOMPARE(gpu.fittingContext, 3584);
        QVERIFY(gpu.inGpuMemory);
        // A card that holds no context leaves it to the processor.
        const MemoryShortage small = loadShortage(*model, 4096, KvKind::fp16,
                                                  {needed - 1, models::FreeMemory::Gpu{2'000'000'000, true}});
        QCOMPARE(small.availableBytes, Q_INT64_C(2'000'000'000));
        QCOMPARE(small.fittingContext, 2048);
    }

  private:
    std::optional<Home> m_home;
    std::optional<Settings> m_settings;
    std::optional<InferenceThread> m_inference;
    std::optional<ModelHost> m_host;
};

QTEST_MAIN(MachineMemoryTest)
#include "machine_memory_test.moc"
