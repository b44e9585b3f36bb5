#pragma once

// The same types that edgechat_app exports to QML, with values that a test sets. So every state of the window
// can be shown and driven without an engine or a database.

#include <QtQml/qqmlregistration.h>
#include <QAbstractListModel>
#include <QDateTime>
#include <QObject>
#include <QRect>
#include <QUrl>
#include <QVariant>

#include <cmath>

namespace edgechat::fake {

/// Rows of named values as a list model.
class RowModel : public QAbstractListModel {
    Q_OBJECT
    QML_ANONYMOUS
    Q_PROPERTY(int count READ count NOTIFY countChanged FINAL)

  public:
    explicit RowModel(const QList<QByteArray>& roles, QObject* parent = nullptr)
        : QAbstractListModel(parent), m_roles(roles) {}

    int rowCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : count(); }
    int count() const { return static_cast<int>(m_rows.size()); }
    QVariant data(const QModelIndex& index, int role) const override;
    QHash<int, QByteArray> roleNames() const override;

    Q_INVOKABLE void setRows(const QVariantList& rows);
    Q_INVOKABLE void setValue(int row, const QString& role, const QVariant& value);
    QVariantMap row(int i) const { return m_rows[i].toMap(); }

  Q_SIGNALS:
    void countChanged();

  private:
    QList<QByteArray> m_roles;
    QVariantList m_rows;
};

class ConversationList : public RowModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString query MEMBER m_query NOTIFY queryChanged FINAL)
    Q_PROPERTY(bool canUndoDelete MEMBER m_canUndoDelete NOTIFY deletedChanged FINAL)
    Q_PROPERTY(QString deletedTitle MEMBER m_deletedTitle NOTIFY deletedChanged FINAL)

  public:
    enum Group { Today, Yesterday, LastWeek, Older };
    Q_ENUM(Group)
    ConversationList();

    Q_INVOKABLE void rename(qint64 id, const QString& title) {
        m_calls.append({QStringLiteral("rename"), id, title});
    }
    Q_INVOKABLE void remove(qint64 id);
    Q_INVOKABLE void undoRemove();
    Q_INVOKABLE qint64 idAt(int row) const;
    Q_INVOKABLE qint64 hitAt(int) const { return 0; }
    QList<QVariantList> m_calls;

  Q_SIGNALS:
    void queryChanged();
    void deletedChanged();

  private:
    QString m_query, m_deletedTitle;
    bool m_canUndoDelete = false;
};

class MessageList : public RowModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")

  public:
    enum Role { User, Assistant, System };
    Q_ENUM(Role)
    enum Status { Complete, Streaming, Stopped, Interrupted, Length, ContextFull, Failed };
    Q_ENUM(Status)
    MessageList();
};

