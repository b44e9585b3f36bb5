// Values that one model has of its own: whose they are, how long they stay, and that they never reach
// another.
#include "app/settings/model_settings.h"

#include <QSettings>
#include <QSignalSpy>
#include <QTest>

#include "app/context_memory.h"
#include "app/model_host.h"
#include "app/program.h"
#include "app/settings/settings.h"
#include "models/store.h"
#include "tests/app/fixture.h"
#include "tests/data/gguf_writer.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
namespace gguf = edgechat::testing;

namespace {

const QString kPath = QStringLiteral("/models/somewhere.gguf");

/// Groups of models in the INI file.
int groups(const Home& home) {
    const QSettings file(home.path(QStringLiteral("config/config.ini")), QSettings::IniFormat);
    const QStringList all = file.childGroups();
    return static_cast<int>(std::count_if(all.begin(), all.end(),
                                          [](const QString& group) { return group.startsWith(u"model-"); }));
}

}  // namespace

class ModelSettingsTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() { m_home.emplace(); }

    void aValueFollowsTheGeneralOneUntilItIsTheModelsOwn() {
        Settings general;
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        general.setTemperature(0.5);
        QCOMPARE(model.temperature(), 0.5);
        QVERIFY(model.own().isEmpty());
        model.setTemperature(0.2);
        QCOMPARE(model.own(), QList<int>{ModelSettings::Temperature});
        general.setTemperature(0.9);
        QCOMPARE(model.temperature(), 0.2);
        QCOMPARE(general.temperature(), 0.9);
        model.follow(ModelSettings::Temperature);
        QCOMPARE(model.temperature(), 0.9);
        QVERIFY(model.own().isEmpty());
        QCOMPARE(groups(*m_home), 0);
    }

    void eachValueCanBeOwnAlone() {
        Settings general;
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        const std::vector<std::pair<ModelSettings::Value, std::function<void()>>> changes = {
            {ModelSettings::Context, [&] { model.setContextTokens(1024); }},
            {ModelSettings::Cache, [&] { model.setKvInt8(true); }},
            {ModelSettings::Prompt, [&] { model.setSystemPrompt(QStringLiteral("Be brief.")); }},
            {ModelSettings::Temperature, [&] { model.setTemperature(0.1); }},
            {ModelSettings::TopK, [&] { model.setTopK(3); }},
            {ModelSettings::TopP, [&] { model.setTopP(0.4); }},
            {ModelSettings::MinP, [&] { model.setMinP(0.2); }},
            {ModelSettings::RepeatPenalty, [&] { model.setRepeatPenalty(1.4); }},
            {ModelSettings::MaxTokens, [&] { model.setMaxTokens(77); }}};
        QList<int> own;
        for (const auto& [value, change] : changes) {
            change();
            own.append(value);
            QCOMPARE(model.own(), own);
        }
        const inference::SamplingOptions sampling = model.sampling();
        QCOMPARE(sampling.temperature, 0.1f);
        QCOMPARE(sampling.topK, 3);
        QCOMPARE(sampling.topP, 0.4f);
        QCOMPARE(sampling.minP, 0.2f);
        QCOMPARE(sampling.repeatPenalty, 1.4f);
        QCOMPARE(model.kv(), inference::KvKind::int8);
        QVERIFY(general.isDefaultGeneration());
        QCOMPARE(general.systemPrompt(), QString());
        model.followAll();
        QVERIFY(model.own().isEmpty());
        QCOMPARE(model.contextTokens(), 0);
        QCOMPARE(model.sampling().topK, general.topK());
    }

    void anEmptyPromptCanBeTheModelsOwn() {
        Settings general;
        general.setSystemPrompt(QStringLiteral("You are a pirate."));
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        model.setSystemPrompt(QString());
        QCOMPARE(model.own(), QList<int>{ModelSettings::Prompt});
        QCOMPARE(ModelSettings(general).systemPrompt(), QStringLiteral("You are a pirate."));
        Settings again;
        ModelSettings later(again);
        later.setModel(kPath, QStringLiteral("somewhere"));
        QCOMPARE(later.systemPrompt(), QString());
        QCOMPARE(later.own(), QList<int>{ModelSettings::Prompt});
    }

    void whatHoldsAlreadyBecomesNoOwnValue() {
        Settings general;
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        model.setTopK(general.topK());
        model.setSystemPrompt(general.systemPrompt());
        model.setKvInt8(general.kvInt8());
        QVERIFY(model.own().isEmpty());
        model.setTopK(9);
        model.setTopK(general.topK());
        QCOMPARE(model.own(), QList<int>{ModelSettings::TopK});  // it was chosen
    }

    void valuesStayOverTheEndOfTheProgram() {
        {
            Settings general;
            ModelSettings model(general);
            model.setModel(kPath, QStringLiteral("somewhere"));
            model.setContextTokens(2048);
            model.setKvInt8(true);
            model.setTopP(0.35);
            model.setSystemPrompt(QStringLiteral("Line one\nline \"two\"; 100 %"));
        }
        Settings general;
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        QCOMPARE(model.contextTokens(), 2048);
        QVERIFY(model.kvInt8());
        QCOMPARE(model.topP(), 0.35);
        QCOMPARE(model.systemPrompt(), QStringLiteral("Line one\nline \"two\"; 100 %"));
        QCOMPARE(model.own().size(), 4);
        model.setModel(QStringLiteral("/models/other.gguf"), QStringLiteral("other"));
        QVERIFY(model.own().isEmpty());
    }

    void valuesAreBroughtIntoTheirRange() {
        Settings general;
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        model.setContextTokens(3);
        QCOMPARE(model.contextTokens(), 256);
        model.setContextTokens(-1);
        QCOMPARE(model.contextTokens(), 0);
        model.setTemperature(100);
        QCOMPARE(model.temperature(), 5.0);
        model.setTopP(-1);
        QCOMPARE(model.topP(), 0.0);
        model.setRepeatPenalty(0);
        QCOMPARE(model.repeatPenalty(), 0.5);
        model.setMaxTokens(-5);
        QCOMPARE(model.maxTokens(), 0);
        model.setMinP(qQNaN());
        QVERIFY(!model.isOwn(ModelSettings::MinP));
    }

    void aDamagedFileGivesTheGeneralValues() {
        Settings general;
        ModelSettings model(general);
        model.setModel(kPath, QStringLiteral("somewhere"));
        model.setTopK(5);
        QSettings file(m_home->path(QStringLiteral("config/config.ini")), QSettings::IniFormat);
        const QString group = file.childGroups().filter(QStringLiteral("model-")).value(0);
        QVERIFY(!group.isEmpty());
        file.setValue(group + QStringLiteral("/temperature"), QStringLiteral("hot"));
        file.setValue(group + QStringLiteral("/topK"), -7);
        file.setValue(group + QStringLiteral("/minP"), QStringLiteral("nan"));
        file.setValue(group + QStringLiteral("/contextTokens"), 5);
        QCOMPARE(model.temperature(), general.temperature());
        QCOMPARE(model.topK(), 0);
        QCOMPARE(model.minP(), general.minP());
        QCOMPARE(model.contextTokens(), 256);
        QCOMPARE(model.own(), (QList<int>{ModelSettings::Context, ModelSettings::TopK}));
    }

    void noModelHasNoOwnValues() {
        Settings general;
        ModelSettings model(general);
        model.setTopK(5);
        QVERIFY(model.own().isEmpty());
        QCOMPARE(model.topK(), general.topK());
        model.setModel(models::Store().folder() + QStringLiteral("/gone/model.gguf"), QStringLiteral("gone"));
        model.setTopK(5);
        QVERIFY(model.own().isEmpty());
    }

    void severalObjectsForOneModelAgree() {
        Settings general;
        ModelSettings one(general), two(general), other(general);
        one.setModel(kPath, QStringLiteral("somewhere"));
        two.setModel(kPath, QStringLiteral("somewhere"));
        other.setModel(QStringLiteral("/models/other.gguf"), QStringLiteral("other"));
        QSignalSpy changed(&two, &ModelSettings::changed), otherChanged(&other, &ModelSettings::changed);
        one.setTopK(5);
        QCOMPARE(two.topK(), 5);
        QCOMPARE(changed.size(), 1);
        QCOMPARE(otherChanged.size(), 0);
        general.setTopP(0.3);
        QCOMPARE(changed.size(), 2);
        QCOMPARE(otherChanged.size(), 1);
    }

    void aModelOfTheStoreKeepsThemOverARename() {
        const models::StoreEntry entry = import("first", 1);
        Settings general;
        ModelSettings model(general);
        model.setModel(entry.path, entry.name);
        model.setTopK(5);
        const Result<models::StoreEntry> renamed =
            models::Store().rename(entry.name, QStringLiteral("second"));
        QVERIFY(renamed);
        model.setModel(renamed->path, renamed->name);
        QCOMPARE(model.topK(), 5);
    }

    void aRemovalThatIsUndoneKeepsThem() {
        const models::StoreEntry entry = import("first", 1);
        Settings general;
        ModelSettings model(general);
        model.setModel(entry.path, entry.name);
        model.setTopK(5);
        models::Store store;
        const Result<QString> trash = store.remove(entry.name);
        QVERIFY(trash);
        const Result<models::StoreEntry> back = store.restore(*trash);
        QVERIFY(back);
        model.setModel(back->path, back->name);
        QCOMPARE(model.topK(), 5);
    }

    void anotherModelOfTheSameNameHasNoneOfThem() {
        const models::StoreEntry entry = import("first", 1);
        Settings general;
        ModelSettings model(general);
        model.setModel(entry.path, entry.name);
        model.setTopK(5);
        models::Store store;
        QVERIFY(store.remove(entry.name));
        store.emptyTrash();
        const models::StoreEntry other = import("first", 2);
        QCOMPARE(other.path, entry.path);
        model.setModel({}, {});
        model.setModel(other.path, other.name);
        QCOMPARE(model.topK(), general.topK());
        QVERIFY(model.own().isEmpty());
    }

    void whatModelsLeftThatAreGoneForGoodIsForgottenAtTheNextStart() {
        const models::StoreEntry stays = import("stays", 1);
        const models::StoreEntry goes = import("goes", 2);
        const QString outside = m_home->path(QStringLiteral("outside.gguf"));
        QVERIFY(gguf::writeTinyModel(outside.toStdString()));
        {
            Settings general;
            ModelSettings model(general);
            for (const QString& path : {stays.path, goes.path, outside, kPath}) {
                model.setModel(path, QStringLiteral("name"));
                model.setTopK(5);
            }
        }
        QCOMPARE(groups(*m_home), 4);
        models::Store store;
        QVERIFY(store.remove(goes.name));
        store.emptyTrash();
        {
            Program program;
            program.start();
            QTRY_COMPARE(groups(*m_home), 2);
            ModelSettings model(*program.settings());
            for (const QString& path : {stays.path, outside}) {
                model.setModel(path, QStringLiteral("name"));
                QCOMPARE(model.topK(), 5);
            }
        }
    }

    void anEmptyStoreForgetsNothing() {
        {
            Settings general;
            ModelSettings model(general);
            model.setModel(kPath, QStringLiteral("somewhere"));
            model.setTopK(5);
        }
        Program program;
        QSignalSpy refreshed(program.library(), &ModelLibrary::refreshed);
        program.start();
        QTRY_VERIFY(!refreshed.isEmpty());
        QCOMPARE(groups(*m_home), 1);
    }

    void theListKnowsWhichModelsHaveTheirOwn() {
        const models::StoreEntry entry = import("first", 1);
        Program program;
        program.library()->refresh();
        QTRY_COMPARE(program.library()->count(), 1);
        const QModelIndex row = program.library()->index(0);
        QVERIFY(!program.library()->data(row, ModelLibrary::OwnSettingsRole).toBool());
        program.editModel(entry.path, entry.name);
        program.modelSettings()->setTopK(5);
        QVERIFY(program.library()->data(row, ModelLibrary::OwnSettingsRole).toBool());
        program.modelSettings()->followAll();
        QVERIFY(!program.library()->data(row, ModelLibrary::OwnSettingsRole).toBool());
    }

    void theMemoryOfTheContextIsWhatTheEngineTakes() {
        // 2 layers of 2 heads, each with a key and a value of 16 elements for each of 256 tokens
        constexpr double kFp16 = 2.0 * 2 * 256 * (16 + 16) * 2;
        constexpr double kInt8 = 2.0 * 2 * 256 * (16 + 2 + 16 + 2);
        const models::StoreEntry entry = import("first", 1);
        Program program;
        program.settings()->setDevice(Settings::Cpu);
        program.editModel(entry.path, entry.name);
        ContextMemory& memory = *program.contextMemory();
        QVERIFY(!memory.known());
        QTRY_VERIFY(memory.known());
        QCOMPARE(memory.context(), 256);
        QCOMPARE(memory.trainedContext(), 256);
        QCOMPARE(memory.cacheBytes(), kFp16);
        QVERIFY(memory.totalBytes() > kFp16);
        QVERIFY(memory.fits());
        program.modelSettings()->setKvInt8(true);
        QCOMPARE(memory.cacheBytes(), kInt8);
        program.modelSettings()->setContextTokens(512);
        QCOMPARE(memory.cacheBytes(), 2 * kInt8);
        QCOMPARE(memory.context(), 512);
        program.model()->load(entry.path);
        QTRY_COMPARE(program.model()->state(), ModelHost::Ready);
        QCOMPARE(program.model()->contextSize(), 512);
        QCOMPARE(static_cast<double>(program.model()->kvBytes()), 2 * kInt8);
        program.editModel({}, {});
        QVERIFY(!memory.known());
        QCOMPARE(memory.cacheBytes(), 0.0);
    }

  private:
    /// A tiny model under a name in the store.
    models::StoreEntry import(const char* name, uint64_t seed) {
        gguf::TinyModelOptions options;
        options.seed = seed;
        const QString file = m_home->path(QStringLiteral("source%1.gguf").arg(seed));
        if (!gguf::writeTinyModel(file.toStdString(), options)) return {};
        const Result<models::StoreEntry> entry = models::Store().importModel(file, QString::fromLatin1(name));
        return entry ? *entry : models::StoreEntry();
    }

    std::optional<Home> m_home;
};

QTEST_MAIN(ModelSettingsTest)
#include "model_settings_test.moc"
