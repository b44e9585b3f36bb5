// One file through many breaks at random places: EDGECHAT_INTERRUPTIONS sets how many (1000), EDGECHAT_SEED
// which (printed).
#include <QRandomGenerator>
#include <algorithm>
#include <functional>
#include <map>
#include <vector>

#include "tests/models/hub/fixture.h"

using namespace edgechat::testing;

namespace {

constexpr qint64 kFileBytes = qint64{16} << 20;
const QString kName = QStringLiteral("model-00001-of-00002.safetensors");

/// The most that the kernel holds of one connection, on both sides.
qint64 kernelBufferBytes() {
    qint64 bytes = 0;
    for (const char* name : {"tcp_rmem", "tcp_wmem"}) {  // least, usual, most
        const QByteArray sizes = contentOf(QStringLiteral("/proc/sys/net/ipv4/") + QLatin1String(name));
        bytes += std::max(sizes.simplified().split(' ').value(2).toLongLong(), qint64{6} << 20);
    }
    return bytes;
}

/// What a reset, a pause or an end of the process may cost, and nothing else: the client's own buffers and
/// the kernel's.
qint64 overlapBytes() {
    return 2 * edgechat::models::hub::kReadBufferBytes + kernelBufferBytes();
}

int fromEnvironment(const char* name, int fallback) {
    const int value = qEnvironmentVariableIntValue(name);
    return value > 0 ? value : fallback;
}

/// Which requests are Qt's own. It asks once more when a connection closes early, and may then throw away
/// what had come, or what comes. The client goes by way of the Hub each time.
std::vector<bool> findQtsOwn(const QList<RecordedRequest>& requests) {
    std::map<QByteArray, int> sent;  // by the Hub to the other host, by range
    std::vector<bool> own;
    for (const RecordedRequest& one : requests) {
        int& count = sent[one.range];
        const bool body = one.method == "GET" && one.server == "cdn";
        own.push_back(body && count == 0);
        if (one.method == "GET" && one.server == "hub") count++;
        if (body && count > 0) count--;
    }
    return own;
}

}  // namespace

class InterruptionTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void randomBreaksEndWithTheRightFile() {
        const int breaks = fromEnvironment("EDGECHAT_INTERRUPTIONS", 1000);
        const quint32 seed = static_cast<quint32>(fromEnvironment("EDGECHAT_SEED", 20250301));
        qInfo("%d breaks, seed %u", breaks, seed);
        QRandomGenerator random(seed);
        const qint64 overlap = overlapBytes();
        HubFixture fixture;
        fixture.settings.times.idle = 1'000;
        fixture.settings.times.attempts = 1000;
        fixture.repository().files[kName] = {someBytes(kFileBytes, seed), true};
        const hub::TransferRequest request = fixture.request(kName);
        const QByteArray path = "xet/" + request.identity.sha256;

        int done = 0, network = 0, pauses = 0, processes = 0;
        struct Break {
            qsizetype before = 0;  ///< requests that were over when it was chosen
            qint64 overlap = 0;    ///< bytes that it may cost
        };
        std::vector<Break> chosen;
        qint64 breakAt = -1;  // bytes on disk at which the person or the process breaks off
        bool isPause = false;
        Ended ended;
        std::unique_ptr<hub::Transfer> transfer;
        // Chooses the break that the next request meets. Called before that request begins.
        const auto scriptNext = [&] {
            fixture.server().clearScript();
            breakAt = -1;
            chosen.push_back({fixture.server().requests().size(), 0});
            if (done == breaks) return;
            done++;
            // A part of what is left, so that the file is not whole before all breaks have been, however late
            // this process gets its turn.
            const qint64 onDisk = QFileInfo(request.target + QStringLiteral(".partial")).size();
            const qint64 step = std::max<qint64>(4, (kFileBytes - onDisk) / (breaks - done + 20));
            const qint64 after = random.bounded(static_cast<int>(step));
            const int kind = static_cast<int>(random.bounded(8));
            if (kind >= 5) {
                chosen.back().overlap = overlap;
                breakAt = (transfer ? transfer->done() : 0) + after;
                isPause = kind == 5;
                // Now and then at full speed, with more in the buffers.
                const bool fast = done % 100 == 50;
                Fault end;
                end.kind = Fault::Kind::stall;
                end.path = path;
                end.method = "GET";
                end.bytes = after + (fast ? 8 : 1) * step;
                end.times = -1;
                fixture.server().script(end);
                if (fast) return;
                Fault slow;
                slow.kind = Fault::Kind::slow;
                slow.path = path;
                slow.bytes = step / 4 + 1;
                return fixture.server().script(slow);
            }
            const Fault::Kind kinds[] = {Fault::Kind::cut, Fault::Kind::reset, Fault::Kind::cut,
                                         Fault::Kind::status, Fault::Kind::wrongRange};
            Fault fault;
            // Silence takes its time, so it is rare.
            fault.kind = done % 100 == 0 ? Fault::Kind::stall : kinds[kind];
            fault.path = path;
            fault.method = "GET";
            fault.status = 503;
            fault.bytes = after + 1;
            fault.times = -1;  // Qt's own second attempt meets it, too
            if (fault.kind == Fault::Kind::reset) chosen.back().overlap = overlap;
            fixture.server().script(fault);
            network++;
        };
        std::function<void()> startProcess;
        const auto onProgress = [&] {
            if (breakAt < 0 || transfer->done() < breakAt || transfer->done() == kFileBytes) return;
            breakAt = -1;
            QTimer::singleShot(0, &fixture.session(), [&] {
                if (ended.over()) return;
                if (!isPause) return startProcess();
                pauses++;
                transfer->pause();
                scriptNext();
                transfer->resume();
            });
        };
        startProcess = [&] {
            if (transfer) processes++;
            transfer.reset();
            transfer = std::make_unique<hub::Transfer>(fixture.session(), request);
            QObject::connect(transfer.get(), &hub::Transfer::retrying, transfer.get(), scriptNext);
            QObject::connect(transfer.get(), &hub::Transfer::progressed, transfer.get(), onProgress);
            HubFixture::watch(*transfer, ended);
            // Of the bytes on the disk, which a new process sees only after it has hashed them.
            scriptNext();
            if (breakAt >= 0) breakAt += QFileInfo(request.target + QStringLiteral(".partial")).size();
            transfer->start();
        };
        startProcess();
        // Hundreds of connections: on a busy machine they take their time.
        QVERIFY(runUntil([&ended] { return ended.over(); }, 10 * kPatience));
        QVERIFY2(ended.finished, qPrintable(ended.why()));
        QCOMPARE(ended.sha256, request.identity.sha256);
        QCOMPARE(sha256Of(contentOf(request.target)), request.identity.sha256);
        qInfo("%d breaks: %d of the network, %d pauses, %d new processes", done, network, pauses, processes);