class ChatSession : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(qint64 conversationId MEMBER m_conversationId NOTIFY conversationIdChanged FINAL)
    Q_PROPERTY(QString title MEMBER m_title NOTIFY titleChanged FINAL)
    Q_PROPERTY(edgechat::fake::MessageList* messages READ messages CONSTANT FINAL)
    Q_PROPERTY(State state MEMBER m_state NOTIFY stateChanged FINAL)
    Q_PROPERTY(bool busy READ busy NOTIFY stateChanged FINAL)
    Q_PROPERTY(bool empty READ empty NOTIFY emptyChanged FINAL)
    Q_PROPERTY(int prefillDone MEMBER m_prefillDone NOTIFY prefillChanged FINAL)
    Q_PROPERTY(int prefillTotal MEMBER m_prefillTotal NOTIFY prefillChanged FINAL)
    Q_PROPERTY(double prefillSecondsLeft MEMBER m_prefillSecondsLeft NOTIFY prefillChanged FINAL)
    Q_PROPERTY(QString draft MEMBER m_draft NOTIFY draftChanged FINAL)
    Q_PROPERTY(QString draftMarker MEMBER m_draftMarker NOTIFY draftTokensChanged FINAL)
    Q_PROPERTY(QString answeredBy MEMBER m_answeredBy NOTIFY contextChanged FINAL)
    Q_PROPERTY(int draftTokens MEMBER m_draftTokens NOTIFY draftTokensChanged FINAL)
    Q_PROPERTY(int contextUsed MEMBER m_contextUsed NOTIFY contextChanged FINAL)
    Q_PROPERTY(int contextSize MEMBER m_contextSize NOTIFY contextChanged FINAL)
    Q_PROPERTY(QString problem MEMBER m_problem NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemFix MEMBER m_problemFix NOTIFY problemChanged FINAL)
    Q_PROPERTY(QString problemDetails MEMBER m_problemDetails NOTIFY problemChanged FINAL)
    Q_PROPERTY(QVariantList calls MEMBER m_calls NOTIFY callsChanged FINAL)

  public:
    enum State { Idle, Loading, Prefilling, Generating, Stopping, ContextFull };
    Q_ENUM(State)
    ChatSession();

    MessageList* messages() { return &m_messages; }
    bool busy() const { return m_state != Idle && m_state != ContextFull; }
    bool empty() const { return m_messages.count() == 0; }

    Q_INVOKABLE void send(const QString& text);
    Q_INVOKABLE void stop() { record({QStringLiteral("stop")}); }
    Q_INVOKABLE void regenerate(qint64 id) { record({QStringLiteral("regenerate"), id}); }
    Q_INVOKABLE void edit(qint64 id, const QString& text) { record({QStringLiteral("edit"), id, text}); }
    Q_INVOKABLE void continueAnswer(qint64 id) { record({QStringLiteral("continue"), id}); }
    Q_INVOKABLE void showSibling(qint64 id, int step) { record({QStringLiteral("sibling"), id, step}); }
    Q_INVOKABLE QString lastAnswer() const { return QStringLiteral("the last answer"); }
    Q_INVOKABLE qint64 lastUserMessageId() const;
    Q_INVOKABLE void dismissProblem();

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
    void callsChanged();
    void sent();
    void answered();
    void messageWanted(int row);

  private:
    void record(const QVariantList& call);

    MessageList m_messages;
    qint64 m_conversationId = 0;
    QString m_title, m_draft, m_draftMarker, m_answeredBy, m_problem, m_problemFix, m_problemDetails;
    State m_state = Idle;
    int m_prefillDone = 0, m_prefillTotal = 0, m_draftTokens = 0, m_contextUsed = 0, m_contextSize = 0;
    double m_prefillSecondsLeft = -1;
    QVariantList m_calls;
};

/// Own values come and go as they are set and followed; the general ones stand still.
class ModelSettings : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString name MEMBER m_name NOTIFY changed FINAL)
    Q_PROPERTY(QString path MEMBER m_path NOTIFY changed FINAL)
    Q_PROPERTY(QList<int> own READ own NOTIFY changed FINAL)
    Q_PROPERTY(int contextTokens READ contextTokens WRITE setContextTokens NOTIFY changed FINAL)
    Q_PROPERTY(bool kvInt8 READ kvInt8 WRITE setKvInt8 NOTIFY changed FINAL)
    Q_PROPERTY(QString systemPrompt READ systemPrompt WRITE setSystemPrompt NOTIFY changed FINAL)
    Q_PROPERTY(double temperature READ temperature WRITE setTemperature NOTIFY changed FINAL)
    Q_PROPERTY(int topK READ topK WRITE setTopK NOTIFY changed FINAL)
    Q_PROPERTY(double topP READ topP WRITE setTopP NOTIFY changed FINAL)
    Q_PROPERTY(double minP READ minP WRITE setMinP NOTIFY changed FINAL)
    Q_PROPERTY(double repeatPenalty READ repeatPenalty WRITE setRepeatPenalty NOTIFY changed FINAL)
    Q_PROPERTY(int maxTokens READ maxTokens WRITE setMaxTokens NOTIFY changed FINAL)

  public:
    enum Value { Context, Cache, Prompt, Temperature, TopK, TopP, MinP, RepeatPenalty, MaxTokens };
    Q_ENUM(Value)

    QList<int> own() const { return m_own.keys(); }
    Q_INVOKABLE void follow(Value value);
    Q_INVOKABLE void followAll();

    int contextTokens() const { return m_own.value(Context, 0).toInt(); }
    void setContextTokens(int now) { set(Context, now, contextTokens()); }
    bool kvInt8() const { return m_own.value(Cache, false).toBool(); }
    void setKvInt8(bool now) { set(Cache, now, kvInt8()); }
    QString systemPrompt() const { return m_own.value(Prompt, QString()).toString(); }
    void setSystemPrompt(const QString& now) { set(Prompt, now, systemPrompt()); }
    double temperature() const { return m_own.value(Temperature, 0.7).toDouble(); }
    void setTemperature(double now) { set(Temperature, now, temperature()); }
    int topK() const { return m_own.value(TopK, 40).toInt(); }
    void setTopK(int now) { set(TopK, now, topK()); }
    double topP() const { return m_own.value(TopP, 0.9).toDouble(); }
    void setTopP(double now) { set(TopP, now, topP()); }
    double minP() const { return m_own.value(MinP, 0.05).toDouble(); }
    void setMinP(double now) { set(MinP, now, minP()); }
    double repeatPenalty() const { return m_own.value(RepeatPenalty, 1.1).toDouble(); }
    void setRepeatPenalty(double now) { set(RepeatPenalty, now, repeatPenalty()); }
    int maxTokens() const { return m_own.value(MaxTokens, 1024).toInt(); }
    void setMaxTokens(int now) { set(MaxTokens, now, maxTokens()); }

  Q_SIGNALS:
    void changed();

  private:
    void set(Value value, const QVariant& now, const QVariant& before);

    QString m_name, m_path;
    QMap<int, QVariant> m_own;
};

