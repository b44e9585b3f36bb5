// The catalog as the page shows it. What fits is by hand: the weights of 4 bits and the parts beside them.
#include "app/catalog_list.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "app/model_host.h"
#include "app/model_library.h"
#include "app/settings/settings.h"
#include "tests/app/fixture.h"

using namespace edgechat::app;
using namespace edgechat::app::testing;

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
        m_catalog->measure(0);
        for (int row = 0; row < m_catalog->count(); ++row) {
            QCOMPARE(value(row, CatalogList::ProblemRole).toString(), QString());
            QVERIFY(!value(row, CatalogList::GoodAtRole).toString().isEmpty());
            QVERIFY(value(row, CatalogList::WeightsBytesRole).toDouble() > 0);
        }
    }

    void saysWhatAModelTakes() {
        m_catalog->measure(0);
        const int row = rowOf(QStringLiteral("mistralai/Mistral-7B-Instruct-v0.3"));
        QVERIFY(row >= 0);
        // 7.1 billion weights of linear layers in 4.25 bits and an embedding and a head of 134 million each
        const double weights = value(row, CatalogList::WeightsBytesRole).toDouble();
        QVERIFY2(weights > 3.9e9 && weights < 4.5e9, qPrintable(QString::number(weights)));
        const QString id = value(row, CatalogList::IdRole).toString();
        // fp16 keys and values of 8 heads of 128 in 32 layers: 131,072 bytes a token
        const double less = m_catalog->fitAt(id, 2048)[QStringLiteral("contextBytes")].toDouble();
        const double more = m_catalog->fitAt(id, 4096)[QStringLiteral("contextBytes")].toDouble();
        QVERIFY(more - less >= 2048 * 131072.0);
        QVERIFY(more - less < 1.05 * 2048 * 131072.0);
        QVERIFY(m_catalog->fitAt(QStringLiteral("nobody"), 2048).isEmpty());
    }

    void countsWhatTheLoadedModelWouldGiveBack() {
        m_catalog->measure(0);
        const double before = m_catalog->memoryAvailable();
        m_catalog->measure(uint64_t{1} << 50);
        QVERIFY(m_catalog->memoryAvailable() > before + 1e15);
        for (int row = 0; row < m_catalog->count(); ++row)
            QVERIFY(value(row, CatalogList::FitsRole).toBool());
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

    void expectsASpeedOnceOneWasMeasured() {
        m_catalog->measure(0);
        QCOMPARE(value(0, CatalogList::RateRole).toDouble(), 0.0);
        m_catalog->setDecodeBandwidth(20e9);
        QCOMPARE(value(0, CatalogList::RateRole).toDouble(),
                 20e9 / value(0, CatalogList::WeightsBytesRole).toDouble());
    }

  private:
    QVariant value(int row, int role) const { return m_catalog->data(m_catalog->index(row), role); }
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
