// The program behind the window: it makes the parts, connects them and ends them in order.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>

#include <map>
#include <memory>

#include "app/cached_models.h"
#include "app/catalog_list.h"
#include "app/chat/chat_session.h"
#include "app/chat/conversation_list.h"
#include "app/context_memory.h"
#include "app/gpu.h"
#include "app/installed_models.h"
#include "app/job_list.h"
#include "app/machine_memory.h"
#include "app/model_host.h"
#include "app/model_library.h"
#include "app/repository_offer.h"
#include "app/settings/hub_access.h"
#include "app/settings/model_settings.h"
#include "app/settings/settings.h"
#include "app/storage/history.h"
#include "app/telemetry/telemetry.h"

namespace edgechat::app {

struct ProgramOptions {
    QString model;  ///< file or store name to load at start; empty: the last one, else the only one
};

/// Lives on the GUI thread.
class Program : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("main() makes the program")
    Q_PROPERTY(edgechat::app::ConversationList* conversations READ conversations CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::ChatSession* chat READ chat CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::ModelHost* model READ model CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::ModelLibrary* library READ library CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::InstalledModels* installed READ installed CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::CatalogList* catalog READ catalog CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::CachedModels* cached READ cached CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::JobList* jobs READ jobs CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::RepositoryOffer* offer READ offer CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::Telemetry* telemetry READ telemetry CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::Settings* settings READ settings CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::Gpu* gpu READ gpu CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::HubAccess* hub READ hub CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::ModelSettings* modelSettings READ modelSettings CONSTANT FINAL)
    Q_PROPERTY(edgechat::app::ContextMemory* contextMemory READ contextMemory CONSTANT FINAL)
    Q_PROPERTY(QString historyProblem READ historyProblem NOTIFY historyProblemChanged FINAL)
    Q_PROPERTY(QString historyProblemFix READ historyProblemFix NOTIFY historyProblemChanged FINAL)
    Q_PROPERTY(QString historyProblemDetails READ historyProblemDetails NOTIFY historyProblemChanged FINAL)
    Q_PROPERTY(QString version READ version CONSTANT FINAL)

  public:
    explicit Program(const ProgramOptions& options = {}, QObject* parent = nullptr);
    ~Program() override;

    ConversationList* conversations() { return &m_conversations; }
    ChatSession* chat() { return &m_chat; }
    ModelHost* model() { return &m_model; }
    ModelLibrary* library() { return &m_library; }
    InstalledModels* installed() { return &m_installed; }
    CatalogList* catalog() { return &m_catalog; }
    CachedModels* cached() { return &m_cached; }
    JobList* jobs() { return &m_jobs; }
    RepositoryOffer* offer() { return &m_offer; }
    Telemetry* telemetry() { return &m_telemetry; }
    Settings* settings() { return &m_settings; }
    Gpu* gpu() { return &m_gpu; }
    HubAccess* hub() { return &m_hub; }
    /// Of the model that editModel() was called with.
    ModelSettings* modelSettings() { return &m_modelSettings; }
    ContextMemory* contextMemory() { return &m_contextMemory; }  ///< of the same
    QString historyProblem() const;
    QString historyProblemFix() const;
    QString historyProblemDetails() const;
    QString version() const;

    /// Opens the history again; what was said in the meantime is written into it.
    Q_INVOKABLE void retryHistory();
    /// Moves the broken file aside, never deletes it, and begins a new one.
    Q_INVOKABLE void startFreshHistory();
    Q_INVOKABLE void newChat();
    Q_INVOKABLE void openConversation(qint64 id);
    /// Opens the conversation where this message is; 0: where it ends.
    Q_INVOKABLE void openMessage(qint64 conversationId, qint64 messageId);
    Q_INVOKABLE void copyText(const QString& text);
    /// Makes a damaged model of the store whole again, from where it came.
    Q_INVOKABLE void repairModel(const QString& name);
    /// The Models page was opened: asks the machine what is free for models that are not here yet, and what
    /// other programs have fetched.
    Q_INVOKABLE void lookAround();
    /// Puts a model into modelSettings() and contextMemory(); an empty path: none.
    Q_INVOKABLE void editModel(const QString& path, const QString& name);

    /// Opens the history and loads the first model. Returns at once.
    void start();
    /// Saves the running answer and ends all threads. Called once, before the application object goes.
    void finish();

  Q_SIGNALS:
    void historyProblemChanged();

  private:
    void updateBusy();
    void forgetGoneModels();
    void readPrefillRates();
    void updateSwitchFacts();

    ProgramOptions m_options;
    Settings m_settings;
    Gpu m_gpu;
    HubAccess m_hub;
    History m_history;
    InferenceThread m_inference;
    Telemetry m_telemetry;
    ModelHost m_model;
    ModelSettings m_modelSettings;
    MachineMemory m_machine;
    ContextMemory m_contextMemory;
    ModelLibrary m_library;
    InstalledModels m_installed;
    CatalogList m_catalog;
    CachedModels m_cached;
    models::jobs::JobService m_jobService;
    JobList m_jobs;
    RepositoryOffer m_offer;
    ConversationList m_conversations;
    ChatSession m_chat;
    std::map<QString, double> m_prefillRates;  ///< tokens per second, by model
    bool m_finished = false;
};

}  // namespace edgechat::app