class ContextMemory : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(bool known MEMBER m_known NOTIFY changed FINAL)
    Q_PROPERTY(int context MEMBER m_context NOTIFY changed FINAL)
    Q_PROPERTY(int trainedContext MEMBER m_trainedContext NOTIFY changed FINAL)
    Q_PROPERTY(int largestContext MEMBER m_largestContext NOTIFY changed FINAL)
    Q_PROPERTY(double cacheBytes MEMBER m_cacheBytes NOTIFY changed FINAL)
    Q_PROPERTY(double totalBytes MEMBER m_totalBytes NOTIFY changed FINAL)
    Q_PROPERTY(double availableBytes MEMBER m_availableBytes NOTIFY changed FINAL)
    Q_PROPERTY(bool fits MEMBER m_fits NOTIFY changed FINAL)
    Q_PROPERTY(bool inGpuMemory MEMBER m_inGpuMemory NOTIFY changed FINAL)
    Q_PROPERTY(double gpuNeededBytes MEMBER m_gpuNeededBytes NOTIFY changed FINAL)
    Q_PROPERTY(double gpuFreeBytes MEMBER m_gpuFreeBytes NOTIFY changed FINAL)
    Q_PROPERTY(int gpuContext MEMBER m_gpuContext NOTIFY changed FINAL)

  Q_SIGNALS:
    void changed();

  private:
    bool m_known = false, m_fits = true, m_inGpuMemory = false;
    int m_context = 0, m_trainedContext = 0, m_largestContext = 0, m_gpuContext = 0;
    double m_cacheBytes = 0, m_totalBytes = 0, m_availableBytes = 0, m_gpuNeededBytes = 0, m_gpuFreeBytes = 0;
};

class Gpu : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(bool known MEMBER m_known NOTIFY changed FINAL)
    Q_PROPERTY(bool usable MEMBER m_usable NOTIFY changed FINAL)
    Q_PROPERTY(QString description MEMBER m_description NOTIFY changed FINAL)
    Q_PROPERTY(int looks MEMBER m_looks NOTIFY changed FINAL)

  public:
    Q_INVOKABLE void look() { setProperty("looks", m_looks + 1); }

  Q_SIGNALS:
    void changed();

  private:
    bool m_known = true, m_usable = false;
    QString m_description = QStringLiteral("There is no NVIDIA GPU in this machine.");
    int m_looks = 0;
};

class HubAccess : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString address MEMBER m_address NOTIFY addressChanged FINAL)
    Q_PROPERTY(QString addressProblem MEMBER m_addressProblem NOTIFY changed FINAL)
    Q_PROPERTY(QString usualAddress READ usualAddress CONSTANT FINAL)
    Q_PROPERTY(QString host MEMBER m_host NOTIFY changed FINAL)
    Q_PROPERTY(bool mirror MEMBER m_mirror NOTIFY changed FINAL)
    Q_PROPERTY(bool offline MEMBER m_offline NOTIFY changed FINAL)
    Q_PROPERTY(bool alwaysOffline READ alwaysOffline CONSTANT FINAL)
    Q_PROPERTY(int megabytesPerSecond MEMBER m_megabytes NOTIFY changed FINAL)
    Q_PROPERTY(TokenPlace tokenPlace MEMBER m_tokenPlace NOTIFY changed FINAL)
    Q_PROPERTY(QString tokenProblem MEMBER m_tokenProblem NOTIFY changed FINAL)
    Q_PROPERTY(QString givenToken MEMBER m_givenToken NOTIFY changed FINAL)

  public:
    enum TokenPlace { Asked, None, Keyring, File, Environment };
    Q_ENUM(TokenPlace)
    QString usualAddress() const { return QStringLiteral("https://huggingface.co"); }
    bool alwaysOffline() const { return false; }
    /// Takes https:// alone.
    Q_INVOKABLE bool setAddress(const QString& address);
    Q_INVOKABLE bool setToken(const QString& token);
    Q_INVOKABLE void removeToken() { setProperty("tokenPlace", None); }

  Q_SIGNALS:
    void changed();
    void addressChanged();

  private:
    QString m_address, m_addressProblem, m_tokenProblem, m_givenToken;
    QString m_host = QStringLiteral("huggingface.co");
    bool m_mirror = false, m_offline = false;
    int m_megabytes = 0;
    TokenPlace m_tokenPlace = None;
};

