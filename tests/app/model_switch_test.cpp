// Another model in the middle of a conversation, with the real engine on two tiny models: one that chats, one
// that has no template.
#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include "app/program.h"
#include "inference/model/checkpoint.h"
#include "inference/text/tokenizer.h"
#include "tests/app/fixture.h"
#include "tests/data/gguf_writer.h"

using namespace edgechat;
using namespace edgechat::app;
using namespace edgechat::app::testing;
namespace gguf = edgechat::testing;

class ModelSwitchTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void init() {
        m_home.emplace();
        m_chatty = m_home->path(QStringLiteral("chatty.gguf"));
        m_plain = m_home->path(QStringLiteral("plain.gguf"));
        gguf::TinyModelOptions options;
        options.context = 8192;
        QVERIFY(gguf::writeTinyModel(m_chatty.toStdString(), options));
        options.chatTemplate.clear();
        options.context = 512;
        options.seed = 2;
        QVERIFY(gguf::writeTinyModel(m_plain.toStdString(), options));
        Settings settings;
        settings.setTemperature(0);
        settings.setRepeatPenalty(1);
        settings.setMaxTokens(5);
        settings.setThreads(1);
        m_program = std::make_unique<Program>(ProgramOptions{m_chatty});
        m_program->start();
        QTRY_COMPARE(host()->state(), ModelHost::Ready);
    }

    void cleanup() { m_program.reset(); }

    void theConversationIsKeptAndReadAgainInTheNewModelsForm() {
        send(QStringLiteral("hello"));
        const QString first = role(1, MessageList::TextRole).toString();
        load(m_plain);
        QCOMPARE(rows(), 2);
        QCOMPARE(role(1, MessageList::TextRole).toString(), first);
        QCOMPARE(chat()->answeredBy(), QStringLiteral("chatty"));

        send(QStringLiteral("and more"));
        QCOMPARE(rows(), 4);
        QCOMPARE(chat()->answeredBy(), QStringLiteral("plain"));
        // Plain completion: all that was said, in order, and nothing else.
        const int plainTokens =
            tokens({{-1, (QStringLiteral("hello") + first + QStringLiteral("\nand more")).toStdString()}});
        QCOMPARE(promptTokens(3), plainTokens);
        QCOMPARE(stored("cached_tokens", 3).toInt(), 0);

        const QString second = role(3, MessageList::TextRole).toString();
        load(m_chatty);
        send(QStringLiteral("back"));
        std::vector<inference::PromptSegment> turns;
        const auto turn = [&turns](const char* name, const QString& text) {
            turns.push_back({1, "<|im_start|>"});
            turns.push_back({-1, name + ("\n" + text.toStdString())});
            turns.push_back({2, "<|im_end|>"});
            turns.push_back({-1, "\n"});
        };
        turn("user", QStringLiteral("hello"));
        if (!first.isEmpty()) turn("assistant", first);
        turn("user", QStringLiteral("and more"));
        if (!second.isEmpty()) turn("assistant", second);
        turn("user", QStringLiteral("back"));
        turns.push_back({1, "<|im_start|>"});
        turns.push_back({-1, "assistant\n"});
        QCOMPARE(promptTokens(5), tokens(turns));
    }

    void whereTheModelChangedIsMarked() {
        send(QStringLiteral("one"));
        send(QStringLiteral("two"));
        QVERIFY(!role(1, MessageList::ModelChangedRole).toBool());
        QVERIFY(!role(3, MessageList::ModelChangedRole).toBool());
        load(m_plain);
        bool markedWhileItAnswers = false;
        QObject::connect(chat(), &ChatSession::stateChanged, this, [&] {
            if (chat()->state() == ChatSession::Prefilling || chat()->state() == ChatSession::Generating)
                markedWhileItAnswers |= rows() == 6 && role(5, MessageList::ModelChangedRole).toBool();
        });
        send(QStringLiteral("three"));
        QVERIFY(markedWhileItAnswers);
        QVERIFY(role(5, MessageList::ModelChangedRole).toBool());
        QCOMPARE(role(5, MessageList::ModelNameRole).toString(), QStringLiteral("plain"));
        QVERIFY(!role(4, MessageList::ModelChangedRole).toBool());  // the user's message
    }

    void whatASwitchCostsIsKnownBefore() {
        load(m_plain);
        load(m_chatty);  // both are known to the library now
        m_program->library()->refresh();
        QTRY_COMPARE(m_program->library()->count(), 2);
        QAbstractItemModelTester tester(m_program->library(),
                                        QAbstractItemModelTester::FailureReportingMode::QtTest);
        QCOMPARE(library("chatty", ModelLibrary::SwitchCostRole).toString(), QString());  // it is loaded
        QVERIFY(!library("plain", ModelLibrary::SwitchCostRole).toString().contains(QStringLiteral("reads")));

        send(QString(100, u'x'));
        const QString unknown = library("plain", ModelLibrary::SwitchCostRole).toString();
        QVERIFY2(unknown.contains(QStringLiteral("reads about 1")), qPrintable(unknown));
        QVERIFY2(unknown.contains(QStringLiteral("unknown until it has run once")), qPrintable(unknown));
        m_program->settings()->setLoadRate(1e6);
        QTRY_VERIFY(library("plain", ModelLibrary::SwitchCostRole).toString().endsWith(u's'));
        m_program->newChat();
        QTRY_VERIFY(
            !library("plain", ModelLibrary::SwitchCostRole).toString().contains(QStringLiteral("reads")));
    }

    void aConversationLongerThanTheNewContextIsSaidBeforeAndAfter() {
        load(m_plain);
        load(m_chatty);
        m_program->library()->refresh();
        QTRY_COMPARE(m_program->library()->count(), 2);
        send(QString(600, u'x'));
        QCOMPARE(library("chatty", ModelLibrary::SwitchWarningRole).toString(), QString());
        const QString warning = library("plain", ModelLibrary::SwitchWarningRole).toString();
        QVERIFY2(warning.contains(QStringLiteral("512")), qPrintable(warning));
        load(m_plain);
        QCOMPARE(chat()->state(), ChatSession::ContextFull);
        QCOMPARE(rows(), 2);
        load(m_chatty);
        QCOMPARE(chat()->state(), ChatSession::Idle);
        send(QStringLiteral("go on"));
        QCOMPARE(rows(), 4);
    }

    void aModelWithoutATemplateIsKnownAsOne() {
        QVERIFY(!host()->completesText());
        QCOMPARE(host()->templateNote(), QString());
        load(m_plain);
        QVERIFY(host()->completesText());
        QVERIFY2(host()->templateNote().contains(QStringLiteral("no chat template")),
                 qPrintable(host()->templateNote()));
        gguf::TinyModelOptions options;
        options.chatTemplate = "{{ raise_exception('of a kind that nobody knows') }}";
        const QString odd = m_home->path(QStringLiteral("odd.gguf"));
        QVERIFY(gguf::writeTinyModel(odd.toStdString(), options));
        load(odd);
        QVERIFY2(host()->templateNote().contains(QStringLiteral("cannot be used")),
                 qPrintable(host()->templateNote()));
    }

    void theListShowsFamilySizeAndContext() {
        m_program->library()->refresh();
        QTRY_COMPARE(m_program->library()->count(), 1);
        QCOMPARE(library("chatty", ModelLibrary::FamilyRole).toString(), QStringLiteral("LLaMA"));
        QCOMPARE(library("chatty", ModelLibrary::TitleRole).toString(), QStringLiteral("Tiny"));
        QCOMPARE(library("chatty", ModelLibrary::ContextRole).toInt(), 8192);
        QCOMPARE(library("chatty", ModelLibrary::FileCountRole).toInt(), 1);
        QCOMPARE(host()->contextSize(), 4096);
        QCOMPARE(host()->trainedContext(), 8192);
    }

    void aModelsOwnInstructionsAndLimitsHoldForItsAnswersAlone() {
        host()->settings()->setSystemPrompt(QStringLiteral("hello"));
        host()->settings()->setMaxTokens(2);
        send(QStringLiteral("one"));
        const std::vector<inference::PromptSegment> turns = {
            {1, "<|im_start|>"}, {-1, "system\nhello"}, {2, "<|im_end|>"}, {-1, "\n"},
            {1, "<|im_start|>"}, {-1, "user\none"},     {2, "<|im_end|>"}, {-1, "\n"},
            {1, "<|im_start|>"}, {-1, "assistant\n"}};
        QCOMPARE(promptTokens(1), tokens(turns));
        QVERIFY(stored("generated_tokens", 1).toInt() <= 2);
        load(m_plain);
        QCOMPARE(host()->settings()->systemPrompt(), QString());
        QCOMPARE(host()->settings()->maxTokens(), 5);
        load(m_chatty);
        QCOMPARE(host()->settings()->maxTokens(), 2);
    }

    void theModelsOwnContextDecidesWhatASwitchCosts() {
        load(m_plain);
        load(m_chatty);
        m_program->library()->refresh();
        QTRY_COMPARE(m_program->library()->count(), 2);
        send(QString(400, u'x'));
        QCOMPARE(library("plain", ModelLibrary::SwitchWarningRole).toString(), QString());
        m_program->editModel(m_plain, QStringLiteral("plain"));
        m_program->modelSettings()->setContextTokens(256);
        const QString warning = library("plain", ModelLibrary::SwitchWarningRole).toString();
        QVERIFY2(warning.contains(QStringLiteral("256")), qPrintable(warning));
    }

    void aLoadOfSomeSizeMeasuresItsSpeed() {
        QCOMPARE(m_program->settings()->loadRate(), 0.0);  // the tiny model says nothing about it
        gguf::TinyModelOptions options;
        options.hidden = 512;
        options.heads = 8;
        options.headSize = 64;
        options.ffn = 2048;
        options.weights = inference::TensorType::f16;
        const QString larger = m_home->path(QStringLiteral("larger.gguf"));
        QVERIFY(gguf::writeTinyModel(larger.toStdString(), options));
        QVERIFY(QFileInfo(larger).size() > (8 << 20));
        load(larger);
        QVERIFY(m_program->settings()->loadRate() > 0);
    }

    void textThatTheModelTakesForATurnIsTold() {
        History history(m_home->path(QStringLiteral("other.sqlite")));
        history.open();
        Settings settings;
        InferenceThread inference;
        ModelHost model(inference, settings);
        ChatSession session(history, inference, model);
        QSignalSpy changed(&session, &ChatSession::draftTokensChanged);
        session.setDraft(QStringLiteral("User: hello"));
        Q_EMIT inference.counted(3, QStringLiteral("User:"));
        QCOMPARE(session.draftMarker(), QStringLiteral("User:"));
        QCOMPARE(changed.size(), 1);
        session.setDraft({});
        Q_EMIT inference.counted(0, {});
        QCOMPARE(session.draftMarker(), QString());
        session.finish();
        history.finish();
    }

  private:
    ChatSession* chat() { return m_program->chat(); }
    ModelHost* host() { return m_program->model(); }
    int rows() { return chat()->messages()->count(); }
    QVariant role(int row, int role) {
        return chat()->messages()->data(chat()->messages()->index(row), role);
    }
    QVariant library(const char* name, int role) {
        ModelLibrary* models = m_program->library();
        for (int row = 0; row < models->count(); ++row) {
            const QModelIndex index = models->index(row);
            if (models->data(index, ModelLibrary::NameRole).toString() == QLatin1String(name))
                return models->data(index, role);
        }
        return {};
    }
    QVariant stored(const char* column, int row) {
        // The end of an answer is written by the storage thread; the window knows of it before.
        QTest::qWait(50);
        return readSql(m_home->path(QStringLiteral("history.sqlite")),
                       QStringLiteral("SELECT %1 FROM messages WHERE id = %2")
                           .arg(QString::fromLatin1(column))
                           .arg(role(row, MessageList::MessageIdRole).toLongLong()));
    }
    int promptTokens(int row) {
        return QTest::qWaitFor([&] { return stored("prompt_tokens", row).toInt() > 0; }, 10000)
                   ? stored("prompt_tokens", row).toInt()
                   : -1;
    }
    /// Both models have the same vocabulary.
    int tokens(const std::vector<inference::PromptSegment>& segments) {
        const auto checkpoint = inference::Checkpoint::open(m_plain.toStdString());
        const auto tokenizer = inference::makeTokenizer(**checkpoint);
        return static_cast<int>((*tokenizer)->encodeSegments(segments).size());
    }
    void load(const QString& path) {
        host()->load(path);
        QTRY_COMPARE(host()->state(), ModelHost::Ready);
    }
    void send(const QString& text) {
        QSignalSpy sent(chat(), &ChatSession::sent);
        chat()->send(text);
        QTRY_COMPARE(sent.size(), 1);
        QTRY_VERIFY_WITH_TIMEOUT(!chat()->busy(), 30000);
    }

    std::optional<Home> m_home;
    QString m_chatty, m_plain;
    std::unique_ptr<Program> m_program;
};

QTEST_MAIN(ModelSwitchTest)
#include "model_switch_test.moc"
