#include <QClipboard>
#include <QGuiApplication>
#include "app/program.h"
#include "models/paths.h"
namespace edgechat::app {
ConversationList::ConversationList(History& h, QObject* p) : QAbstractListModel(p), m_history(h) {
    (void)m_history;
}
int ConversationList::rowCount(const QModelIndex& p) const {
    return p.isValid() ? 0 : count();
}
QVariant ConversationList::data(const QModelIndex&, int) const {
    return {};
}
QHash<int, QByteArray> ConversationList::roleNames() const {
    return {{ConversationIdRole, "conversationId"},
            {TitleRole, "title"},
            {GroupRole, "group"},
            {SnippetRole, "snippet"},
            {MessageIdRole, "messageId"},
            {UpdatedAtRole, "updatedAt"},
            {CurrentRole, "current"}};
}
void ConversationList::setQuery(const QString& q) {
    m_query = q;
    Q_EMIT queryChanged();
}
void ConversationList::rename(qint64, const QString&) {}
void ConversationList::remove(qint64) {}
void ConversationList::undoRemove() {}
qint64 ConversationList::idAt(int) const {
    return 0;
}
ChatSession::ChatSession(History&, InferenceThread&, ModelHost&, Settings&, QObject* p) : QObject(p) {}
ChatSession::~ChatSession() = default;
void ChatSession::setTitle(const QString& t) {
    m_title = t;
    Q_EMIT titleChanged();
}
bool ChatSession::busy() const {
    return m_state != Idle && m_state != ContextFull;
}
void ChatSession::setDraft(const QString& d) {
    m_draft = d;
    Q_EMIT draftChanged();
}
int ChatSession::contextSize() const {
    return 0;
}
void ChatSession::send(const QString&) {}
void ChatSession::stop() {}
void ChatSession::regenerate(qint64) {}
void ChatSession::edit(qint64, const QString&) {}
void ChatSession::continueAnswer(qint64) {}
void ChatSession::showSibling(qint64, int) {}
QString ChatSession::lastAnswer() const {
    return {};
}
qint64 ChatSession::lastUserMessageId() const {
    return 0;
}
void ChatSession::dismissProblem() {}
InferenceThread::InferenceThread(QObject* p) : QObject(p) {}
InferenceThread::~InferenceThread() = default;
ModelHost::ModelHost(InferenceThread&, Settings&, QObject* p) : QObject(p) {}
QString ModelHost::sizeText() const {
    return {};
}
void ModelHost::load(const QString&) {}
void ModelHost::unload() {}
void ModelHost::retry() {}
ModelLibrary::ModelLibrary(ModelHost&, Settings&, QObject* p) : QAbstractListModel(p) {}
ModelLibrary::~ModelLibrary() = default;
int ModelLibrary::rowCount(const QModelIndex& p) const {
    return p.isValid() ? 0 : count();
}
QVariant ModelLibrary::data(const QModelIndex&, int) const {
    return {};
}
QHash<int, QByteArray> ModelLibrary::roleNames() const {
    return {{NameRole, "name"},
            {PathRole, "path"},
            {ArchitectureRole, "architecture"},
            {ParametersTextRole, "parametersText"},
            {QuantizationRole, "quantization"},
            {BytesRole, "bytes"},
            {SizeTextRole, "sizeText"},
            {InStoreRole, "inStore"},
            {LoadedRole, "loaded"},
            {DamagedRole, "damaged"},
            {ProblemRole, "problem"}};
}
void ModelLibrary::importPath(const QVariant&) {}
void ModelLibrary::remove(const QString&) {}
void ModelLibrary::undoRemove() {}
void ModelLibrary::refresh() {}
Telemetry::Telemetry(const QString&, QObject* p) : QObject(p) {}
Telemetry::~Telemetry() = default;
void Telemetry::setWindowVisible(bool v) {
    m_windowVisible = v;
    Q_EMIT windowVisibleChanged();
}
HistoryDatabase::~HistoryDatabase() = default;
History::History(const QString& f, const DatabaseOptions&, QObject* p) : QObject(p), m_file(f) {}
History::~History() = default;
Program::Program(const ProgramOptions& o, QObject* p)
    : QObject(p),
      m_options(o),
      m_history(models::historyFile()),
      m_model(m_inference, m_settings),
      m_library(m_model, m_settings),
      m_conversations(m_history),
      m_chat(m_history, m_inference, m_model, m_settings) {}
Program::~Program() = default;
QString Program::historyProblem() const {
    return m_history.problem().what;
}
QString Program::historyProblemFix() const {
    return m_history.problem().fix;
}
QString Program::historyProblemDetails() const {
    return m_history.problem().details;
}
QString Program::version() const {
    return QStringLiteral(EDGECHAT_VERSION);
}
void Program::retryHistory() {}
void Program::startFreshHistory() {}
void Program::newChat() {}
void Program::openConversation(qint64) {}
void Program::copyText(const QString& t) {
    QGuiApplication::clipboard()->setText(t);
}
void Program::start() {}
void Program::finish() {
    m_finished = true;
}
}  // namespace edgechat::app
