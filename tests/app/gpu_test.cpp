#include "app/gpu.h"

#include <QSignalSpy>
#include <QTest>
#include <QThread>

#include <atomic>

using namespace edgechat::app;
using edgechat::inference::Device;
using edgechat::inference::cuda::CudaState;

namespace {

Gpu::Finding finding(CudaState state, bool expected) {
    Gpu::Finding found;
    found.probe.state = state;
    found.probe.detail = "The driver is too old.";
    found.probe.fix = "install a newer one";
    found.expected = expected;
    return found;
}

Gpu::Finding card() {
    Gpu::Finding found;
    found.probe.state = CudaState::ready;
    found.probe.device = "NVIDIA GeForce RTX 3060";
    found.probe.memory = 12'600'000'000;
    found.expected = true;
    return found;
}

QString descriptionOf(const Gpu::Finding& found) {
    Gpu gpu([found] { return found; });
    gpu.look();
    return QTest::qWaitFor([&] { return gpu.known(); }) ? gpu.description() : QString();
}

}  // namespace

class GpuTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void asksOnceAndOnAnotherThread() {
        std::atomic<int> asked = 0;
        std::atomic<QThread*> thread = nullptr;
        Gpu gpu([&] {
            ++asked;
            thread = QThread::currentThread();
            return card();
        });
        QSignalSpy changes(&gpu, &Gpu::changed);
        QCOMPARE(asked, 0);
        QVERIFY(!gpu.known());
        QVERIFY(!gpu.usable());
        QVERIFY(gpu.description().isEmpty());
        gpu.look();
        gpu.look();
        QVERIFY(!gpu.known());  // it waits for nobody
        QTRY_VERIFY(gpu.known());
        gpu.look();
        QVERIFY(gpu.usable());
        QCOMPARE(changes.size(), 1);
        QCOMPARE(asked, 1);
        QVERIFY(thread != QThread::currentThread());
    }

    void saysWhichOneItIs() {
        QCOMPARE(descriptionOf(card()),
                 QStringLiteral("The GPU here is NVIDIA GeForce RTX 3060 with 12.6 GB of memory."));
        Gpu::Finding board = card();
        board.probe.device = "Orin";
        board.probe.integrated = true;
        QCOMPARE(descriptionOf(board),
                 QStringLiteral("The GPU here is Orin, which shares the 12.6 GB of this machine's memory."));
    }

    void saysWhyThereIsNone() {
        QCOMPARE(descriptionOf(finding(CudaState::driverTooOld, true)),
                 QStringLiteral("The GPU cannot be used: The driver is too old. Install a newer "
                                "one."));
        Gpu::Finding bare = finding(CudaState::failed, true);
        bare.probe.fix.clear();
        QCOMPARE(descriptionOf(bare), QStringLiteral("The GPU cannot be used: The driver is too old."));
        QCOMPARE(descriptionOf(finding(CudaState::noDriver, false)),
                 QStringLiteral("There is no NVIDIA GPU in this machine."));
    }

    void theReasonIsToldToThoseWhomItConcerns() {
        const Gpu::Finding none = finding(CudaState::noDriver, false);
        const Gpu::Finding unused = finding(CudaState::noDriver, true);
        const QString reason = QStringLiteral("The driver is too old");
        const QString full = QStringLiteral("it is full");
        QCOMPARE(unusedGpuReason(Device::automatic, Device::cpu, none, {}), QString());
        QCOMPARE(unusedGpuReason(Device::automatic, Device::cpu, unused, {}), reason);
        QCOMPARE(unusedGpuReason(Device::cuda, Device::cpu, none, {}), reason);  // it was asked for
        QCOMPARE(unusedGpuReason(Device::cpu, Device::cpu, unused, {}), QString());
        QCOMPARE(unusedGpuReason(Device::reference, Device::reference, unused, {}), QString());
        QCOMPARE(unusedGpuReason(Device::automatic, Device::cuda, card(), full), QString());
        QCOMPARE(unusedGpuReason(Device::automatic, Device::cpu, card(), full), full);
        QCOMPARE(unusedGpuReason(Device::cuda, Device::cpu, card(), full), full);
        QVERIFY(!unusedGpuReason(Device::automatic, Device::cpu, card(), {}).isEmpty());
    }

    void aShortNameHasNoMaker() {
        QCOMPARE(shortGpuName("NVIDIA GeForce RTX 3060"), QStringLiteral("GeForce RTX 3060"));
        QCOMPARE(shortGpuName("Orin"), QStringLiteral("Orin"));
        QCOMPARE(shortGpuName("Quadro  P4000 "), QStringLiteral("Quadro P4000"));
    }
};

QTEST_GUILESS_MAIN(GpuTest)
#include "gpu_test.moc"
