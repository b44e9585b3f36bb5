// One file over a network in which everything goes wrong once.
#include <signal.h>
#include <sys/resource.h>

#include "tests/models/hub/fixture.h"

using namespace edgechat::testing;
using edgechat::models::hub::Problem;

namespace {

const QString kShard = QStringLiteral("model-00001-of-00002.safetensors");
const QString kSmall = QStringLiteral("tokenizer.json");

}  // namespace

class TransferTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<HubFixture> m_fixture;

    HubSimulator& server() { return m_fixture->server(); }
    void fault(const char* text) { server().script(*Fault::read(QString::fromLatin1(text))); }
    QByteArray wanted(const QString& name = kShard) { return m_fixture->repository().files.at(name).content; }
    QByteArray have(const QString& name = kShard) { return contentOf(m_fixture->path(name)); }
    QString partial() { return m_fixture->path(kShard) + QStringLiteral(".partial"); }
    /// A transfer that was broken off behind `bytes`.
    void leaveHalf(qint64 bytes) {
        m_fixture->settings.times.attempts = 1;
        server().script(*Fault::read(QStringLiteral("cut host=cdn bytes=%1").arg(bytes)));
        QVERIFY(m_fixture->transfer(kShard).failure.has_value());
        QCOMPARE(QFileInfo(partial()).size(), bytes);
        m_fixture->settings.times.attempts = fastTimes().attempts;
        m_fixture->renewSession();
        server().clearRequests();
    }
    void expectGood(const Ended& ended, const QString& name = kShard) {
        QVERIFY2(ended.finished, qPrintable(ended.why()));
        QCOMPARE(have(name), wanted(name));
        QCOMPARE(ended.sha256, sha256Of(wanted(name)));
        QVERIFY(!QFile::exists(m_fixture->path(name) + QStringLiteral(".partial")));
        QVERIFY(!QFile::exists(m_fixture->path(name) + QStringLiteral(".partial.json")));
    }
    void expectFailure(const Ended& ended, Problem problem, const char* mentioned) {
        QVERIFY2(ended.failure.has_value(), "the transfer did not fail");
        QVERIFY2(ended.failure->problem == problem, qPrintable(ended.why()));
        QVERIFY2(ended.why().contains(QLatin1String(mentioned)), qPrintable(ended.why()));
    }

  private Q_SLOTS:
    void init() { m_fixture = std::make_unique<HubFixture>(); }

    void aLargeFileComesFromTheOtherHostWithoutTheToken() {
        m_fixture->settings.token = tokenOf("hf_member");
        expectGood(m_fixture->transfer(kShard));
        const QList<RecordedRequest> requests = server().requests();
        QCOMPARE(requests.size(), 3);
        QCOMPARE(requests[0].method, QByteArray("HEAD"));
        QVERIFY(requests[0].authorized && requests[0].server == "hub");
        QVERIFY(requests[1].authorized && requests[1].server == "hub");
        QVERIFY(!requests[2].authorized && requests[2].server == "cdn");
        QVERIFY(requests[2].host.startsWith("localhost:"));
    }

    void aSmallFileIsCheckedByItsGitBlob() {
        m_fixture->settings.token = tokenOf("hf_member");
        server().setRelativeRedirect(true);
        expectGood(m_fixture->transfer(kSmall), kSmall);
        for (const RecordedRequest& request : server().requests()) {
            QCOMPARE(request.server, QByteArray("hub"));
            QVERIFY(request.authorized);  // the same host keeps it
        }
        fault("wrongBytes path=tokenizer.json method=GET times=-1");
        QFile::remove(m_fixture->path(kSmall));
        expectFailure(m_fixture->transfer(kSmall), Problem::wrongHash, "tokenizer.json");
    }

    void theTokenDoesNotComeBackOnceItWasLeftBehind() {
        m_fixture->settings.token = tokenOf("hf_member");
        // The Hub sends to another host, which sends back to the Hub.
        server().script(*Fault::read(QStringLiteral("redirect host=cdn value=%1/org/tiny/resolve/main/%2")
                                         .arg(server().endpoint(), kShard)));
        expectGood(m_fixture->transfer(kShard));
        const QList<RecordedRequest> requests = server().requests();
        QCOMPARE(requests.size(), 5);
        QCOMPARE(requests[3].server, QByteArray("hub"));
        QVERIFY(requests[1].authorized && !requests[2].authorized);
        QVERIFY(!requests[3].authorized && !requests[4].authorized);
    }

    void aClosedConnectionCostsNoByteTwice() {
        // In pieces: Qt asks by itself again when a connection ends before it has read anything.
        fault("slow host=cdn bytes=2000 times=2");
        fault("cut host=cdn bytes=100000");
        fault("cut host=cdn bytes=70000");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 2);
        const QList<RecordedRequest> requests = m_fixture->asked("GET", "cdn");
        QCOMPARE(requests.size(), 3);
        QCOMPARE(requests[1].range, QByteArray("bytes=100000-"));
        QCOMPARE(requests[2].range, QByteArray("bytes=170000-"));
        QCOMPARE(m_fixture->fetched("xet"), qint64{wanted().size()});
        QCOMPARE(m_fixture->asked("HEAD", "hub").size(), 1);
    }

    void aResetConnectionGoesOnToo() {
        // What was under way as the connection was reset may be lost, and nothing else.
        fault("slow host=cdn bytes=2000");
        fault("reset host=cdn bytes=100000");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 1);
    }

    void aLaterProcessGoesOnWithWhatIsOnTheDisk() {
        leaveHalf(123'456);
        expectGood(m_fixture->transfer(kShard));
        QCOMPARE(m_fixture->asked("GET", "cdn")[0].range, QByteArray("bytes=123456-"));
    }

    void aDamagedPartIsFoundAndFetchedAgain() {
        leaveHalf(100'000);
        QByteArray content = contentOf(partial());
        content[5000] = static_cast<char>(content[5000] ^ 1);
        writeFile(partial(), content);
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(m_fixture->asked("GET", "cdn").size(), 2);
        QCOMPARE(m_fixture->asked("GET", "cdn")[1].range, QByteArray());
    }

    void whatIsCompleteIsCheckedAndNotFetched() {
        expectGood(m_fixture->transfer(kShard));
        server().clearRequests();
        expectGood(m_fixture->transfer(kShard));
        QVERIFY(server().requests().isEmpty());
    }

    void aDamagedFileOfThatNameIsReplaced() {
        QByteArray damaged = wanted();
        damaged[7] = static_cast<char>(damaged[7] ^ 1);
        writeFile(m_fixture->path(kShard), damaged);
        expectGood(m_fixture->transfer(kShard));
    }

    void wrongRangesAreNotAppended() {
        leaveHalf(100'000);
        fault("wrongRange host=cdn bytes=10 times=2");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 2);
    }

    void aRangeOfAnotherFileIsNotAppended() {
        fault("cut host=cdn bytes=100000");
        fault("lyingRange host=cdn bytes=300001 times=-1");
        const Ended ended = m_fixture->transfer(kShard);
        expectFailure(ended, Problem::badAnswer, "/300001");
        QCOMPARE(contentOf(partial()), wanted().left(100'000));
    }

    void aServerWithoutRangesIsReadFromTheBeginning() {
        fault("cut host=cdn bytes=100000");
        fault("ignoreRange host=cdn times=-1");
        fault("cut host=cdn skip=1 bytes=50000");
        expectGood(m_fixture->transfer(kShard));
    }

    void aWholeAnswerOfAnotherSizeIsNotTaken() {
        fault("body host=cdn times=-1 value=<html>sign-in-to-the-hotel</html>");
        expectFailure(m_fixture->transfer(kShard), Problem::badAnswer, "33 bytes");
        QCOMPARE(QFileInfo(partial()).size(), 0);
    }

    void aRangeThatIsRefusedOnceIsAskedForAgain() {
        leaveHalf(100'000);
        fault("status host=cdn status=416");
        expectGood(m_fixture->transfer(kShard));
        QCOMPARE(m_fixture->asked("GET", "cdn")[1].range, QByteArray("bytes=100000-"));
    }

    void aRangeThatIsRefusedTwiceStartsOver() {
        leaveHalf(100'000);
        fault("status host=cdn status=416 times=2");
        expectGood(m_fixture->transfer(kShard));
        QCOMPARE(m_fixture->asked("GET", "cdn")[2].range, QByteArray());
    }

    void aSignedAddressThatExpiredIsAskedForAgain() {
        m_fixture->settings.times.attempts = 2;
        fault("status host=cdn status=403 times=3");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 0);
        server().clearRequests();
    }

    void aHostThatAlwaysRefusesIsNotAskedForEver() {
        fault("status host=cdn status=403 times=-1");
        QVERIFY(m_fixture->transfer(kShard).failure.has_value());
        QVERIFY(m_fixture->asked("GET", "cdn").size() <= 5);
    }

    void aServerInTroubleIsAskedAgain() {
        for (const char* status : {"500", "502", "503", "504", "408", "429"}) {
            server().script(
                *Fault::read(QStringLiteral("status status=%1 value=3").arg(QLatin1String(status))));
        }
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 6);
    }

    void attemptsEnd() {
        m_fixture->settings.times.attempts = 3;
        fault("status status=503 times=-1");
        const Ended ended = m_fixture->transfer(kShard);
        expectFailure(ended, Problem::unreachable, "503");
        QCOMPARE(ended.retries, 2);
        QCOMPARE(server().requests().size(), 3);
    }

    void aWaitBeyondPatienceIsAFailure() {
        fault("status status=429 value=1001");
        const Ended ended = m_fixture->transfer(kShard);
        expectFailure(ended, Problem::rateLimited, "too many requests");
        QCOMPARE(server().requests().size(), 1);
    }

    void aConnectionWithoutAByteIsGivenUp() {
        m_fixture->settings.times.idle = 1'000;
        fault("stall host=cdn bytes=100000");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 1);
        QCOMPARE(m_fixture->asked("GET", "cdn")[1].range, QByteArray("bytes=100000-"));
    }

    void aSlowBodyIsNoDeadOne() {
        // 600 pieces, 5 ms apart: longer together than the time without a byte that is allowed.
        m_fixture->settings.times.idle = 2'000;
        fault("slow host=cdn bytes=500");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 0);
    }

    void wrongBytesAreFetchedOnceMore() {
        fault("wrongBytes host=cdn");
        const Ended ended = m_fixture->transfer(kShard);
        expectGood(ended);
        QCOMPARE(ended.retries, 1);
    }

    void wrongBytesTwiceAreAFailureAndLeaveNothing() {
        fault("wrongBytes host=cdn times=2");
        expectFailure(m_fixture->transfer(kShard), Problem::wrongHash, "twice");
        QVERIFY(!QFile::exists(m_fixture->path(kShard)));
        QVERIFY(!QFile::exists(partial()));
    }

    void anotherDigestThanTheListedOneIsAFailure() {
        leaveHalf(100'000);
        server().script(*Fault::read(QStringLiteral("etag value=\"%1\" times=-1").arg(QString(64, u'a'))));
        expectFailure(m_fixture->transfer(kShard), Problem::changed, "aaaa");
        QCOMPARE(contentOf(partial()), wanted().left(100'000));
    }

    void anotherSizeThanTheListedOneIsAFailure() {
        fault("linkedSize value=300001");
        expectFailure(m_fixture->transfer(kShard), Problem::changed, "300001");
    }

    void anotherTagOfAMirrorStartsOver() {
        fault("etag host=hub value=\"first\" times=2");
        leaveHalf(100'000);
        server().script(*Fault::read(QStringLiteral("etag host=hub value=\"second\" times=-1")));
        expectGood(m_fixture->transfer(kShard));
        QCOMPARE(m_fixture->asked("GET", "cdn")[0].range, QByteArray());
    }

    void theSameTagOfAMirrorGoesOn() {
        fault("etag host=hub value=\"first\" times=-1");
        leaveHalf(100'000);
        expectGood(m_fixture->transfer(kShard));
        QCOMPARE(m_fixture->asked("GET", "cdn")[0].range, QByteArray("bytes=100000-"));
    }

    void endlessRedirectsEnd() {
        fault("endlessRedirect times=-1");
        expectFailure(m_fixture->transfer(kShard), Problem::badAnswer, "more than 10");
        QVERIFY(server().requests().size() <= 12);
    }

    void aRedirectToAPlainConnectionIsNotFollowed() {
        m_fixture->settings.token = tokenOf("hf_member");
        fault("redirect method=GET value=http://example.org/file");
        expectFailure(m_fixture->transfer(kShard), Problem::insecure, "https");
    }

    void aCompressedBodyIsNotTaken() {
        fault("compressed path=tokenizer.json method=GET times=-1");
        expectFailure(m_fixture->transfer(kSmall), Problem::badAnswer, "compressed");
    }

    void missingFilesAndRefusalsAreFailuresAtOnce_data() {
        QTest::addColumn<QString>("script");
        QTest::addColumn<Problem>("problem");
        QTest::addColumn<QString>("mentioned");
        const auto row = [](const char* script, Problem problem, const char* mentioned) {
            QTest::newRow(script) << QString::fromLatin1(script) << problem << QString::fromLatin1(mentioned);
        };
        row("status status=404 errorCode=EntryNotFound", Problem::notFound, "model-00001");
        row("status status=404", Problem::notFound, "model-00001");
        row("status status=401 errorCode=GatedRepo", Problem::needsToken, "access token");
        row("status status=403 errorCode=GatedRepo", Problem::needsToken, "/org/tiny");
        row("status status=401 errorCode=RepoNotFound", Problem::needsToken, "another name");
        row("status status=418", Problem::badAnswer, "418");
    }
    void missingFilesAndRefusalsAreFailuresAtOnce() {
        QFETCH(QString, script);
        QFETCH(Problem, problem);
        QFETCH(QString, mentioned);
        server().script(*Fault::read(script));
        expectFailure(m_fixture->transfer(kShard), problem, qPrintable(mentioned));
        QCOMPARE(server().requests().size(), 1);
    }

    void aGuestOfAGatedRepositoryIsToldWhereToAccept() {
        m_fixture->settings.token = tokenOf("hf_guest");
        m_fixture->repository().gated = QStringLiteral("manual");
        const Ended ended = m_fixture->transfer(kShard);
        expectFailure(ended, Problem::needsAcceptance, "accept the licence");
        QVERIFY(ended.why().contains(server().endpoint() + QStringLiteral("/org/tiny")));
        QVERIFY(!ended.why().contains(QStringLiteral("hf_guest")));
    }

    void offlineMakesNoRequest() {
        m_fixture->settings.offline = true;
        expectFailure(m_fixture->transfer(kShard), Problem::offline, "offline");
        QVERIFY(server().requests().isEmpty());
    }

    void nobodyAtTheAddressIsUnreachable() {
        m_fixture->settings.times.attempts = 2;
        m_fixture->settings.endpoint = *hub::Endpoint::from(QStringLiteral("http://127.0.0.1:1"));
        expectFailure(m_fixture->transfer(kShard), Problem::unreachable, "network");
    }

    void pauseKeepsWhatCameAndResumeGoesOn() {
        fault("slow host=cdn bytes=10000");
        Ended ended;
        hub::Transfer transfer(m_fixture->session(), m_fixture->request(kShard));
        HubFixture::watch(transfer, ended);
        QObject::connect(&transfer, &hub::Transfer::progressed, [&transfer] {
            if (transfer.done() > 100'000 && transfer.done() < 200'000) transfer.pause();
        });
        transfer.start();
        QVERIFY(QTest::qWaitFor([&] { return transfer.done() > 100'000; }, kPatience));
        const qint64 paused = QFileInfo(partial()).size();
        QCOMPARE(paused, transfer.done());
        const qsizetype requests = server().requests().size();
        QTest::qWait(20);
        QCOMPARE(server().requests().size(), requests);
        QVERIFY(!ended.over());
        transfer.disconnect();
        HubFixture::watch(transfer, ended);
        transfer.resume();
        HubFixture::wait(ended);
        expectGood(ended);
        QCOMPARE(m_fixture->asked("GET", "cdn")[1].range, "bytes=" + QByteArray::number(paused) + '-');
    }

    void cancelKeepsWhatCame() {
        fault("stall host=cdn bytes=100000");
        Ended ended;
        hub::Transfer transfer(m_fixture->session(), m_fixture->request(kShard));
        HubFixture::watch(transfer, ended);
        transfer.start();
        QVERIFY(QTest::qWaitFor([&] { return transfer.done() == 100'000; }, kPatience));
        transfer.cancel();
        QVERIFY(!ended.over());  // from the event loop only
        HubFixture::wait(ended);
        expectFailure(ended, Problem::cancelled, "stopped");
        QCOMPARE(QFileInfo(partial()).size(), 100'000);
    }

    void theBandwidthLimitHolds() {
        m_fixture->settings.bytesPerSecond = 100'000;
        int64_t clock = 0;
        m_fixture->session().setClock([&clock] { return clock; });
        Ended ended;
        hub::Transfer transfer(m_fixture->session(), m_fixture->request(kShard));
        HubFixture::watch(transfer, ended);
        transfer.start();
        // Not a byte while the clock stands; then what a second allows, in five pieces.
        QVERIFY(QTest::qWaitFor([&] { return m_fixture->fetched("xet") > 0; }, kPatience));
        QTest::qWait(20);
        QCOMPARE(transfer.done(), 0);
        for (int i = 1; i <= 5; i++) {
            clock += 200;
            QVERIFY(QTest::qWaitFor([&] { return transfer.done() == i * 20'000; }, kPatience));
        }
        QTest::qWait(20);
        QCOMPARE(transfer.done(), 100'000);
        m_fixture->session().setBytesPerSecond(0);
        HubFixture::wait(ended);
        expectGood(ended);
    }

    void aFullDiskIsAFailureOfItsOwnAndKeepsWhatFitted() {
        struct rlimit before {};
        QCOMPARE(::getrlimit(RLIMIT_FSIZE, &before), 0);
        const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
        struct rlimit small = before;
        small.rlim_cur = 100'000;
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &small), 0);
        const Ended ended = m_fixture->transfer(kShard);
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &before), 0);
        ::signal(SIGXFSZ, ignored);
        expectFailure(ended, Problem::diskFull, "free space");
        QCOMPARE(ended.failure->error.code, edgechat::ErrorCode::doesNotFit);
        QCOMPARE(contentOf(partial()), wanted().left(100'000));
        server().clearRequests();
        expectGood(m_fixture->transfer(kShard));
        QCOMPARE(m_fixture->asked("GET", "cdn")[0].range, QByteArray("bytes=100000-"));
    }

    void anEmptyFileIsAFile() {
        m_fixture->repository().files[QStringLiteral("empty.json")] = {QByteArray(), false};
        expectGood(m_fixture->transfer(QStringLiteral("empty.json")), QStringLiteral("empty.json"));
    }

    void hugeHeadersEnd_data() {
        QTest::addColumn<QString>("script");
        QTest::newRow("many") << QStringLiteral("hugeHeader method=HEAD bytes=20000000");
        QTest::newRow("one") << QStringLiteral("hugeHeader method=HEAD value=one bytes=20000000");
    }
    void hugeHeadersEnd() {
        QFETCH(QString, script);
        server().script(*Fault::read(script));
        m_fixture->settings.times.attempts = 1;
        const Ended ended = m_fixture->transfer(kShard);
        QVERIFY(ended.over());
    }
};

QTEST_GUILESS_MAIN(TransferTest)
#include "transfer_test.moc"
