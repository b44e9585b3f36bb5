// The part of ChatSession that follows an answer from its first token to its place in the history.
#include <QLocale>

#include <cmath>
#include <utility>

#include "app/chat/chat_session.h"
#include "app/model_host.h"
#include "app/storage/history.h"

namespace edgechat::app {
namespace {

constexpr int kTicksPerSave = 15;  // drains between two checkpoints: about half a second
constexpr int kTicksPerFigure = 8;

MessageStatus statusOf(inference::StopReason reason) {
    switch (reason) {
        case inference::StopReason::end:
        case inference::StopReason::stopText:
            return MessageStatus::complete;
        case inference::StopReason::length:
            return MessageStatus::length;
        case inference::StopReason::interrupted:
            return MessageStatus::stopped;
        case inference::StopReason::contextFull:
            return MessageStatus::contextFull;
    }
    return MessageStatus::complete;
}

}  // namespace

void ChatSession::begin(Run run) {
    if (m_run) {
        // One answer at a time: the one that runs in another conversation is stopped and keeps its text.
        if (m_next) dropAnswer(m_next->answer);
        m_next = std::move(run);
        if (m_run->asked) {
            m_run->stopping = true;
            m_inference.stop();
        } else {
            abandonRun({});
        }
        updateState();
        return;
    }
    m_run = std::move(run);
    m_unsavedText = false;
    m_ticksSinceSave = 0;
    if (shown(m_run->answer.conversationId)) setPrefill(0, 0, -1);
    onModelState();
}

void ChatSession::onModelState() {
    if (m_run && !m_run->asked) {
        if (m_model.state() == ModelHost::Ready) {
            ask();
        } else if (m_model.state() != ModelHost::Loading) {
            abandonRun({tr("The model could not be loaded, so there is no answer yet."),
                        tr("Choose a model, then answer the message again."), m_model.problem()});
        }
    }
    if (m_model.state() == ModelHost::Ready && !m_draft.isEmpty()) countDraft();
    updateState();
}

void ChatSession::ask() {
    AnswerRequest request;
    const QString systemPrompt = m_model.settings()->systemPrompt();
    if (!systemPrompt.trimmed().isEmpty()) request.messages.push_back({"system", systemPrompt.toStdString()});
    request.messages.insert(request.messages.end(), m_run->messages.begin(), m_run->messages.end());
    request.partialAnswer = m_run->partial;
    request.date = m_run->date;
    request.sampling = m_model.settings()->sampling();
    request.maxTokens = m_model.settings()->maxTokens();
    m_run->asked = true;
    m_run->answer.figures.model = m_model.name();
    m_run->answer.figures.device = m_model.device();
    if (shown(m_run->answer.conversationId)) {
        // Who answers is told from the first word on.
        m_tree.update(m_run->answer);
        m_messages.update(m_tree, m_run->answer.id);
        Q_EMIT contextChanged();
    }
    m_inference.generate(std::move(request));
    m_drainTimer.start();
    updateState();
}

void ChatSession::drain() {
    if (!m_run || !m_run->asked) return;
    MessageRecord& answer = m_run->answer;
    const bool visible = shown(answer.conversationId);
    const std::string text = m_inference.buffer().takeText();
    if (!text.empty()) {
        answer.text += QString::fromStdString(text);
        m_unsavedText = true;
        if (visible) m_messages.setText(answer.id, answer.text);
    }
    const LiveFigures live = m_inference.buffer().figures();
    if (visible) {
        double secondsLeft = -1;
        const int computed = live.prefillDone - live.prefillCached;
        if (computed > 0 && live.prefillDone < live.prefillTotal) {
            // To half seconds: a finer figure would only flicker.
            const double left = live.prefillSeconds / computed * (live.prefillTotal - live.prefillDone);
            secondsLeft = std::round(left * 2) / 2;
        }
        setPrefill(live.prefillDone, live.prefillTotal, secondsLeft);
        // A few times a second is enough for a figure.
        if (live.prefillTotal > 0 && m_ticksSinceSave % kTicksPerFigure == 0) {
            setContextUsed(live.prefillDone + live.generated);
        }
        updateState();
    }
    if (++m_ticksSinceSave >= kTicksPerSave && m_unsavedText) {
        answer.figures.generatedTokens = m_run->tokensBefore + live.generated;
        save(answer);
        m_ticksSinceSave = 0;
        m_unsavedText = false;
    }
}

void ChatSession::onAnswered(const AnswerOutcome& outcome) {
    if (!m_run || !m_run->asked) return;
    m_drainTimer.stop();
    drain();
    MessageRecord& answer = m_run->answer;
    const bool visible = shown(answer.conversationId);
    const auto tell = [&](const Problem& problem) {
        if (visible) setProblem(problem);
    };

    if (outcome.promptTooLong) {
        const QLocale locale;
        tell(
            {tr("The conversation has grown to %1 tokens, more than the %2 that the model can take in at "
                "once.")
                 .arg(locale.toString(outcome.statistics.promptTokens), locale.toString(outcome.contextSize)),
             tr("Start a new chat, or set a larger context in Settings and load the model again. Nothing was "
                "lost."),
             {}});
        if (visible) setLength({outcome.statistics.promptTokens, m_model.name()});
        if (!m_run->continued) {
            dropAnswer(answer);
            endRun();
            return;
        }
        answer.status = m_run->statusBefore;
    } else if (outcome.error) {
        answer.status = MessageStatus::failed;
        tell({tr("The answer could not be computed."),
              tr("Try again. If it fails again, load the model anew."),
              QString::fromStdString(outcome.error->message())});
    } else {
        const inference::GenerateStatistics& statistics = outcome.statistics;
        AnswerFigures& figures = answer.figures;
        answer.status = statusOf(outcome.stopReason);
        figures.promptTokens = statistics.promptTokens;
        figures.cachedTokens = statistics.cachedTokens;
        figures.generatedTokens = m_run->tokensBefore + statistics.generatedTokens;
        figures.contextUsed = statistics.promptTokens + statistics.generatedTokens;
        figures.contextSize = outcome.contextSize;
        figures.prefillRate = statistics.prefillTokensPerSecond();
        figures.decodeRate = statistics.decodeTokensPerSecond();
        figures.timeToFirstToken = statistics.timeToFirstToken;
        if (visible) setLength({figures.contextUsed, figures.model});
        if (answer.status == MessageStatus::contextFull) {
            tell({tr("The model's memory of %1 tokens is full, so the answer ends here.")
                      .arg(QLocale().toString(outcome.contextSize)),
                  tr("Start a new chat, or set a larger context in Settings and load the model again."),
                  {}});
        }
    }
    save(answer);
    if (visible) {
        m_tree.update(answer);
        m_messages.update(m_tree, answer.id);
    }
    endRun();
    if (visible) Q_EMIT answered();
}

void ChatSession::endRun() {
    m_drainTimer.stop();
    m_run.reset();
    if (m_next) {
        Run next = std::move(*m_next);
        m_next.reset();
        begin(std::move(next));
    }
    updateState();
}

void ChatSession::abandonRun(const Problem& problem) {
    MessageRecord& answer = m_run->answer;
    if (!problem.what.isEmpty() && shown(answer.conversationId)) setProblem(problem);
    if (m_run->continued) {
        answer.status = m_run->statusBefore;
        save(answer);
        if (shown(answer.conversationId)) {
            m_tree.update(answer);
            m_messages.update(m_tree, answer.id);
        }
    } else {
        dropAnswer(answer);
    }
    endRun();
}

void ChatSession::save(const MessageRecord& answer) {
    m_history.ask<void>(
        this, [answer](HistoryDatabase& database) { return database.saveAnswer(answer); },
        [this](Result<void> saved) {
            if (saved) return;
            setProblem({tr("The answer could not be saved."), tr("Copy it if you want to keep it."),
                        QString::fromStdString(saved.error().message())});
        });
}

void ChatSession::dropAnswer(const MessageRecord& answer) {
    m_history.ask<void>(
        this, [id = answer.id](HistoryDatabase& database) { return database.discardAnswer(id); },
        [](Result<void>) {});
    if (!shown(answer.conversationId)) return;
    const MessageRecord* message = m_tree.find(answer.id);
    if (message == nullptr) return;
    const qint64 parent = message->parentId;
    if (m_leaf == answer.id) showLeaf(parent);
    m_tree.remove(answer.id);
    showLeaf(m_leaf);  // the parent's versions may have changed
}

void ChatSession::finish() {
    saveDraft();
    if (m_run && !m_run->asked) abandonRun({});
    m_inference.finish();  // delivers answered(), which saves what is there
    m_drainTimer.stop();
}

}  // namespace edgechat::app
