// Models in the cache of Hugging Face's programs, offered where they are.
#include "app/cached_models.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include "app/format.h"
#include "app/model_host.h"
#include "app/model_library.h"
#include "app/settings/settings.h"
#include "tests/app/fixture.h"
#include "tests/quant/small_source.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;

namespace {
const QString kCommit = QStringLiteral("0123456789abcdef0123456789abcdef01234567");
}

class CachedModelsTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        qputenv("HF_HUB_CACHE", m_home->path(QStringLiteral("hub")).toUtf8());
        m_settings = std::make_unique<Settings>();
        m_inference = std::make_unique<InferenceThread>();
        m_host = std::make_unique<ModelHost>(*m_inference, *m_settings);
        m_library = std::make_unique<ModelLibrary>(*m_host, *m_settings);
        m_cached = std::make_unique<CachedModels>(*m_library);
    }
    void cleanup() {
        m_cached.reset();
        m_library.reset();
        m_host.reset();
        m_inference.reset();
        m_settings.reset();
        qunsetenv("HF_HUB_CACHE");
    }

    void withoutACacheThereAreNone() {
        look();
        QCOMPARE(m_cached->count(), 0);
    }

    void offersWhatIsThere() {
        QAbstractItemModelTester tester(m_cached.get());
        put(QStringLiteral("org/tiny-llama"));
        look();
        QCOMPARE(m_cached->count(), 1);
        QCOMPARE(value(CachedModels::NameRole).toString(), QStringLiteral("tiny-llama"));
        QCOMPARE(value(CachedModels::RepositoryRole).toString(), QStringLiteral("org/tiny-llama"));
        QCOMPARE(value(CachedModels::FamilyRole).toString(), QStringLiteral("LLaMA"));
        QVERIFY(value(CachedModels::CompleteRole).toBool());
        QVERIFY(!value(CachedModels::SizeTextRole).toString().isEmpty());
    }

    void saysWhatIsMissing() {
        put(QStringLiteral("org/tiny-llama"));
        QVERIFY(QFile::remove(snapshot(QStringLiteral("org/tiny-llama")) +
                              QStringLiteral("/model-00002-of-00002.safetensors")));
        look();
        QCOMPARE(m_cached->count(), 1);
        QVERIFY(!value(CachedModels::CompleteRole).toBool());
        QVERIFY2(value(CachedModels::ProblemRole).toString().contains(QStringLiteral("model-00002-of-00002")),
                 qPrintable(value(CachedModels::ProblemRole).toString()));
    }

    void whatWasAddedIsOfferedNoMore() {
        put(QStringLiteral("org/tiny-llama"));
        look();
        QSignalSpy imported(m_library.get(), &ModelLibrary::imported);
        m_library->importPath(value(CachedModels::PathRole).toString());
        QTRY_COMPARE_WITH_TIMEOUT(imported.size(), 1, 30'000);
        QTRY_COMPARE(m_cached->count(), 0);
        QCOMPARE(m_library->entries()[0].hub.repository, QStringLiteral("org/tiny-llama"));
        QCOMPARE(m_library->entries()[0].hub.commit, kCommit);
    }

    void whatIsLoadedInPlaceIsOfferedNoMore() {
        put(QStringLiteral("org/tiny-llama"));
        look();
        const QString path = value(CachedModels::PathRole).toString();
        m_host->load(path);
        QTRY_VERIFY_WITH_TIMEOUT(m_host->state() == ModelHost::Ready, 30'000);
        QCOMPARE(m_host->name(), QStringLiteral("tiny-llama"));
        m_library->refresh();
        QTRY_COMPARE(m_cached->count(), 0);
        QCOMPARE(m_library->entries().size(), size_t{1});
        QCOMPARE(m_library->entries()[0].name, QStringLiteral("tiny-llama"));
    }

    void aNameIsTheRepositorysNotTheSnapshots() {
        const QString hub =
            QStringLiteral("/data/ada/.cache/huggingface/hub/models--org--a-model/snapshots/") + kCommit;
        QCOMPARE(modelFileName(hub), QStringLiteral("a-model"));
        QCOMPARE(modelFileName(hub + QStringLiteral("/a-model-Q4_0.gguf")), QStringLiteral("a-model"));
        QCOMPARE(modelFileName(QStringLiteral("/data/ada/snapshots/") + kCommit), kCommit);
    }

  private:
    QString snapshot(const QString& repository) const {
        return m_home->path(QStringLiteral("hub/models--") +
                            QString(repository).replace(u'/', QLatin1String("--")) +
                            QStringLiteral("/snapshots/") + kCommit);
    }
    void put(const QString& repository) {
        QVERIFY(QDir().mkpath(snapshot(repository)));
        edgechat::testing::writeSource(edgechat::testing::smallSource(edgechat::testing::SmallFamily::llama),
                                       snapshot(repository).toStdString(), 2);
    }
    void look() {
        QSignalSpy refreshed(m_cached.get(), &CachedModels::refreshed);
        m_cached->refresh();
        QTRY_COMPARE_WITH_TIMEOUT(refreshed.size(), 1, 30'000);
    }
    QVariant value(int role) const { return m_cached->data(m_cached->index(0), role); }

    std::optional<Home> m_home;
    std::unique_ptr<Settings> m_settings;
    std::unique_ptr<InferenceThread> m_inference;
    std::unique_ptr<ModelHost> m_host;
    std::unique_ptr<ModelLibrary> m_library;
    std::unique_ptr<CachedModels> m_cached;
};

QTEST_MAIN(CachedModelsTest)
#include "cached_models_test.moc"
