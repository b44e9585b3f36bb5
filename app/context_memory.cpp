#include "app/context_memory.h"

#include <utility>

#include "app/model_host.h"
#include "inference/model/checkpoint.h"

namespace edgechat::app {

ContextMemory::ContextMemory(const ModelSettings& settings, const ModelHost& host, QObject* parent)
    : QObject(parent), m_settings(settings), m_host(host) {
    connect(&settings, &ModelSettings::changed, this, &ContextMemory::compute);
}

void ContextMemory::measure() {
    m_available = inference::availableMemory() + static_cast<uint64_t>(m_host.mainMemoryBytes());
    m_path = m_settings.path();
    m_model = {};
    compute();
    m_worker.post([this, path = m_path] {
        Result<std::unique_ptr<inference::Checkpoint>> checkpoint =
            inference::Checkpoint::open(path.toStdString());
        if (!checkpoint) return;
        m_mailbox.post(
            [this, path, checkpoint = std::shared_ptr<const inference::Checkpoint>(std::move(*checkpoint))] {
                if (path != m_path) return;
                m_model.loaded = checkpoint;
                compute();
            });
    });
}

int ContextMemory::trainedContext() const {
    return m_model.loaded ? m_model.loaded->config().context : 0;
}

void ContextMemory::compute() {
    m_fit = {};
    if (m_model.loaded && m_settings.path() == m_path) {
        const int wanted = m_settings.contextTokens();
        const int context = wanted > 0 ? wanted : inference::defaultContext(m_model.loaded->config());
        m_fit = models::memoryFit(m_model, context, m_settings.kv(), m_available);
    }
    Q_EMIT changed();
}

}  // namespace edgechat::app
