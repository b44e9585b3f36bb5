// A repository that a person names, looked at on the simulated Hub before anything large moves.
#include "app/repository_offer.h"

#include <QSignalSpy>
#include <QTest>

#include "app/catalog_list.h"
#include "app/job_list.h"
#include "app/model_host.h"
#include "app/model_library.h"
#include "app/settings/settings.h"
#include "tests/app/fixture.h"
#include "tests/models/jobs/fixture.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
using edgechat::testing::JobsFixture;
using edgechat::testing::SmallFamily;

namespace {

constexpr uint64_t kFree = 64'000'000'000;

}  // namespace

class RepositoryOfferTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_fixture = std::make_unique<JobsFixture>(SmallFamily::llama);
        m_settings = std::make_unique<Settings>();
        m_inference = std::make_unique<InferenceThread>();
        m_host = std::make_unique<ModelHost>(*m_inference, *m_settings);
        m_library = std::make_unique<ModelLibrary>(*m_host, *m_settings);
        m_catalog = std::make_unique<CatalogList>(*m_library);
        m_catalog->measure({kFree, {}});
        m_service = std::make_unique<models::jobs::JobService>(m_fixture->options);
        m_offer = std::make_unique<RepositoryOffer>(*m_service, *m_catalog);
    }

    void cleanup() {
        m_offer.reset();
        m_service.reset();
        m_catalog.reset();
        m_library.reset();
        m_host.reset();
        m_inference.reset();
    }

    void saysWhatAModelIsAndTakesWithoutFetchingIt() {
        look();
        QCOMPARE(m_offer->state(), RepositoryOffer::Known);
        QCOMPARE(m_offer->name(), QStringLiteral("tiny"));
        QCOMPARE(m_offer->family(), QStringLiteral("LLaMA"));
        QVERIFY2(m_offer->about().contains(QStringLiteral("4 bits")), qPrintable(m_offer->about()));
        QVERIFY(m_offer->fits() && m_offer->diskFits() && memory("weights") > 0);
        double served = 0;  // of what makes the model: all but the pickle and the text
        double large = 0;
        for (const auto& [name, file] : m_fixture->hub.repository().files) {
            if (name == u"README.md" || name == u"pytorch_model.bin") continue;
            served += static_cast<double>(file.content.size());
            if (name.endsWith(u".safetensors"))
                large += static_cast<double>(m_fixture->hub.fetched(name.toUtf8()));
        }
        QCOMPARE(m_offer->downloadBytes(), served);
        QCOMPARE(large, 0.0);
        QCOMPARE(m_fixture->hub.asked("GET", "cdn").size(), 0);
        QVERIFY(m_service->jobs().empty());
    }

    void aLongerContextTakesMore() {
        look();
        QCOMPARE(m_offer->fitAt(m_offer->context())[QStringLiteral("context")].toDouble(), memory("context"));
        QVERIFY(m_offer->fitAt(2 * m_offer->context())[QStringLiteral("context")].toDouble() >
                memory("context"));
    }

    void countsTheSpeedOfThisMachine() {
        m_catalog->setDecodeBandwidth(1e9, 0);
        look();
        QCOMPARE(m_offer->rate(), 1e9 / memory("weights"));
    }

    void whatNeedsAnAccountCanStillBeHad() {
        m_fixture->hub.repository().gated = QStringLiteral("manual");
        look();
        QCOMPARE(m_offer->state(), RepositoryOffer::Known);
        QVERIFY(m_offer->gated());
        QCOMPARE(memory("weights"), 0.0);
        QVERIFY2(m_offer->about().contains(QStringLiteral("licence")), qPrintable(m_offer->about()));
    }

    void whatTheEngineDoesNotRunIsRefused() {
        m_fixture->hub.repository().files[QStringLiteral("config.json")] = {
            R"({"architectures": ["RWKV7ForCausalLM"], "model_type": "rwkv7"})", false};
        look();
        QCOMPARE(m_offer->state(), RepositoryOffer::Refused);
        QVERIFY2(m_offer->problem().contains(QStringLiteral("rwkv7"), Qt::CaseInsensitive),
                 qPrintable(m_offer->problem()));
        QVERIFY2(m_offer->problem().contains(QStringLiteral("LLaMA")), qPrintable(m_offer->problem()));
    }

    void whatIsNotThereIsRefused() {
        look(QStringLiteral("org/nobody"));
        QCOMPARE(m_offer->state(), RepositoryOffer::Refused);
        QVERIFY2(m_offer->problem().contains(QStringLiteral("org/nobody")), qPrintable(m_offer->problem()));
    }

    void whatIsNoRepositoryIsRefusedWithoutAQuestion() {
        m_offer->look(QStringLiteral("a text about models"));
        QCOMPARE(m_offer->state(), RepositoryOffer::Refused);
        QVERIFY(!m_offer->problem().isEmpty());
        QVERIFY(m_fixture->server().requests().isEmpty());
    }

    void saysWhyItWaits() {
        m_fixture->server().script(
            *edgechat::testing::Fault::read(QStringLiteral("status status=503 times=2")));
        QStringList said;
        connect(m_offer.get(), &RepositoryOffer::changed, this, [&] {
            if (m_offer->state() == RepositoryOffer::Looking) said << m_offer->problem();
        });
        look();
        QVERIFY2(said.join(u' ').contains(QStringLiteral("503")), qPrintable(said.join(u' ')));
        QCOMPARE(m_offer->state(), RepositoryOffer::Known);
        QVERIFY(m_offer->problem().isEmpty());
    }

    void aLateAnswerDoesNotComeBack() {
        m_offer->look(QStringLiteral("org/tiny"));
        m_offer->dismiss();
        QCOMPARE(m_offer->state(), RepositoryOffer::None);
        look(QStringLiteral("org/nobody"));
        QCOMPARE(m_offer->state(), RepositoryOffer::Refused);
    }

  private:
    double memory(const char* name) const { return m_offer->memory()[QLatin1String(name)].toDouble(); }
    void look(const QString& wanted = QStringLiteral("org/tiny")) {
        m_offer->look(wanted);
        QCOMPARE(m_offer->state(), RepositoryOffer::Looking);
        QTRY_VERIFY_WITH_TIMEOUT(m_offer->state() != RepositoryOffer::Looking, edgechat::testing::kPatience);
    }

    std::optional<Home> m_home;
    std::unique_ptr<JobsFixture> m_fixture;
    std::unique_ptr<Settings> m_settings;
    std::unique_ptr<InferenceThread> m_inference;
    std::unique_ptr<ModelHost> m_host;
    std::unique_ptr<ModelLibrary> m_library;
    std::unique_ptr<CatalogList> m_catalog;
    std::unique_ptr<models::jobs::JobService> m_service;
    std::unique_ptr<RepositoryOffer> m_offer;
};

QTEST_MAIN(RepositoryOfferTest)
#include "repository_offer_test.moc"
