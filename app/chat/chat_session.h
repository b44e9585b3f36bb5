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
class Settings;

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
    Q_PROPERTY(int draftTokens READ draftTokens NOTIFY draftTokensChanged FINAL)
    Q_PROPERTY(int contextUsed READ contextUsed NOTIFY contextChanged FINAL)
    Q_PROPERTY(int contextSize READ contextSize NOTIFY contextChanged FINAL)
    Q_PROPERTY(QString problem READ problem NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemFix READ problemFix NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemDetails READ problemDetails NOTIFY problemChanged FINAL)

  public:
    /// Loading: a message waits for the model. ContextFull: the last request did not fit or filled the
    /// context.
    enum State { Idle, Loading, Prefilling, Generating, Stopping, ContextFull };
    Q_ENUM(State)

    ChatSession(History& history, InferenceThread& inference, ModelHost& model, Settings& settings,
                QObject* parent = nullptr);
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

    void open(qint64 conversationId);  ///< 0: a new chat
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
    void conversationTouched(const edgechat::app::ConversationSummary& conversation);

  private:
    struct Problem {
        QString what, fix, details;
        bool operator==(const Problem&) const = default;
    };
    MessageList m_messages;
    State m_state = Idle;
    qint64 m_conversationId = 0;
    QString m_title;
    int m_prefillDone = 0;
    int m_prefillTotal = 0;
    double m_prefillSecondsLeft = -1;
    QString m_draft;
    int m_draftTokens = 0;
    int m_contextUsed = 0;
    Problem m_problem;
};

}  // namespace edgechat::app
