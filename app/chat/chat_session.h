// The shown conversation: what was said, what is being answered, and the message being written.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QTimer>

#include <memory>
#include <optional>

#include "app/chat/message_list.h"
#include "app/chat/message_tree.h"
#include "app/inference_thread.h"
#include "app/storage/records.h"

namespace edgechat::app {

class History;
class ModelHost;

/// How much of a context a conversation takes.
struct ConversationLength {
    int tokens = 0;
    QString
        countedBy;  ///< the model whose tokenizer counted them; empty: estimated from the bytes of the text
    bool operator==(const ConversationLength&) const = default;
};

/// One object for the life of the program; its content changes with the opened conversation. An answer goes
/// on and is saved when another conversation is opened. Lives on the GUI thread.
class ChatSession : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the chat session")
    Q_PROPERTY(qint64 conversationId READ conversationId NOTIFY conversationIdChanged FINAL)
    Q_PROPERTY(QString title READ title WRITE setTitle NOTIFY titleChanged FINAL)
    Q_PROPERTY(edgechat::app::MessageList* messages READ messages CONSTANT FINAL)
    Q_PROPERTY(State state READ state NOTIFY stateChanged FINAL)
    Q_PROPERTY(bool busy READ busy NOTIFY stateChanged FINAL)
    Q_PROPERTY(bool empty READ empty NOTIFY emptyChanged FINAL)
    Q_PROPERTY(int prefillDone READ prefillDone NOTIFY prefillChanged FINAL)
    Q_PROPERTY(int prefillTotal READ prefillTotal NOTIFY prefillChanged FINAL)
    Q_PROPERTY(double prefillSecondsLeft READ prefillSecondsLeft NOTIFY prefillChanged FINAL)
    Q_PROPERTY(QString draft READ draft WRITE setDraft NOTIFY draftChanged FINAL)
    Q_PROPERTY(QString draftMarker READ draftMarker NOTIFY draftTokensChanged FINAL)
    Q_PROPERTY(QString answeredBy READ answeredBy NOTIFY contextChanged FINAL)
    Q_PROPERTY(int draftTokens READ draftTokens NOTIFY draftTokensChanged FINAL)
    Q_PROPERTY(int contextUsed READ contextUsed NOTIFY contextChanged FINAL)
    Q_PROPERTY(int contextSize READ contextSize NOTIFY contextChanged FINAL)
    Q_PROPERTY(QString problem READ problem NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemFix READ problemFix NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemDetails READ problemDetails NOTIFY problemChanged FINAL)

  public:
    /// Loading: a message waits for the model. ContextFull: the conversation is as long as the loaded model's
    /// context or longer.
    enum State { Idle, Loading, Prefilling, Generating, Stopping, ContextFull };
    Q_ENUM(State)

    ChatSession(History& history, InferenceThread& inference, ModelHost& model, QObject* parent = nullptr);
    ~ChatSession() override;

    qint64 conversationId() const { return m_conversationId; }  ///< 0: a chat that has no message yet
    QString title() const { return m_title; }
    void setTitle(const QString& title);
    MessageList* messages() { return &m_messages; }
    State state() const { return m_state; }
    bool busy() const;
    bool empty() const { return m_messages.count() == 0; }
    int prefillDone() const { return m_prefillDone; }
    int prefillTotal() const { return m_prefillTotal; }
    double prefillSecondsLeft() const { return m_prefillSecondsLeft; }  ///< -1: unknown
    QString draft() const { return m_draft; }
    void setDraft(const QString& draft);
    int draftTokens() const { return m_draftTokens; }
    QString draftMarker() const {
        return m_draftMarker;
    }                            ///< of the draft: as InferenceThread::counted() says
    QString answeredBy() const;  ///< the model of the last answer that is shown
    const ConversationLength& length() const { return m_length; }
    int contextUsed() const { return m_contextUsed; }
    int contextSize() const;
    QString problem() const { return m_problem.what; }
    QString problemFix() const { return m_problem.fix; }
    QString problemDetails() const { return m_problem.details; }

    /// Commits the text as the user's message and asks for an answer.
    Q_INVOKABLE void send(const QString& text);
    Q_INVOKABLE void stop();
    /// Another answer beside this one; of a user's message: an answer to it.
    Q_INVOKABLE void regenerate(qint64 messageId);
    /// Another version of a user's message, and an answer to it.
    Q_INVOKABLE void edit(qint64 messageId, const QString& text);
    /// Goes on with an answer that ended early.
    Q_INVOKABLE void continueAnswer(qint64 messageId);
    Q_INVOKABLE void showSibling(qint64 messageId, int step);
    Q_INVOKABLE QString lastAnswer() const;
    Q_INVOKABLE qint64 lastUserMessageId() const;
    Q_INVOKABLE void dismissProblem();

