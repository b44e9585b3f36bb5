#include "app/program.h"

#include <QClipboard>
#include <QFileInfo>
#include <QGuiApplication>
#include <QTimer>

#include <algorithm>

#include "app/notification.h"
#include "app/settings/model_key.h"
#include "models/paths.h"

namespace edgechat::app {
namespace {

constexpr int kBinDays = 30;
constexpr int kHousekeepingMilliseconds = 5000;  // after start, when the window has long been drawn

}  // namespace

Program::Program(const ProgramOptions& options, QObject* parent)
    : QObject(parent),
      m_options(options),
      m_hub(m_settings),
      m_history(models::historyFile()),
      m_model(m_inference, m_settings),
      m_modelSettings(m_settings),
      m_machine(m_settings, m_model, m_gpu, inference::availableMemory),
      m_contextMemory(m_modelSettings, m_machine),
      m_library(m_model, m_settings),
      m_installed(m_library),
      m_catalog(m_library),
      m_cached(m_library),
      m_jobService(models::jobs::RunnerOptions::standard(m_hub.settings())),
      m_jobs(m_jobService, m_hub),
      m_offer(m_jobService, m_catalog),
      m_conversations(m_history),
      m_chat(m_history, m_inference, m_model) {
    connect(&m_jobs, &JobList::arrived, &m_library, &ModelLibrary::refresh);
    connect(&m_jobs, &JobList::arrived, this,
            [](const QString& name) { notify(tr("%1 is ready").arg(name), tr("It can be chatted with.")); });
    connect(&m_jobs, &JobList::failed, this, [](const QString& title, const QString& problem) {
        notify(tr("%1 has stopped").arg(title), problem);
    });
    connect(&m_hub, &HubAccess::settingsChanged, this, [this] { m_jobService.setHub(m_hub.settings()); });
    connect(&m_history, &History::problemChanged, this, &Program::historyProblemChanged);
    connect(&m_chat, &ChatSession::conversationTouched, &m_conversations, &ConversationList::touch);
    connect(&m_chat, &ChatSession::conversationIdChanged, &m_conversations,
            [this] { m_conversations.setCurrent(m_chat.conversationId()); });
    connect(&m_conversations, &ConversationList::renamed, &m_chat, &ChatSession::showRenamed);
    connect(&m_conversations, &ConversationList::removed, this, [this](qint64 id) {
        if (id == m_chat.conversationId()) newChat();
    });
    connect(&m_conversations, &ConversationList::restored, this, &Program::openConversation);

    m_telemetry.watch(&m_inference.buffer());
    connect(&m_inference, &InferenceThread::began, &m_telemetry, &Telemetry::beginAnswer);
    connect(&m_inference, &InferenceThread::answered, &m_telemetry, [this](const AnswerOutcome& outcome) {
        m_telemetry.endAnswer(outcome.statistics.prefillTokensPerSecond(),
                              outcome.statistics.decodeTokensPerSecond(),
                              outcome.statistics.timeToFirstToken);
        const double rate = outcome.statistics.decodeTokensPerSecond();
        if (rate > 0 && m_model.weightBytes() > 0)
            m_settings.setDecodeBandwidth(m_model.onGpu() ? Settings::Decoder::Gpu : Settings::Decoder::Cpu,
                                          rate * static_cast<double>(m_model.weightBytes()));
        updateBusy();
    });
    connect(&m_inference, &InferenceThread::began, this, &Program::updateBusy);
    connect(&m_model, &ModelHost::stateChanged, this, &Program::updateBusy);
    connect(&m_chat, &ChatSession::answered, this, &Program::readPrefillRates);
    connect(&m_chat, &ChatSession::contextChanged, this, &Program::updateSwitchFacts);
    connect(&m_library, &ModelLibrary::refreshed, this, &Program::updateSwitchFacts);
    connect(&m_settings, &Settings::loadRateChanged, this, &Program::updateSwitchFacts);
    connect(&m_settings, &Settings::contextTokensChanged, this, &Program::updateSwitchFacts);
    const auto expectSpeed = [this] {
        m_catalog.setDecodeBandwidth(m_settings.decodeBandwidth(Settings::Decoder::Cpu),
                                     m_settings.decodeBandwidth(Settings::Decoder::Gpu));
    };
    connect(&m_settings, &Settings::decodeBandwidthChanged, &m_catalog, expectSpeed);
    connect(&m_machine, &MachineMemory::measured, &m_catalog,
            [this] { m_catalog.measure(m_machine.free()); });
    expectSpeed();
    connect(&m_model, &ModelHost::modelChanged, &m_telemetry, [this] {
        m_telemetry.setModelBytes(m_model.mainMemoryBytes());
        if (m_model.onGpu()) m_telemetry.setGpuBus(m_model.gpuBus());
    });
}

void Program::readPrefillRates() {
    m_history.ask<std::map<QString, double>>(
        this, [](HistoryDatabase& database) { return database.prefillRates(); },
        [this](Result<std::map<QString, double>> rates) {
            if (rates) m_prefillRates = std::move(*rates);
            updateSwitchFacts();
        });
}

void Program::updateSwitchFacts() {
    SwitchFacts facts;
    facts.conversationTokens = m_chat.length().tokens;
    facts.countedBy = m_chat.length().countedBy;
    facts.loadRate = m_settings.loadRate();
    facts.wantedContext = m_settings.contextTokens();
    for (const auto& [model, rate] : m_prefillRates) facts.prefill[model] = {rate, 0};
    m_library.setSwitchFacts(facts);
}

Program::~Program() {
    finish();
}

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

void Program::start() {
    m_history.open();
    m_conversations.reload();
    readPrefillRates();
    m_chat.open(0);
    // Somebody whose answer was cut off finds it where it was.
    m_history.ask<qint64>(
        this, [](HistoryDatabase& database) -> Result<qint64> { return database.interruptedConversation(); },
        [this](Result<qint64> id) {
            if (id && *id != 0 && m_chat.conversationId() == 0 && m_chat.empty()) openConversation(*id);
        });
    QTimer::singleShot(kHousekeepingMilliseconds, this, [this] {
        m_history.ask<void>(
            this,
            [](HistoryDatabase& database) {
                return database.purge(QDateTime::currentDateTime().addDays(-kBinDays));
            },
            [](Result<void>) {});
        m_history.checkLater();
    });

    // What was removed in an earlier run can no longer come back.
    connect(&m_library, &ModelLibrary::refreshed, this, &Program::forgetGoneModels, Qt::SingleShotConnection);
    const QString first = m_options.model.isEmpty() ? m_settings.lastModel() : m_options.model;
    if (!first.isEmpty()) {
        m_model.load(first);
    } else {
        // With a single model there is nothing to choose.
        connect(&m_library, &ModelLibrary::refreshed, this, [this] {
            disconnect(&m_library, &ModelLibrary::refreshed, this, nullptr);
            const std::vector<ModelEntry>& entries = m_library.entries();
            if (m_model.state() == ModelHost::None && entries.size() == 1 && !entries.front().damaged) {
                m_model.load(entries.front().path);
            }
        });
    }
    m_library.refresh();
}

void Program::finish() {
    if (m_finished) return;
    m_finished = true;
    m_chat.finish();
    m_library.finish();
    m_cached.finish();
    m_history.finish();
}

void Program::updateBusy() {
    m_telemetry.setBusy(m_model.state() == ModelHost::Loading || m_inference.answering());
}

void Program::retryHistory() {
    m_history.retry();
}

void Program::startFreshHistory() {
    m_history.startFresh();
}

void Program::newChat() {
    m_chat.open(0);
}

void Program::openConversation(qint64 id) {
    m_chat.open(id);
}

void Program::openMessage(qint64 conversationId, qint64 messageId) {
    m_chat.open(conversationId, messageId);
}

void Program::forgetGoneModels() {
    const std::vector<ModelEntry>& here = m_library.entries();
    // An empty list may be that of a disk that is not there.
    if (here.empty()) return;
    m_settings.forgetModels([&](const QString& model, const QString& name) {
        if (const QString path = pathOfKey(model); !path.isEmpty())
            return !m_settings.recentFiles().contains(path) && !QFileInfo::exists(path);
        // The record of a damaged model may be unreadable: its name has to do.
        return std::none_of(here.begin(), here.end(), [&](const ModelEntry& entry) {
            return entry.settingsKey == model || (entry.inStore && entry.damaged && entry.name == name);
        });
    });
}

void Program::repairModel(const QString& name) {
    const ModelEntry* const model = m_library.find(name);
    if (model == nullptr || !model->canRepair()) return;
    const ModelEntry damaged = *model;
    // What was quantized here is made anew in its place.
    if (!damaged.madeBy.isEmpty()) m_library.remove(name);
    m_jobs.repair(damaged);
}

void Program::lookAround() {
    m_cached.refresh();
    m_machine.measure();
}

void Program::editModel(const QString& path, const QString& name) {
    m_modelSettings.setModel(path, name);
    m_contextMemory.measure();
}

void Program::copyText(const QString& text) {
    QGuiApplication::clipboard()->setText(text);
}

}  // namespace edgechat::app
