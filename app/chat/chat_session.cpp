#include "app/chat/chat_session.h"

#include <QDate>
#include <QLocale>

#include <algorithm>
#include <utility>

#include "app/chat/title.h"
#include "app/model_host.h"
#include "app/storage/history.h"

namespace edgechat::app {
namespace {

constexpr int kDrainMilliseconds = 33;  // about 30 times a second
constexpr int kDraftCountMilliseconds = 150;
constexpr int kDraftSaveMilliseconds = 500;
constexpr int kBytesPerToken = 4;  // of ordinary text, roughly; for what no tokenizer has counted

}  // namespace

ChatSession::ChatSession(History& history, InferenceThread& inference, ModelHost& model, QObject* parent)
    : QObject(parent), m_history(history), m_inference(inference), m_model(model) {
    m_drainTimer.setInterval(kDrainMilliseconds);
    m_drainTimer.setTimerType(Qt::PreciseTimer);
    connect(&m_drainTimer, &QTimer::timeout, this, &ChatSession::drain);
    for (QTimer* timer : {&m_draftCountTimer, &m_draftSaveTimer}) timer->setSingleShot(true);
    m_draftCountTimer.setInterval(kDraftCountMilliseconds);
    m_draftSaveTimer.setInterval(kDraftSaveMilliseconds);
    connect(&m_draftCountTimer, &QTimer::timeout, this, &ChatSession::countDraft);
    connect(&m_draftSaveTimer, &QTimer::timeout, this, &ChatSession::saveDraft);
    connect(&inference, &InferenceThread::answered, this, &ChatSession::onAnswered);
    connect(&inference, &InferenceThread::counted, this, [this](int tokens, const QString& marker) {
        if (m_draft.isEmpty()) tokens = 0;
        const QString shownMarker = m_draft.isEmpty() ? QString() : marker;
        if (tokens == m_draftTokens && shownMarker == m_draftMarker) return;
        m_draftTokens = tokens;
        m_draftMarker = shownMarker;
        Q_EMIT draftTokensChanged();
    });
    connect(&model, &ModelHost::stateChanged, this, &ChatSession::onModelState);
    connect(&model, &ModelHost::modelChanged, this, [this] {
        Q_EMIT contextChanged();
        updateState();
    });
}

ChatSession::~ChatSession() = default;

bool ChatSession::busy() const {
    return m_state != Idle && m_state != ContextFull;
}

int ChatSession::contextSize() const {
    return m_model.contextSize();
}

// --- what the user asks for ---

bool ChatSession::canAsk() {
    if (m_model.state() == ModelHost::Ready || m_model.state() == ModelHost::Loading) return true;
    setProblem({tr("No model is loaded, so nothing was sent."), tr("Choose a model, then send again."),
                m_model.problem()});
    return false;
}

void ChatSession::send(const QString& text) {
    if (text.trimmed().isEmpty() || busy() || m_committing || !canAsk()) return;
    addUserMessage(m_leaf, text, true);
}

void ChatSession::edit(qint64 messageId, const QString& text) {
    const MessageRecord* message = m_tree.find(messageId);
    if (message == nullptr || message->role != MessageRole::user) return;
    if (text.trimmed().isEmpty() || busy() || m_committing || !canAsk()) return;
    addUserMessage(message->parentId, text, false);
}

void ChatSession::addUserMessage(qint64 parentId, const QString& text, bool clearDraft) {
    setProblem({});
    m_committing = true;
    NewMessage message;
    message.conversationId = m_conversationId;
    message.parentId = parentId;
    message.text = text;
    message.title = titleFromText(text);
    message.clearDraft = clearDraft;
    if (clearDraft) m_draftSaveTimer.stop();
    std::vector<inference::ChatMessage> messages = messagesTo(parentId);
    messages.push_back({"user", text.toStdString()});
    m_history.ask<AddedMessage>(
        this, [message](HistoryDatabase& database) { return database.addMessage(message); },
        [this, clearDraft, number = m_openNumber,
         messages = std::move(messages)](Result<AddedMessage> added) {
            m_committing = false;
            if (!added) {
                // Nothing was computed and the text is still in the composer.
                setProblem({tr("The message could not be saved, so it was not sent."),
                            tr("Your text is still in the message field."),
                            QString::fromStdString(added.error().message())});
                updateState();
                return;
            }
            const qint64 conversationId = added->conversation.id;
            if (number == m_openNumber) {
                if (m_conversationId == 0) {
                    m_conversationId = conversationId;
                    m_title = added->conversation.title;
                    Q_EMIT conversationIdChanged();
                    Q_EMIT titleChanged();
                }
                m_tree.add(added->message);
                showLeaf(added->message.id);
                if (clearDraft) {
                    m_draftChanged = false;
                    setDraft({});
                    m_draftChanged = false;
                    m_draftSaveTimer.stop();
                }
                Q_EMIT sent();
            }
            Q_EMIT conversationTouched(added->conversation);
            answer(conversationId, added->message.id, messages);
        });
    updateState();
}

void ChatSession::regenerate(qint64 messageId) {
    const MessageRecord* message = m_tree.find(messageId);
    if (message == nullptr || busy() || m_committing || !canAsk()) return;
    const qint64 parent = message->role == MessageRole::user ? message->id : message->parentId;
    setProblem({});
    answer(m_conversationId, parent, messagesTo(parent));
}

void ChatSession::continueAnswer(qint64 messageId) {
    const MessageRecord* message = m_tree.find(messageId);
    if (message == nullptr || message->role != MessageRole::assistant || messageId != m_leaf) return;
    if (busy() || m_committing || !canAsk()) return;
    setProblem({});
    Run run;
    run.answer = *message;
    run.messages = messagesTo(message->parentId);
    run.date = dateOf(messageId);
    run.partial = message->text.toStdString();
    run.tokensBefore = message->figures.generatedTokens;
    run.statusBefore = message->status;
    run.continued = true;
    run.answer.status = MessageStatus::streaming;
    m_tree.update(run.answer);
    m_messages.update(m_tree, messageId);
    save(run.answer);
    begin(std::move(run));
}

void ChatSession::answer(qint64 conversationId, qint64 parentId,
                         std::vector<inference::ChatMessage> messages) {
    m_committing = true;
    NewMessage message;
    message.conversationId = conversationId;
    message.parentId = parentId;
    message.role = MessageRole::assistant;
    message.status = MessageStatus::streaming;
    m_history.ask<AddedMessage>(
        this, [message](HistoryDatabase& database) { return database.addMessage(message); },
        [this, number = m_openNumber, date = dateOf(parentId),
         messages = std::move(messages)](Result<AddedMessage> added) {
            m_committing = false;
            if (!added) {
                setProblem({tr("The answer could not be saved, so it was not begun."), tr("Try again."),
                            QString::fromStdString(added.error().message())});
                updateState();
                return;
            }
            if (number == m_openNumber) {
                m_tree.add(added->message);
                showLeaf(added->message.id);
            }
            Q_EMIT conversationTouched(added->conversation);
            Run run;
            run.answer = added->message;
            run.messages = messages;
            run.date = date;
            begin(std::move(run));
        });
    updateState();
}

void ChatSession::stop() {
    if (m_next && shown(m_next->answer.conversationId)) {
        const MessageRecord answer = m_next->answer;
        m_next.reset();
        dropAnswer(answer);
        updateState();
        return;
    }
    if (!m_run || !shown(m_run->answer.conversationId) || m_run->stopping) return;
    if (!m_run->asked) {
        abandonRun({});
        return;
    }
    m_run->stopping = true;
    m_inference.stop();
    updateState();
}

void ChatSession::showSibling(qint64 messageId, int step) {
    if (busy() || m_committing) return;
    const qint64 leaf = m_tree.leafOfSibling(messageId, step);
    if (leaf == 0) return;
    showLeaf(leaf);
    updateContext();
    updateState();
    m_history.ask<void>(
        this,
        [id = m_conversationId, leaf](HistoryDatabase& database) { return database.setActiveLeaf(id, leaf); },
        [](Result<void>) {});
}

QString ChatSession::lastAnswer() const {
    const std::vector<qint64> path = m_tree.pathTo(m_leaf);
    for (auto id = path.rbegin(); id != path.rend(); ++id) {
        if (m_run && m_run->answer.id == *id) return m_run->answer.text;
        const MessageRecord* message = m_tree.find(*id);
        if (message->role == MessageRole::assistant && !message->text.isEmpty()) return message->text;
    }
    return {};
}

qint64 ChatSession::lastUserMessageId() const {
    const std::vector<qint64> path = m_tree.pathTo(m_leaf);
    for (auto id = path.rbegin(); id != path.rend(); ++id) {
        if (m_tree.find(*id)->role == MessageRole::user) return *id;
    }
    return 0;
}

void ChatSession::dismissProblem() {
    setProblem({});
}

void ChatSession::setTitle(const QString& title) {
    const QString wanted = title.simplified();
    if (wanted.isEmpty() || wanted == m_title || m_conversationId == 0) return;
    m_title = wanted;
    Q_EMIT titleChanged();
    m_history.ask<ConversationSummary>(
        this,
        [id = m_conversationId, wanted](HistoryDatabase& database) { return database.rename(id, wanted); },
        [this](Result<ConversationSummary> renamed) {
            if (renamed) Q_EMIT conversationTouched(*renamed);
        });
}

void ChatSession::showRenamed(qint64 conversationId, const QString& title) {
    if (!shown(conversationId) || title == m_title) return;
    m_title = title;
    Q_EMIT titleChanged();
}

// --- opening ---

void ChatSession::open(qint64 conversationId, qint64 messageId) {
    if (conversationId == m_conversationId && conversationId != 0) {
        showMessage(messageId);
        return;
    }
    saveDraft();
    const quint64 number = ++m_openNumber;
    m_committing = false;
    if (conversationId == 0) {
        setOpened({});
        m_history.ask<QString>(
            this, [](HistoryDatabase& database) { return database.draft(0); },
            [this, number](Result<QString> draft) {
                if (number != m_openNumber || !draft || !m_draft.isEmpty()) return;
                setDraft(*draft);
                m_draftChanged = false;
            });
        return;
    }
    m_history.ask<ConversationRecord>(
        this, [conversationId](HistoryDatabase& database) { return database.conversation(conversationId); },
        [this, number, messageId](Result<ConversationRecord> record) {
            if (number != m_openNumber) return;
            if (!record) {
                setProblem({tr("The conversation could not be opened."), tr("Try again."),
                            QString::fromStdString(record.error().message())});
                return;
            }
            setOpened(*record);
            showMessage(messageId);
        });
}

void ChatSession::setOpened(const ConversationRecord& record) {
    const bool other = record.summary.id != m_conversationId;
    m_conversationId = record.summary.id;
    m_tree = MessageTree(record.messages);
    for (const std::optional<Run>* run : {&m_run, &m_next}) {
        // The answer that is being written is further on than what was saved of it.
        if (*run && shown((*run)->answer.conversationId)) m_tree.update((*run)->answer);
    }
    if (other) Q_EMIT conversationIdChanged();
    if (m_title != record.summary.title) {
        m_title = record.summary.title;
        Q_EMIT titleChanged();
    }
    const MessageRecord* leaf = m_tree.find(record.activeLeaf);
    showLeaf(leaf != nullptr ? record.activeLeaf : m_tree.newestLeaf());
    setDraft(record.draft);
    m_draftChanged = false;
    m_draftSaveTimer.stop();
    setProblem({});
    if (record.unreadable > 0) {
        setProblem({record.unreadable == 1
                        ? tr("One message of this conversation cannot be read.")
                        : tr("%1 messages of this conversation cannot be read.").arg(record.unreadable),
                    tr("All others are shown."),
                    {}});
    }
    setPrefill(0, 0, -1);
    updateContext();
    updateState();
}

void ChatSession::showLeaf(qint64 leaf) {
    m_leaf = leaf;
    m_messages.show(m_tree, m_tree.pathTo(leaf));
    afterEmptyMayHaveChanged();
}

void ChatSession::showMessage(qint64 messageId) {
    if (m_tree.find(messageId) == nullptr) return;
    const auto rowOf = [&] {
        const std::vector<qint64> path = m_tree.pathTo(m_leaf);
        const auto found = std::find(path.begin(), path.end(), messageId);
        return found == path.end() ? -1 : static_cast<int>(found - path.begin());
    };
    if (rowOf() < 0 && !busy() && !m_committing) {
        showLeaf(m_tree.newestLeaf(messageId));
        updateContext();
    }
    if (rowOf() >= 0) Q_EMIT messageWanted(rowOf());
}

void ChatSession::afterEmptyMayHaveChanged() {
    if (empty() == m_wasEmpty) return;
    m_wasEmpty = empty();
    Q_EMIT emptyChanged();
}

std::vector<inference::ChatMessage> ChatSession::messagesTo(qint64 leaf) const {
    std::vector<inference::ChatMessage> messages;
    for (const qint64 id : m_tree.pathTo(leaf)) {
        const MessageRecord& message = *m_tree.find(id);
        // An answer that never got a word says nothing to the model either.
        if (message.role == MessageRole::assistant && message.text.isEmpty()) continue;
        const char* role = message.role == MessageRole::assistant ? "assistant"
                           : message.role == MessageRole::system  ? "system"
                                                                  : "user";
        messages.push_back({role, message.text.toStdString()});
    }
    return messages;
}

// A template may write a date. It is that of the first message, so that the next day finds the same beginning
// in the cache.
std::string ChatSession::dateOf(qint64 message) const {
    const std::vector<qint64> path = m_tree.pathTo(message);
    const QDate date =
        path.empty() ? QDate::currentDate() : m_tree.find(path.front())->createdAt.toLocalTime().date();
    return QLocale::c().toString(date, QStringLiteral("dd MMM yyyy")).toStdString();
}

// --- the draft ---

void ChatSession::setDraft(const QString& draft) {
    if (draft == m_draft) return;
    m_draft = draft;
    m_draftChanged = true;
    m_draftSaveTimer.start();
    m_draftCountTimer.start();
    Q_EMIT draftChanged();
}

void ChatSession::countDraft() {
    m_inference.countTokens(m_draft);
}

void ChatSession::saveDraft() {
    m_draftSaveTimer.stop();
    if (!m_draftChanged) return;
    m_draftChanged = false;
    m_history.ask<void>(
        this,
        [id = m_conversationId, draft = m_draft](HistoryDatabase& database) {
            return database.setDraft(id, draft);
        },
        [](Result<void>) {});
}

// --- what the window sees ---

void ChatSession::updateState() {
    const bool full =
        m_model.state() == ModelHost::Ready && contextSize() > 0 && m_contextUsed >= contextSize();
    State state = full ? ContextFull : Idle;
    if (m_next && shown(m_next->answer.conversationId)) {
        state = Prefilling;
    } else if (m_run && shown(m_run->answer.conversationId)) {
        if (!m_run->asked) {
            state = Loading;
        } else if (m_run->stopping) {
            state = Stopping;
        } else {
            state = m_inference.buffer().figures().generated > 0 ? Generating : Prefilling;
        }
    } else if (m_committing) {
        state = Prefilling;
    }
    if (state == m_state) return;
    m_state = state;
    Q_EMIT stateChanged();
}

ConversationLength ChatSession::measuredLength() const {
    // What was said after the last answer that has figures was not counted by anybody yet.
    qint64 uncounted = 0;  // bytes
    const std::vector<qint64> path = m_tree.pathTo(m_leaf);
    for (auto id = path.rbegin(); id != path.rend(); ++id) {
        const MessageRecord& message = *m_tree.find(*id);
        if (const int used = message.figures.contextUsed; used > 0) {
            if (uncounted == 0) return {used, message.figures.model};
            return {used + static_cast<int>(uncounted / kBytesPerToken), {}};
        }
        uncounted += message.text.toUtf8().size();
    }
    if (path.empty()) return {};
    uncounted += m_model.settings()->systemPrompt().toUtf8().size();
    return {static_cast<int>(uncounted / kBytesPerToken), {}};
}

void ChatSession::updateContext() {
    setLength(measuredLength());
}

QString ChatSession::answeredBy() const {
    const MessageRecord* leaf = m_tree.find(m_leaf);
    if (leaf == nullptr) return {};
    if (leaf->role == MessageRole::assistant && !leaf->figures.model.isEmpty()) return leaf->figures.model;
    return m_tree.modelBefore(m_leaf).value_or(QString());
}

void ChatSession::setLength(const ConversationLength& length) {
    m_length = length;
    m_contextUsed = length.tokens;
    Q_EMIT contextChanged();
    updateState();
}

void ChatSession::setContextUsed(int tokens) {
    if (tokens == m_contextUsed) return;
    m_contextUsed = tokens;
    Q_EMIT contextChanged();
    updateState();
}

void ChatSession::setPrefill(int done, int total, double secondsLeft) {
    if (done == m_prefillDone && total == m_prefillTotal && secondsLeft == m_prefillSecondsLeft) return;
    m_prefillDone = done;
    m_prefillTotal = total;
    m_prefillSecondsLeft = secondsLeft;
    Q_EMIT prefillChanged();
}

void ChatSession::setProblem(const Problem& problem) {
    if (problem == m_problem) return;
    m_problem = problem;
    Q_EMIT problemChanged();
}

}  // namespace edgechat::app