class ModelHost : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(State state MEMBER m_state NOTIFY changed FINAL)
    Q_PROPERTY(double progress MEMBER m_progress NOTIFY changed FINAL)
    Q_PROPERTY(QString name MEMBER m_name NOTIFY changed FINAL)
    Q_PROPERTY(QString family MEMBER m_family NOTIFY changed FINAL)
    Q_PROPERTY(QString sizeText MEMBER m_sizeText NOTIFY changed FINAL)
    Q_PROPERTY(QString quantization MEMBER m_quantization NOTIFY changed FINAL)
    Q_PROPERTY(QString device MEMBER m_device NOTIFY changed FINAL)
    Q_PROPERTY(QString deviceText MEMBER m_deviceText NOTIFY changed FINAL)
    Q_PROPERTY(bool onGpu MEMBER m_onGpu NOTIFY changed FINAL)
    Q_PROPERTY(bool inGpuMemory MEMBER m_inGpuMemory NOTIFY changed FINAL)
    Q_PROPERTY(QString gpuNote MEMBER m_gpuNote NOTIFY changed FINAL)
    Q_PROPERTY(bool gpuNoteIsNew MEMBER m_gpuNoteIsNew NOTIFY changed FINAL)
    Q_PROPERTY(int fittingContext MEMBER m_fittingContext NOTIFY changed FINAL)
    Q_PROPERTY(QString path MEMBER m_path NOTIFY changed FINAL)
    Q_PROPERTY(int contextSize MEMBER m_contextSize NOTIFY changed FINAL)
    Q_PROPERTY(int trainedContext MEMBER m_trainedContext NOTIFY changed FINAL)
    Q_PROPERTY(bool completesText MEMBER m_completesText NOTIFY changed FINAL)
    Q_PROPERTY(QString templateNote MEMBER m_templateNote NOTIFY changed FINAL)
    Q_PROPERTY(QString templateProblem MEMBER m_templateProblem NOTIFY changed FINAL)
    Q_PROPERTY(qint64 weightBytes MEMBER m_weightBytes NOTIFY changed FINAL)
    Q_PROPERTY(qint64 kvBytes MEMBER m_kvBytes NOTIFY changed FINAL)
    Q_PROPERTY(qint64 expectedBytes MEMBER m_expectedBytes NOTIFY changed FINAL)
    Q_PROPERTY(qint64 residentBefore MEMBER m_residentBefore NOTIFY changed FINAL)
    Q_PROPERTY(bool startup MEMBER m_startup NOTIFY changed FINAL)
    Q_PROPERTY(QString problem MEMBER m_problem NOTIFY changed FINAL)
    Q_PROPERTY(QString problemFix MEMBER m_problemFix NOTIFY changed FINAL)
    Q_PROPERTY(QString problemDetails MEMBER m_problemDetails NOTIFY changed FINAL)
    Q_PROPERTY(bool reloadNeeded MEMBER m_reloadNeeded NOTIFY changed FINAL)
    Q_PROPERTY(edgechat::fake::ModelSettings* settings READ settings CONSTANT FINAL)
    Q_PROPERTY(QString loadedPath MEMBER m_loadedPath NOTIFY changed FINAL)

  public:
    enum State { None, Loading, Ready, Failed };
    Q_ENUM(State)

    ModelSettings* settings() { return &m_settings; }
    Q_INVOKABLE void load(const QString& path) { setProperty("loadedPath", path); }
    Q_INVOKABLE void unload() { setProperty("state", None); }
    Q_INVOKABLE void retry() { setProperty("loadedPath", QStringLiteral("retry")); }
    Q_INVOKABLE void useFittingContext() { setProperty("loadedPath", QStringLiteral("fitting context")); }
    Q_INVOKABLE void setGpuNoteSeen() { setProperty("gpuNoteIsNew", false); }

  Q_SIGNALS:
    void changed();

  private:
    State m_state = None;
    double m_progress = 0;
    QString m_name, m_family, m_sizeText, m_quantization, m_device, m_path, m_problem, m_problemFix,
        m_problemDetails, m_loadedPath, m_templateNote, m_templateProblem, m_deviceText, m_gpuNote;
    bool m_onGpu = false, m_inGpuMemory = false, m_gpuNoteIsNew = false;
    int m_contextSize = 0, m_trainedContext = 0, m_fittingContext = 0;
    bool m_completesText = false;
    qint64 m_weightBytes = 0, m_kvBytes = 0, m_expectedBytes = 0, m_residentBefore = 0;
    bool m_startup = false, m_reloadNeeded = false;
    ModelSettings m_settings;
};