        // What came after a break begins where the bytes on the disk end: by the requests themselves.
        const QList<RecordedRequest>& requests = fixture.server().requests();
        qint64 wasted = 0, most = 0, end = 0, allowed = 0;
        const std::vector<bool> own = findQtsOwn(requests);
        const auto qtsOwn = static_cast<int>(std::count(own.begin(), own.end(), true));
        auto next = chosen.begin();
        for (qsizetype i = 0; i < requests.size(); i++) {
            // The breaks before this request; what they may cost is spent by the next one that brings bytes.
            for (; next != chosen.end() && next->before <= i; ++next)
                if (next != chosen.begin()) allowed = std::max(allowed, std::prev(next)->overlap);
            const RecordedRequest& one = requests[i];
            if (one.method != "GET" || one.server != "cdn" || one.status > 206) continue;
            const bool isOwn = own[static_cast<size_t>(i)];
            if (isOwn) allowed = overlap;
            const qint64 first = one.range.isEmpty() ? 0 : one.range.mid(6).chopped(1).toLongLong();
            QVERIFY2(first <= end, "a hole");
            QVERIFY2(end - first <= allowed,
                     qPrintable(QStringLiteral("%1 bytes came twice").arg(end - first)));
            if (one.first != first) continue;  // a wrong range, of which nothing is taken
            wasted += end - first;
            most = std::max(most, end - first);
            end = isOwn ? std::max(end, first + one.sent) : first + one.sent;
            allowed = isOwn ? overlap : 0;
        }
        qInfo("%lld bytes of %lld were fetched twice, at most %lld after one break, Qt repeated %d requests",
              static_cast<long long>(wasted), static_cast<long long>(kFileBytes),
              static_cast<long long>(most), qtsOwn);
        QCOMPARE(done, breaks);
        QVERIFY2(qtsOwn < breaks / 4, "most requests are the client's own");
        QVERIFY(network > breaks / 4 && pauses > breaks / 20 && processes > breaks / 20);
    }

    void aConnectionThatIsClosedCostsNothing() {
        HubFixture fixture;
        fixture.settings.times.attempts = 1000;
        fixture.repository().files[kName] = {someBytes(3'000'000, 9), true};
        const hub::TransferRequest request = fixture.request(kName);
        QRandomGenerator random(7);
        for (int i = 0; i < 40; i++) {
            Fault fault;
            fault.kind = Fault::Kind::cut;
            fault.host = "cdn";
            fault.bytes = random.bounded(100'000);
            fixture.server().script(fault);
        }
        const Ended ended = fixture.transfer(request);
        QVERIFY2(ended.finished, qPrintable(ended.why()));
        const std::vector<bool> own = findQtsOwn(fixture.server().requests());
        const auto qtsOwn = static_cast<int>(std::count(own.begin(), own.end(), true));
        // Every attempt was broken off before byte 100,000, so that is what one of Qt's can cost twice.
        const qint64 overlap = 2 * 100'000 * qtsOwn;
        QVERIFY(ended.retries <= 40 && ended.retries + qtsOwn >= 40);
        const qint64 twice = fixture.fetched("xet") - 3'000'000;
        QVERIFY2(twice >= 0 && twice <= overlap, qPrintable(QString::number(twice)));
    }
};

QTEST_GUILESS_MAIN(InterruptionTest)
#include "interruption_test.moc"