    /// 0: a new chat. With a message, the branch that holds it is shown and messageWanted() follows.
    void open(qint64 conversationId, qint64 messageId = 0);
    void showRenamed(qint64 conversationId, const QString& title);
    /// Ends the running answer and hands what is there to the storage thread. Blocks until the engine is
    /// idle.
    void finish();

  Q_SIGNALS:
    void conversationIdChanged();
    void titleChanged();
    void stateChanged();
    void emptyChanged();
    void prefillChanged();
    void draftChanged();
    void draftTokensChanged();
    void contextChanged();
    void problemChanged();
    void sent();
    void answered();
    void messageWanted(int row);  ///< of messages(): it is to be brought into view
    void conversationTouched(const edgechat::app::ConversationSummary& conversation);

  private:
    struct Problem {
        QString what, fix, details;
        bool operator==(const Problem&) const = default;
    };
    /// An answer that is being computed or waits for its turn.
    struct Run {
        MessageRecord answer;
        std::vector<inference::ChatMessage> messages;  ///< all that was said before the answer
        std::string date;                              ///< when the conversation began, as templates write it
        std::string partial;   ///< the answer's text when it began: it goes on from there
        int tokensBefore = 0;  ///< generated for `partial`
        MessageStatus statusBefore = MessageStatus::streaming;  ///< of an answer that is gone on with
        bool continued = false;
        bool asked = false;  ///< the inference thread has the request
        bool stopping = false;
    };

    bool canAsk();  ///< false, with a problem, when no model is there
    std::vector<inference::ChatMessage> messagesTo(qint64 leaf) const;
    std::string dateOf(qint64 message) const;  ///< on which the conversation with it began
    void addUserMessage(qint64 parentId, const QString& text, bool clearDraft);
    void answer(qint64 conversationId, qint64 parentId, std::vector<inference::ChatMessage> messages);
    void begin(Run run);
    void ask();  ///< gives m_run to the inference thread once the model is ready
    void drain();
    void onAnswered(const AnswerOutcome& outcome);
    void onModelState();
    void endRun();  ///< m_run is over and saved
    void abandonRun(const Problem& problem);
    void save(const MessageRecord& answer);
    void dropAnswer(const MessageRecord& answer);
    bool shown(qint64 conversationId) const { return conversationId == m_conversationId; }
    void showLeaf(qint64 leaf);
    void showMessage(qint64 messageId);
    void setOpened(const ConversationRecord& record);
    void updateState();
    void updateContext();
    ConversationLength measuredLength() const;
    void setLength(const ConversationLength& length);
    void setContextUsed(int tokens);  ///< of the answer that is being computed
    void setPrefill(int done, int total, double secondsLeft);
    void setProblem(const Problem& problem);
    void countDraft();
    void saveDraft();
    void afterEmptyMayHaveChanged();

    History& m_history;
    InferenceThread& m_inference;
    ModelHost& m_model;

    MessageList m_messages;
    MessageTree m_tree;  ///< of the shown conversation
    qint64 m_leaf = 0;
    qint64 m_conversationId = 0;
    QString m_title;
    quint64 m_openNumber = 0;   ///< what arrives for an older one is dropped
    bool m_committing = false;  ///< a message is on its way to the storage thread
    State m_state = Idle;
    bool m_wasEmpty = true;

    std::optional<Run> m_run;
    std::optional<Run> m_next;  ///< waits until m_run has ended
    QTimer m_drainTimer;        ///< runs only while an answer is computed
    int m_ticksSinceSave = 0;
    bool m_unsavedText = false;

    int m_prefillDone = 0;
    int m_prefillTotal = 0;
    double m_prefillSecondsLeft = -1;
    ConversationLength m_length;  ///< of the shown conversation
    int m_contextUsed = 0;
    QString m_draft;
    bool m_draftChanged = false;  ///< since it was saved
    int m_draftTokens = 0;
    QString m_draftMarker;
    QTimer m_draftCountTimer;
    QTimer m_draftSaveTimer;
    Problem m_problem;
};

}  // namespace edgechat::app