class ModelLibrary : public RowModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString problemTitle MEMBER m_problemTitle NOTIFY changed FINAL)
    Q_PROPERTY(bool problemIsOfImport MEMBER m_problemIsOfImport NOTIFY changed FINAL)
    Q_PROPERTY(QString verifying MEMBER m_verifying NOTIFY changed FINAL)
    Q_PROPERTY(double verifyProgress MEMBER m_verifyProgress NOTIFY changed FINAL)
    Q_PROPERTY(QVariantList calls READ calls NOTIFY changed FINAL)
    Q_PROPERTY(QString problem MEMBER m_problem NOTIFY changed FINAL)
    Q_PROPERTY(QString problemFix MEMBER m_problemFix NOTIFY changed FINAL)
    Q_PROPERTY(QString problemDetails MEMBER m_problemDetails NOTIFY changed FINAL)
    Q_PROPERTY(bool importing MEMBER m_importing NOTIFY changed FINAL)
    Q_PROPERTY(double importProgress MEMBER m_importProgress NOTIFY changed FINAL)
    Q_PROPERTY(bool canUndoRemove MEMBER m_canUndoRemove NOTIFY removedChanged FINAL)
    Q_PROPERTY(QString removedName MEMBER m_removedName NOTIFY removedChanged FINAL)

  public:
    ModelLibrary();
    Q_INVOKABLE void importPath(const QVariant&) {}
    Q_INVOKABLE void cancelImport() { setProperty("importing", false); }
    Q_INVOKABLE void dismissProblem() { setProperty("problem", QString()); }
    Q_INVOKABLE void remove(const QString& name);
    QVariantList calls() const { return m_calls; }
    Q_INVOKABLE void verify(const QString& name) { note({QStringLiteral("verify"), name}); }
    Q_INVOKABLE void cancelVerify() { note({QStringLiteral("cancelVerify")}); }
    Q_INVOKABLE void rename(const QString& name, const QString& newName) {
        note({QStringLiteral("rename"), name, newName});
    }
    Q_INVOKABLE void undoRemove() { setProperty("canUndoRemove", false); }
    Q_INVOKABLE void refresh() {}

  Q_SIGNALS:
    void changed();
    void removedChanged();

  private:
    void note(const QVariantList& call) {
        m_calls.append(QVariant(call));
        Q_EMIT changed();
    }

    QString m_problem, m_problemFix, m_problemDetails, m_removedName, m_verifying;
    QString m_problemTitle = QStringLiteral("This model could not be added");
    double m_importProgress = 0, m_verifyProgress = 0;
    bool m_importing = false, m_canUndoRemove = false, m_problemIsOfImport = true;
    QVariantList m_calls;
};

/// The same list: what a filter leaves out is not this test's.
class InstalledModels : public ModelLibrary {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString filter MEMBER m_filter NOTIFY changed FINAL)
    Q_PROPERTY(int total READ count NOTIFY countChanged FINAL)

    QString m_filter;
};

/// What is known of a model's memory at `known` tokens of context, for `context` of them.
QVariantMap memoryAt(QVariantMap memory, int known, int context);

class CatalogList : public RowModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString filter MEMBER m_filter NOTIFY changed FINAL)
    Q_PROPERTY(bool onlyFitting MEMBER m_onlyFitting NOTIFY changed FINAL)
    Q_PROPERTY(double diskAvailable MEMBER m_diskAvailable NOTIFY changed FINAL)

  public:
    CatalogList();
    Q_INVOKABLE QVariantMap fitAt(const QString& id, int context) const;

  Q_SIGNALS:
    void changed();

  private:
    QString m_filter;
    bool m_onlyFitting = false;
    double m_diskAvailable = 11.3e9;
};

class CachedModels : public RowModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")

  public:
    CachedModels();
};

