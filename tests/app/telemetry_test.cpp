#include "app/telemetry/telemetry.h"

#include <QDir>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include <unistd.h>

#include <cmath>

using namespace edgechat::app;

/// A machine's files as folders and files of a test.
class FakeMachine {
  public:
    QString root() const { return m_folder.path(); }
    void write(const char* path, const QByteArray& content) const {
        const QString name = m_folder.path() + QString::fromLatin1(path);
        QDir().mkpath(QFileInfo(name).path());
        QFile file(name);
        if (!file.open(QIODevice::WriteOnly)) qFatal("cannot write %s", path);
        file.write(content);
    }
    void writeMemory(int totalMegabytes, int availableMegabytes) const {
        write("/proc/meminfo", "MemTotal:       " + QByteArray::number(totalMegabytes * 1000) +
                                   " kB\nMemFree: 1 kB\nMemAvailable:   " +
                                   QByteArray::number(availableMegabytes * 1000) + " kB\n");
    }
    void writeProcess(qint64 megabytes) const {
        write("/proc/self/statm",
              "99999 " + QByteArray::number(megabytes * 1'000'000 / 4096) + " 1 1 0 1 0\n");
    }
    void writeJetson() const {
        write("/proc/device-tree/compatible",
              QByteArray("nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0", 45));
        write("/sys/class/devfreq/13e10000.host1x/device/of_node/name", QByteArray("host1x\0", 7));
        write("/sys/class/devfreq/17000000.gpu/device/of_node/name", QByteArray("gpu\0", 4));
        write("/sys/class/devfreq/17000000.gpu/device/load", "437\n");
        write("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
        write("/sys/class/thermal/thermal_zone0/temp", "40000\n");
        write("/sys/class/thermal/thermal_zone8/type", "tj-thermal\n");
        write("/sys/class/thermal/thermal_zone8/temp", "51468\n");
        write("/sys/class/hwmon/hwmon0/name", "pwmfan\n");
        write("/sys/class/hwmon/hwmon1/name", "ina3221\n");
        write("/sys/class/hwmon/hwmon1/in1_label", "VDD_SOC\n");
        write("/sys/class/hwmon/hwmon1/in2_label", "VDD_IN\n");
        write("/sys/class/hwmon/hwmon1/in2_input", "5000\n");
        write("/sys/class/hwmon/hwmon1/curr2_input", "1640\n");
        write("/etc/nvpmodel.conf",
              "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n"
              "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< PM_CONFIG DEFAULT=1 >\n");
        write("/var/lib/nvpmodel/status", "pmode:0002");
    }

  private:
    QTemporaryDir m_folder;
};

class TelemetryTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void readsMemoryOfAnyMachine() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        machine.writeProcess(200);
        const SystemSample sample = SystemProbe(machine.root()).sample();
        QCOMPARE(sample.memoryTotal, 8000000 * Q_INT64_C(1024));
        QCOMPARE(sample.memoryAvailable, 5000000 * Q_INT64_C(1024));
        QCOMPARE(sample.processBytes / sysconf(_SC_PAGESIZE), 200 * 1'000'000 / 4096);
        QVERIFY(!sample.jetson);
        QCOMPARE(sample.gpuLoad, -1.0);
        QVERIFY(std::isnan(sample.temperature));
        QVERIFY(std::isnan(sample.power));
    }

    void readsTheRealMachine() {
        const SystemSample sample = SystemProbe().sample();
        QVERIFY(sample.processBytes > 1'000'000);
        QVERIFY(sample.memoryTotal > sample.memoryAvailable);
        QVERIFY(sample.memoryAvailable > 0);
    }

    void readsAJetsonsSensors() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        machine.writeJetson();
        SystemProbe probe(machine.root());
        const SystemSample sample = probe.sample();
        QVERIFY(sample.jetson);
        QCOMPARE(sample.gpuLoad, 0.437);
        QCOMPARE(sample.temperature, 51.468);
        QCOMPARE(sample.power, 8.2);  // 5 V * 1.64 A
        QCOMPARE(sample.powerMode, QStringLiteral("MAXN_SUPER"));
        QFile::remove(machine.root() + QStringLiteral("/var/lib/nvpmodel/status"));
        QCOMPARE(probe.sample().powerMode, QStringLiteral("25W"));  // the file's default
    }

    void aSensorThatDoesNotAnswerIsAbsentNotZero() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        machine.writeJetson();
        machine.write("/sys/class/thermal/thermal_zone8/temp", "");
        machine.write("/sys/class/hwmon/hwmon1/curr2_input", "");
        machine.write("/sys/class/devfreq/17000000.gpu/device/load", "what\n");
        const SystemSample sample = SystemProbe(machine.root()).sample();
        QVERIFY(std::isnan(sample.temperature));
        QVERIFY(std::isnan(sample.power));
        QCOMPARE(sample.gpuLoad, -1.0);
    }

    void findsAGpuThatAppearsLate() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        machine.write("/etc/nv_tegra_release", "# R36 (release), REVISION: 4.7\n");
        SystemProbe probe(machine.root());
        QCOMPARE(probe.sample().gpuLoad, -1.0);
        machine.write("/sys/devices/platform/gpu.0/load", "1000\n");
        QCOMPARE(probe.sample().gpuLoad, 1.0);
    }

    void nothingIsAnnouncedUnlessTheShownTextChanges() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        machine.writeProcess(200);
        Telemetry telemetry(machine.root());
        QSignalSpy memory(&telemetry, &Telemetry::memoryChanged);
        QTRY_COMPARE(telemetry.memoryAvailable(), Q_INT64_C(5'100'000'000));
        QCOMPARE(telemetry.processBytes(), 200'000'000);
        QCOMPARE(memory.size(), 1);
        machine.writeMemory(8000, 5010);  // still 5.1 GB
        telemetry.setBusy(true);
        QTest::qWait(700);
        QCOMPARE(memory.size(), 1);
        machine.writeMemory(8000, 4000);
        QTRY_COMPARE(memory.size(), 2);
        QCOMPARE(telemetry.memoryAvailable(), Q_INT64_C(4'100'000'000));
    }

    void nothingIsReadWhileTheWindowIsHidden() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        machine.writeProcess(200);
        Telemetry telemetry(machine.root());
        QTRY_VERIFY(telemetry.memoryAvailable() > 0);
        telemetry.setBusy(true);
        telemetry.setWindowVisible(false);
        QTest::qWait(50);  // a reading that was on its way arrives
        QSignalSpy memory(&telemetry, &Telemetry::memoryChanged);
        machine.writeMemory(8000, 1000);
        QTest::qWait(1200);
        QCOMPARE(memory.size(), 0);
        telemetry.setWindowVisible(true);
        QTRY_COMPARE(memory.size(), 1);
    }

    void ratesFollowTheAnswerAndStay() {
        FakeMachine machine;
        machine.writeMemory(8000, 5000);
        Telemetry telemetry(machine.root());
        TokenBuffer buffer;
        telemetry.watch(&buffer);
        buffer.begin();
        telemetry.beginAnswer();
        telemetry.setBusy(true);
        buffer.setPrefill(0, 10);
        buffer.setPrefill(10, 10);
        int generated = 0;
        QTRY_VERIFY_WITH_TIMEOUT((buffer.setGenerated(++generated), telemetry.rateHistory().size() >= 2),
                                 10000);
        QVERIFY(telemetry.decodeRate() > 0);
        telemetry.endAnswer(300.04, 25.26, 0.123);
        QCOMPARE(telemetry.prefillRate(), 300.0);
        QCOMPARE(telemetry.decodeRate(), 25.3);
        QCOMPARE(telemetry.timeToFirstToken(), 0.12);
        QSignalSpy rates(&telemetry, &Telemetry::ratesChanged);
        telemetry.setBusy(false);
        QTest::qWait(600);
        QCOMPARE(rates.size(), 0);
    }
};

QTEST_GUILESS_MAIN(TelemetryTest)
#include "telemetry_test.moc"
