#include "app/context_memory.h"

#include <utility>

#include "app/machine_memory.h"
#include "app/settings/model_settings.h"
#include "inference/model/checkpoint.h"

namespace edgechat::app {

ContextMemory::ContextMemory(const ModelSettings& settings, MachineMemory& machine, QObject* parent)
    : QObject(parent), m_settings(settings), m_machine(machine) {
    connect(&settings, &ModelSettings::changed, this, &ContextMemory::compute);
    connect(&machine, &MachineMemory::measured, this, &ContextMemory::compute);
}

void ContextMemory::measure() {
    m_path = m_settings.path();
    m_model.reset();
    compute();
    if (m_path.isEmpty()) return;
    m_machine.measure();
    m_worker.post([this, path = m_path] {
        Result<std::unique_ptr<inference::Checkpoint>> checkpoint =
            inference::Checkpoint::open(path.toStdString());
        if (!checkpoint) return;
        m_mailbox.post(
            [this, path, checkpoint = std::shared_ptr<const inference::Checkpoint>(std::move(*checkpoint))] {
                if (path != m_path) return;
                models::PlannedModel model;
                model.loaded = checkpoint;
                m_model.emplace(std::move(model));
                compute();
            });
    });
}

int ContextMemory::trainedContext() const {
    return m_model ? m_model->model().loaded->config().context : 0;
}

void ContextMemory::compute() {
    m_fit = {};
    if (m_model && m_settings.path() == m_path) {
        const int wanted = m_settings.contextTokens();
        const int context =
            wanted > 0 ? wanted : inference::defaultContext(m_model->model().loaded->config());
        m_fit = m_model->at(context, m_settings.kv(), m_machine.free());
    }
    Q_EMIT changed();
}

}  // namespace edgechat::app
