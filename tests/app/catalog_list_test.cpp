// The catalog as the page shows it. What fits is by hand: the weights of 4 bits and the parts beside them.
#include "app/catalog_list.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "app/model_host.h"
#include "app/model_library.h"
#include "app/settings/settings.h"
#include "tests/app/fixture.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;

namespace {

constexpr uint64_t kFree = 64'000'000'000;

}  // namespace

class CatalogListTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_settings.emplace();
        m_inference = std::make_unique<InferenceThread>();
        m_host = std::make_unique<ModelHost>(*m_inference, *m_settings);
        m_library = std::make_unique<ModelLibrary>(*m_host, *m_settings);
        m_catalog = std::make_unique<CatalogList>(*m_library);
    }

    void cleanup() {
        m_catalog.reset();
        m_library.reset();
        m_host.reset();
        m_inference.reset();
        m_settings.reset();
    }

    void hasEveryModelAndAPlanForEach() {
        QAbstractItemModelTester tester(m_catalog.get());
        QCOMPARE(m_catalog->count(), 14);
        m_catalog->measure({kFree, {}});
        for (int row = 0; row < m_catalog->count(); ++row) {
            QCOMPARE(value(row, CatalogList::ProblemRole).toString(), QString());
            QVERIFY(!value(row, CatalogList::GoodAtRole).toString().isEmpty());
            QVERIFY(memory(row, "weights") > 0);
        }
    }

    void saysWhatAModelTakes() {
        m_catalog->measure({kFree, {}});
        const int row = rowOf(QStringLiteral("mistralai/Mistral-7B-Instruct-v0.3"));
        QVERIFY(row >= 0);
        // 7.1 billion weights of linear layers in 4.25 bits and an embedding and a head of 134 million each
        const double weights = memory(row, "weights");
        QVERIFY2(weights > 3.9e9 && weights < 4.5e9, qPrintable(QString::number(weights)));
        const QString id = value(row, CatalogList::IdRole).toString();
        // fp16 keys and values of 8 heads of 128 in 32 layers: 131,072 bytes a token
        const double less = m_catalog->fitAt(id, 2048)[QStringLiteral("context")].toDouble();
        const double more = m_catalog->fitAt(id, 4096)[QStringLiteral("context")].toDouble();
        QVERIFY(more - less >= 2048 * 131072.0);
        QVERIFY(more - less < 1.05 * 2048 * 131072.0);
        QVERIFY(m_catalog->fitAt(QStringLiteral("nobody"), 2048).isEmpty());
    }

    void eachModelIsComparedWithTheMemoryOfItsDevice() {
        // A card between Mistral 7B, 4.2 GB of weights and 0.5 GB of context, and Llama 3.1 8B, 5.3 GB at
        // least.
        constexpr uint64_t kCard = 5'000'000'000;
        m_catalog->measure({kFree, models::FreeMemory::Gpu{kCard, true}});
        const int small = rowOf(QStringLiteral("mistralai/Mistral-7B-Instruct-v0.3"));
        const int large = rowOf(QStringLiteral("meta-llama/Llama-3.1-8B-Instruct"));
        QVERIFY(small >= 0 && large >= 0);
        for (const int row : {small, large}) QVERIFY(value(row, CatalogList::FitsRole).toBool());
        QVERIFY(fact(small, "inGpuMemory").toBool());
        QCOMPARE(memory(small, "available"), static_cast<double>(kCard));
        QCOMPARE(memory(small, "runtime"), 0.0);
        QCOMPARE(memory(small, "gpuNeeded"), 0.0);
        // It runs on the processor, whose memory counts then.
        QVERIFY(!fact(large, "inGpuMemory").toBool());
        QCOMPARE(memory(large, "available"), static_cast<double>(kFree));
        QVERIFY(memory(large, "gpuNeeded") > kCard);
        QCOMPARE(memory(large, "gpuFree"), static_cast<double>(kCard));

        // A longer context can be too much for the card.
        const QString id = value(small, CatalogList::IdRole).toString();
        const int most = value(small, CatalogList::LargestContextRole).toInt();
        QVERIFY(most >= 4096 && most < 32768);
        QVERIFY(m_catalog->fitAt(id, most)[QStringLiteral("inGpuMemory")].toBool());
        QVERIFY(!m_catalog->fitAt(id, most + 64)[QStringLiteral("inGpuMemory")].toBool());

        m_catalog->measure({1'000'000'000, models::FreeMemory::Gpu{kCard, true}});
        QVERIFY(value(small, CatalogList::FitsRole).toBool());
        QVERIFY(!value(large, CatalogList::FitsRole).toBool());
        QCOMPARE(memory(large, "available"), static_cast<double>(kCard));
        m_catalog->setOnlyFitting(true);
        QCOMPARE(rowOf(QStringLiteral("meta-llama/Llama-3.1-8B-Instruct")), -1);
    }

    void findsByNameFamilyAndUse() {
        QSignalSpy changed(m_catalog.get(), &CatalogList::countChanged);
        m_catalog->setFilter(QStringLiteral("falcon"));
        QVERIFY(m_catalog->count() > 0 && m_catalog->count() < 14);
        QCOMPARE(changed.size(), 1);
        for (int row = 0; row < m_catalog->count(); ++row)
            QVERIFY(value(row, CatalogList::RepositoryRole)
                        .toString()
                        .contains(QStringLiteral("falcon"), Qt::CaseInsensitive) ||
                    value(row, CatalogList::GoodAtRole)
                        .toString()
                        .contains(QStringLiteral("falcon"), Qt::CaseInsensitive));
        m_catalog->setFilter(QStringLiteral("  7b  MISTRAL "));
        QCOMPARE(m_catalog->count(), 2);
        m_catalog->setFilter(QStringLiteral("no such model"));
        QCOMPARE(m_catalog->count(), 0);
        QCOMPARE(m_catalog->total(), 14);
        m_catalog->setFilter(QString());
        QCOMPARE(m_catalog->count(), 14);
    }

    void expectsASpeedOnceTheDeviceWasMeasured() {
        const auto rate = [&] { return value(0, CatalogList::RateRole).toDouble(); };
        m_catalog->measure({kFree, {}});
        QCOMPARE(rate(), 0.0);
        m_catalog->setDecodeBandwidth(0, 300e9);
        QCOMPARE(rate(), 0.0);
        m_catalog->setDecodeBandwidth(20e9, 300e9);
        QCOMPARE(rate(), 20e9 / memory(0, "weights"));
        m_catalog->measure({kFree, models::FreeMemory::Gpu{kFree, true}});
        QCOMPARE(rate(), 300e9 / memory(0, "weights"));
        m_catalog->setDecodeBandwidth(20e9, 0);
        QCOMPARE(rate(), 0.0);
        // The card is full: what the processor reaches.
        m_catalog->measure({kFree, models::FreeMemory::Gpu{1, true}});
        QCOMPARE(rate(), 20e9 / memory(0, "weights"));
    }

  private:
    QVariant value(int row, int role) const { return m_catalog->data(m_catalog->index(row), role); }
    QVariant fact(int row, const char* name) const {
        return value(row, CatalogList::MemoryRole).toMap()[QLatin1String(name)];
    }
    double memory(int row, const char* name) const { return fact(row, name).toDouble(); }
    int rowOf(const QString& repository) const {
        for (int row = 0; row < m_catalog->count(); ++row) {
            if (value(row, CatalogList::RepositoryRole) == repository) return row;
        }
        return -1;
    }

    std::optional<Home> m_home;
    std::optional<Settings> m_settings;
    std::unique_ptr<InferenceThread> m_inference;
    std::unique_ptr<ModelHost> m_host;
    std::unique_ptr<ModelLibrary> m_library;
    std::unique_ptr<CatalogList> m_catalog;
};

QTEST_MAIN(CatalogListTest)
#include "catalog_list_test.moc"
