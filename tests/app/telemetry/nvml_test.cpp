// What is shown of a PC's GPU, with a fake of NVIDIA's library.
#include "app/telemetry/nvml.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include <dlfcn.h>

#include <cmath>

#include "app/telemetry/telemetry.h"
#include "tests/app/telemetry/fake_nvml.h"

using namespace edgechat::app;

class NvmlTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase() {
        void* const library = dlopen(FAKE_NVML, RTLD_NOW);
        QVERIFY2(library != nullptr, dlerror());
        m_fake = static_cast<FakeNvml*>(dlsym(library, "fakeNvml"));
        QVERIFY(m_fake != nullptr);
    }
    void init() { *m_fake = FakeNvml(); }
    void cleanup() { QCOMPARE(m_fake->started, 0); }

    void readsEverything() {
        const auto nvml = Nvml::open(m_library, QString());
        QVERIFY(nvml != nullptr);
        const GpuSample sample = nvml->sample();
        QCOMPARE(sample.load, 0.37);
        QCOMPARE(sample.temperature, 61.0);
        QCOMPARE(sample.power, 123.4);
        QCOMPARE(sample.memoryUsed, Q_INT64_C(3'000'000'000));
        QCOMPARE(sample.memoryTotal, Q_INT64_C(12'000'000'000));
        QCOMPARE(m_fake->busCalls, 0);
        m_fake->load = 100;
        QCOMPARE(nvml->sample().load, 1.0);
    }

    void aCallThatFailsLeavesTheOthers() {
        const auto nvml = Nvml::open(m_library, QString());
        m_fake->loadFails = true;
        QCOMPARE(nvml->sample().load, -1.0);
        QCOMPARE(nvml->sample().power, 123.4);
        m_fake->powerFails = true;
        QVERIFY(std::isnan(nvml->sample().power));
        QCOMPARE(nvml->sample().memoryTotal, Q_INT64_C(12'000'000'000));
        m_fake->memoryFails = true;
        QCOMPARE(nvml->sample().memoryTotal, Q_INT64_C(0));
        QCOMPARE(nvml->sample().memoryUsed, Q_INT64_C(0));
        QCOMPARE(nvml->sample().temperature, 61.0);
        m_fake->newTemperatureFails = true;
        QCOMPARE(nvml->sample().temperature, 62.0);  // by the older call
        m_fake->oldTemperatureFails = true;
        QVERIFY(std::isnan(nvml->sample().temperature));
    }

    void findsTheGpuByItsBus() {
        QVERIFY(Nvml::open(m_library, QStringLiteral("0000:01:00.0")) != nullptr);
        QCOMPARE(m_fake->indexCalls, 0);
        QVERIFY(Nvml::open(m_library, QStringLiteral("0000:02:00.0")) == nullptr);
    }

    void whatCannotBeMeasuredIsNoGpu() {
        QVERIFY(Nvml::open(QStringLiteral("/nowhere/libnvidia-ml.so.1"), QString()) == nullptr);
        m_fake->initFails = true;
        QVERIFY(Nvml::open(m_library, QString()) == nullptr);
        m_fake->initFails = false;
        m_fake->name = "Orin (nvgpu)";
        QVERIFY(Nvml::open(m_library, QString()) == nullptr);
        m_fake->nameFails = true;
        QVERIFY(Nvml::open(m_library, QString()) != nullptr);
        // Another library altogether.
        QVERIFY(Nvml::open(QStringLiteral("libc.so.6"), QString()) == nullptr);
    }

    void theProbeAddsThePcsGpu() {
        QTemporaryDir root;
        SystemProbe probe(root.path(), m_library);
        SystemSample sample = probe.sample();
        QVERIFY(!sample.jetson);
        QCOMPARE(sample.gpuLoad, 0.37);
        QCOMPARE(sample.temperature, 61.0);
        QCOMPARE(sample.power, 123.4);
        QCOMPARE(sample.gpuMemoryUsed, Q_INT64_C(3'000'000'000));
        QCOMPARE(sample.gpuMemoryTotal, Q_INT64_C(12'000'000'000));
        probe.setGpuBus(QStringLiteral("0000:09:00.0"));
        sample = probe.sample();
        QCOMPARE(sample.gpuLoad, -1.0);
        QCOMPARE(sample.gpuMemoryTotal, Q_INT64_C(0));
        probe.setGpuBus(QStringLiteral("0000:01:00.0"));
        QCOMPARE(probe.sample().gpuLoad, 0.37);
    }

    void aJetsonsOwnFilesCount() {
        QTemporaryDir root;
        QDir().mkpath(root.path() + QStringLiteral("/etc"));
        QFile release(root.path() + QStringLiteral("/etc/nv_tegra_release"));
        QVERIFY(release.open(QIODevice::WriteOnly));
        release.close();
        const SystemSample sample = SystemProbe(root.path(), m_library).sample();
        QVERIFY(sample.jetson);
        QCOMPARE(sample.gpuLoad, -1.0);
        QCOMPARE(sample.gpuMemoryTotal, Q_INT64_C(0));
        QCOMPARE(m_fake->indexCalls, 0);
    }

    void withoutALibraryNothingIsAsked() {
        QTemporaryDir root;
        QCOMPARE(SystemProbe(root.path()).sample().gpuLoad, -1.0);
    }

    void showsMemoryAndTheEnergyOfAnAnswer() {
        QTemporaryDir root;
        Telemetry telemetry(root.path(), nullptr, m_library);
        QTRY_COMPARE(telemetry.gpuMemoryTotal(), Q_INT64_C(12'000'000'000));
        QCOMPARE(telemetry.gpuMemoryUsed(), Q_INT64_C(3'000'000'000));
        QCOMPARE(telemetry.power(), 123.4);
        QVERIFY(std::isnan(telemetry.energyPerToken()));
        TokenBuffer buffer;
        telemetry.watch(&buffer);
        buffer.begin();
        telemetry.beginAnswer();
        telemetry.setBusy(true);
        m_fake->load = 80;
        QTRY_COMPARE(telemetry.gpuLoad(), 0.8);  // it was measured
        buffer.setGenerated(10);
        telemetry.endAnswer(1, 1, 1);
        QVERIFY(telemetry.energyPerToken() >= 0);
        telemetry.beginAnswer();
        QVERIFY(std::isnan(telemetry.energyPerToken()));
    }

  private:
    const QString m_library = QStringLiteral(FAKE_NVML);
    FakeNvml* m_fake = nullptr;
};

QTEST_GUILESS_MAIN(NvmlTest)
#include "nvml_test.moc"