class RepositoryOffer : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(State state MEMBER m_state NOTIFY changed FINAL)
    Q_PROPERTY(QString wanted MEMBER m_wanted NOTIFY changed FINAL)
    Q_PROPERTY(QString repository MEMBER m_repository NOTIFY changed FINAL)
    Q_PROPERTY(QString name MEMBER m_name NOTIFY changed FINAL)
    Q_PROPERTY(QString family MEMBER m_family NOTIFY changed FINAL)
    Q_PROPERTY(QString about MEMBER m_about NOTIFY changed FINAL)
    Q_PROPERTY(QString parametersText MEMBER m_parametersText NOTIFY changed FINAL)
    Q_PROPERTY(double downloadBytes MEMBER m_downloadBytes NOTIFY changed FINAL)
    Q_PROPERTY(QString licence MEMBER m_licence NOTIFY changed FINAL)
    Q_PROPERTY(QString licenceUrl MEMBER m_licenceUrl NOTIFY changed FINAL)
    Q_PROPERTY(bool gated MEMBER m_gated NOTIFY changed FINAL)
    Q_PROPERTY(int context MEMBER m_context NOTIFY changed FINAL)
    Q_PROPERTY(QVariantMap memory MEMBER m_memory NOTIFY changed FINAL)
    Q_PROPERTY(bool fits MEMBER m_fits NOTIFY changed FINAL)
    Q_PROPERTY(int largestContext MEMBER m_largestContext NOTIFY changed FINAL)
    Q_PROPERTY(double diskNeeded MEMBER m_diskNeeded NOTIFY changed FINAL)
    Q_PROPERTY(bool diskFits MEMBER m_diskFits NOTIFY changed FINAL)
    Q_PROPERTY(double rate MEMBER m_rate NOTIFY changed FINAL)
    Q_PROPERTY(QString problem MEMBER m_problem NOTIFY changed FINAL)

  public:
    enum State { None, Looking, Known, Refused };
    Q_ENUM(State)

    Q_INVOKABLE void look(const QString& wanted) {
        m_wanted = wanted;
        setProperty("state", Looking);
    }
    Q_INVOKABLE void dismiss() { setProperty("state", None); }
    Q_INVOKABLE QVariantMap fitAt(int context) const { return memoryAt(m_memory, m_context, context); }

  Q_SIGNALS:
    void changed();

  private:
    State m_state = None;
    QString m_wanted, m_repository, m_name, m_family, m_about, m_parametersText, m_licence, m_licenceUrl,
        m_problem;
    double m_downloadBytes = 0, m_diskNeeded = 0, m_rate = 0;
    QVariantMap m_memory = memoryAt({}, 1, 1);
    int m_context = 4096, m_largestContext = 0;
    bool m_gated = false, m_fits = true, m_diskFits = true;
};

class JobList : public RowModel {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(QString refused MEMBER m_refused NOTIFY changed FINAL)
    Q_PROPERTY(QVariantList calls READ calls NOTIFY changed FINAL)

  public:
    JobList();
    QVariantList calls() const { return m_calls; }
    Q_INVOKABLE void get(const QString& wanted) { note("get", wanted); }
    Q_INVOKABLE void pause(double id) { note("pause", id); }
    Q_INVOKABLE void resume(double id) { note("resume", id); }
    Q_INVOKABLE void goFirst(double id) { note("goFirst", id); }
    Q_INVOKABLE void cancel(double id) { note("cancel", id); }
    Q_INVOKABLE void retry(double id) { note("retry", id); }
    Q_INVOKABLE void dismiss(double id) { note("dismiss", id); }
    Q_INVOKABLE void giveToken(double id, const QString& token) {
        note("giveToken", QVariantList{id, token});
    }
    Q_INVOKABLE bool has(const QString& repository) const;

  Q_SIGNALS:
    void changed();

  private:
    void note(const char* call, const QVariant& what) {
        m_calls.append(QVariant(QVariantList{QString::fromUtf8(call), what}));
        Q_EMIT changed();
    }
    QString m_refused;
    QVariantList m_calls;
};

class Telemetry : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(double prefillRate MEMBER m_prefillRate NOTIFY changed FINAL)
    Q_PROPERTY(double decodeRate MEMBER m_decodeRate NOTIFY changed FINAL)
    Q_PROPERTY(double timeToFirstToken MEMBER m_timeToFirstToken NOTIFY changed FINAL)
    Q_PROPERTY(QList<qreal> rateHistory MEMBER m_rateHistory NOTIFY changed FINAL)
    Q_PROPERTY(qint64 processBytes MEMBER m_processBytes NOTIFY changed FINAL)
    Q_PROPERTY(qint64 modelBytes MEMBER m_modelBytes NOTIFY changed FINAL)
    Q_PROPERTY(qint64 memoryTotal MEMBER m_memoryTotal NOTIFY changed FINAL)
    Q_PROPERTY(qint64 memoryAvailable MEMBER m_memoryAvailable NOTIFY changed FINAL)
    Q_PROPERTY(bool jetson MEMBER m_jetson NOTIFY changed FINAL)
    Q_PROPERTY(double gpuLoad MEMBER m_gpuLoad NOTIFY changed FINAL)
    Q_PROPERTY(double temperature MEMBER m_temperature NOTIFY changed FINAL)
    Q_PROPERTY(double power MEMBER m_power NOTIFY changed FINAL)
    Q_PROPERTY(QString powerMode MEMBER m_powerMode NOTIFY changed FINAL)
    Q_PROPERTY(qint64 gpuMemoryUsed MEMBER m_gpuMemoryUsed NOTIFY changed FINAL)
    Q_PROPERTY(qint64 gpuMemoryTotal MEMBER m_gpuMemoryTotal NOTIFY changed FINAL)
    Q_PROPERTY(double energyPerToken MEMBER m_energyPerToken NOTIFY changed FINAL)
    Q_PROPERTY(bool windowVisible MEMBER m_windowVisible NOTIFY changed FINAL)

  Q_SIGNALS:
    void changed();

  private:
    double m_prefillRate = 0, m_decodeRate = 0, m_timeToFirstToken = 0, m_gpuLoad = -1;
    double m_temperature = std::nan(""), m_power = std::nan(""), m_energyPerToken = std::nan("");
    qint64 m_gpuMemoryUsed = 0, m_gpuMemoryTotal = 0;
    QList<qreal> m_rateHistory;
    qint64 m_processBytes = 0, m_modelBytes = 0, m_memoryTotal = 0, m_memoryAvailable = 0;
    bool m_jetson = false, m_windowVisible = true;
    QString m_powerMode;
};

class Settings : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("fake")
    Q_PROPERTY(Appearance appearance MEMBER m_appearance NOTIFY changed FINAL)
    Q_PROPERTY(bool dark READ dark NOTIFY changed FINAL)
    Q_PROPERTY(double textScale MEMBER m_textScale NOTIFY changed FINAL)
    Q_PROPERTY(bool reducedMotion MEMBER m_reducedMotion NOTIFY changed FINAL)
    Q_PROPERTY(Device device MEMBER m_device NOTIFY changed FINAL)
    Q_PROPERTY(int threads MEMBER m_threads NOTIFY changed FINAL)
    Q_PROPERTY(int contextTokens MEMBER m_contextTokens NOTIFY changed FINAL)
    Q_PROPERTY(bool kvInt8 MEMBER m_kvInt8 NOTIFY changed FINAL)
    Q_PROPERTY(QString systemPrompt MEMBER m_systemPrompt NOTIFY changed FINAL)
    Q_PROPERTY(double temperature MEMBER m_temperature NOTIFY changed FINAL)
    Q_PROPERTY(int topK MEMBER m_topK NOTIFY changed FINAL)
    Q_PROPERTY(double topP MEMBER m_topP NOTIFY changed FINAL)
    Q_PROPERTY(double minP MEMBER m_minP NOTIFY changed FINAL)
    Q_PROPERTY(double repeatPenalty MEMBER m_repeatPenalty NOTIFY changed FINAL)
    Q_PROPERTY(int maxTokens MEMBER m_maxTokens NOTIFY changed FINAL)
    Q_PROPERTY(qint64 seed MEMBER m_seed NOTIFY changed FINAL)
    Q_PROPERTY(QString lastModel MEMBER m_lastModel NOTIFY changed FINAL)
    Q_PROPERTY(bool sidebarVisible MEMBER m_sidebarVisible NOTIFY changed FINAL)
    Q_PROPERTY(QRect windowGeometry MEMBER m_windowGeometry NOTIFY changed FINAL)
    Q_PROPERTY(bool windowMaximized MEMBER m_windowMaximized NOTIFY changed FINAL)

  public:
    enum Appearance { System, Light, Dark };
    Q_ENUM(Appearance)
    enum Device { Automatic, Gpu, Cpu };
    Q_ENUM(Device)
    bool dark() const { return m_appearance == Dark; }
    Q_INVOKABLE void resetGeneration() {}
    Q_INVOKABLE bool isDefaultGeneration() const { return true; }

  Q_SIGNALS:
    void changed();

  private:
    Appearance m_appearance = Light;
    Device m_device = Automatic;
    double m_textScale = 1, m_temperature = 0.7, m_topP = 0.9, m_minP = 0.05, m_repeatPenalty = 1.1;
    bool m_reducedMotion = true, m_kvInt8 = false, m_sidebarVisible = true, m_windowMaximized = false;
    int m_threads = 0, m_contextTokens = 0, m_topK = 40, m_maxTokens = 1024;
    qint64 m_seed = 0;
    QString m_systemPrompt, m_lastModel;
    QRect m_windowGeometry;
};

class Program : public QObject {
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(edgechat::fake::ConversationList* conversations READ conversations CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::ChatSession* chat READ chat CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::ModelHost* model READ model CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::ModelLibrary* library READ library CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::InstalledModels* installed READ installed CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::CatalogList* catalog READ catalog CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::CachedModels* cached READ cached CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::JobList* jobs READ jobs CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::RepositoryOffer* offer READ offer CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::Telemetry* telemetry READ telemetry CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::Settings* settings READ settings CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::Gpu* gpu READ gpu CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::HubAccess* hub READ hub CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::ModelSettings* modelSettings READ modelSettings CONSTANT FINAL)
    Q_PROPERTY(edgechat::fake::ContextMemory* contextMemory READ contextMemory CONSTANT FINAL)
    Q_PROPERTY(QString historyProblem MEMBER m_historyProblem NOTIFY changed FINAL)
    Q_PROPERTY(QString historyProblemFix MEMBER m_historyProblemFix NOTIFY changed FINAL)
    Q_PROPERTY(QString historyProblemDetails MEMBER m_historyProblemDetails NOTIFY changed FINAL)
    Q_PROPERTY(QString version READ version CONSTANT FINAL)
    Q_PROPERTY(QString repaired MEMBER m_repaired NOTIFY changed FINAL)
    Q_PROPERTY(QString copied MEMBER m_copied NOTIFY changed FINAL)
    Q_PROPERTY(int newChats MEMBER m_newChats NOTIFY changed FINAL)
    Q_PROPERTY(qint64 opened MEMBER m_opened NOTIFY changed FINAL)

  public:
    ConversationList* conversations() { return &m_conversations; }
    ChatSession* chat() { return &m_chat; }
    ModelHost* model() { return &m_model; }
    ModelLibrary* library() { return &m_library; }
    InstalledModels* installed() { return &m_library; }
    CatalogList* catalog() { return &m_catalog; }
    CachedModels* cached() { return &m_cached; }
    JobList* jobs() { return &m_jobs; }
    RepositoryOffer* offer() { return &m_offer; }
    Telemetry* telemetry() { return &m_telemetry; }
    Settings* settings() { return &m_settings; }
    Gpu* gpu() { return &m_gpu; }
    HubAccess* hub() { return &m_hub; }
    ModelSettings* modelSettings() { return &m_modelSettings; }
    ContextMemory* contextMemory() { return &m_contextMemory; }
    QString version() const { return QStringLiteral("0.1.0"); }

    Q_INVOKABLE void retryHistory() {}
    Q_INVOKABLE void startFreshHistory() {}
    Q_INVOKABLE void newChat() { setProperty("newChats", m_newChats + 1); }
    Q_INVOKABLE void openConversation(qint64 id) { setProperty("opened", id); }
    Q_INVOKABLE void openMessage(qint64 id, qint64) { openConversation(id); }
    Q_INVOKABLE void lookAround() {}
    Q_INVOKABLE void repairModel(const QString& name) { setProperty("repaired", name); }
    Q_INVOKABLE void editModel(const QString& path, const QString& name);
    Q_INVOKABLE void copyText(const QString& text) { setProperty("copied", text); }

  Q_SIGNALS:
    void changed();

  private:
    ConversationList m_conversations;
    ChatSession m_chat;
    ModelHost m_model;
    InstalledModels m_library;
    CatalogList m_catalog;
    CachedModels m_cached;
    JobList m_jobs;
    RepositoryOffer m_offer;
    Telemetry m_telemetry;
    Settings m_settings;
    Gpu m_gpu;
    HubAccess m_hub;
    ModelSettings m_modelSettings;
    ContextMemory m_contextMemory;
    QString m_historyProblem, m_historyProblemFix, m_historyProblemDetails, m_copied, m_repaired;
    int m_newChats = 0;
    qint64 m_opened = 0;
};

}  // namespace edgechat::fake
