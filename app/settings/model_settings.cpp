#include "app/settings/model_settings.h"

#include <cmath>
#include <optional>

#include "app/settings/model_key.h"
#include "app/settings/settings.h"
#include "app/settings/value_ranges.h"

namespace edgechat::app {
namespace {

constexpr int kValues = ModelSettings::MaxTokens + 1;

QString keyOf(ModelSettings::Value value) {
    constexpr const char* kNames[kValues] = {"contextTokens", "kvInt8",        "systemPrompt",
                                             "temperature",   "topK",          "topP",
                                             "minP",          "repeatPenalty", "maxTokens"};
    return QString::fromLatin1(kNames[value]);
}

}  // namespace

ModelSettings::ModelSettings(Settings& general, QObject* parent) : QObject(parent), m_general(general) {
    connect(&general, &Settings::modelValuesChanged, this, [this](const QString& model) {
        if (model == m_key) Q_EMIT changed();
    });
    for (const auto signal :
         {&Settings::contextTokensChanged, &Settings::kvInt8Changed, &Settings::systemPromptChanged,
          &Settings::temperatureChanged, &Settings::topKChanged, &Settings::topPChanged,
          &Settings::minPChanged, &Settings::repeatPenaltyChanged, &Settings::maxTokensChanged}) {
        connect(&general, signal, this, &ModelSettings::changed);
    }
}

void ModelSettings::setModel(const QString& path, const QString& name) {
    const QString key = modelKey(path);
    if (key == m_key && path == m_path && name == m_name) return;
    m_key = key;
    m_path = path;
    m_name = name;
    Q_EMIT changed();
}

template <>
std::optional<int> ModelSettings::ownValue(Value value) const {
    const QVariant kept = m_general.modelValue(m_key, keyOf(value));
    if (value == Context) return ranges::contextTokens.read(kept);
    return (value == TopK ? ranges::topK : ranges::maxTokens).read(kept);
}

template <>
std::optional<double> ModelSettings::ownValue(Value value) const {
    const QVariant kept = m_general.modelValue(m_key, keyOf(value));
    switch (value) {
        case Temperature:
            return ranges::temperature.read(kept);
        case TopP:
            return ranges::topP.read(kept);
        case MinP:
            return ranges::minP.read(kept);
        default:
            return ranges::repeatPenalty.read(kept);
    }
}

template <>
std::optional<bool> ModelSettings::ownValue(Value value) const {
    const QVariant kept = m_general.modelValue(m_key, keyOf(value));
    return kept.isValid() ? std::optional(kept.toBool()) : std::nullopt;
}

template <>
std::optional<QString> ModelSettings::ownValue(Value value) const {
    const QVariant kept = m_general.modelValue(m_key, keyOf(value));
    return kept.isValid() ? std::optional(kept.toString()) : std::nullopt;
}

template <class T>
void ModelSettings::store(Value value, const T& now, const T& before) {
    if (now != before) m_general.setModelValue(m_key, m_name, keyOf(value), now);
}

bool ModelSettings::isOwn(Value value) const {
    switch (value) {
        case Context:
        case TopK:
        case MaxTokens:
            return ownValue<int>(value).has_value();
        case Cache:
            return ownValue<bool>(value).has_value();
        case Prompt:
            return ownValue<QString>(value).has_value();
        default:
            return ownValue<double>(value).has_value();
    }
}

QList<int> ModelSettings::own() const {
    QList<int> values;
    for (int value = 0; value < kValues; ++value) {
        if (isOwn(static_cast<Value>(value))) values.append(value);
    }
    return values;
}

void ModelSettings::follow(Value value) {
    if (value >= 0 && value < kValues) m_general.setModelValue(m_key, m_name, keyOf(value), {});
}

void ModelSettings::followAll() {
    for (int value = 0; value < kValues; ++value) follow(static_cast<Value>(value));
}

int ModelSettings::contextOf(const Settings& general, const QString& key) {
    const std::optional<int> own = ranges::contextTokens.read(general.modelValue(key, keyOf(Context)));
    return ranges::usableContext(own.value_or(general.contextTokens()));
}

int ModelSettings::contextTokens() const {
    return contextOf(m_general, m_key);
}

void ModelSettings::setContextTokens(int tokens) {
    store(Context, ranges::usableContext(tokens), contextTokens());
}

bool ModelSettings::kvInt8() const {
    return ownValue<bool>(Cache).value_or(m_general.kvInt8());
}

void ModelSettings::setKvInt8(bool int8) {
    store(Cache, int8, kvInt8());
}

QString ModelSettings::systemPrompt() const {
    return ownValue<QString>(Prompt).value_or(m_general.systemPrompt());
}

void ModelSettings::setSystemPrompt(const QString& prompt) {
    store(Prompt, prompt, systemPrompt());
}

double ModelSettings::temperature() const {
    return ownValue<double>(Temperature).value_or(m_general.temperature());
}

void ModelSettings::setTemperature(double value) {
    if (!std::isnan(value)) store(Temperature, ranges::temperature.clamped(value), temperature());
}

int ModelSettings::topK() const {
    return ownValue<int>(TopK).value_or(m_general.topK());
}

void ModelSettings::setTopK(int k) {
    store(TopK, ranges::topK.clamped(k), topK());
}

double ModelSettings::topP() const {
    return ownValue<double>(TopP).value_or(m_general.topP());
}

void ModelSettings::setTopP(double p) {
    if (!std::isnan(p)) store(TopP, ranges::topP.clamped(p), topP());
}

double ModelSettings::minP() const {
    return ownValue<double>(MinP).value_or(m_general.minP());
}

void ModelSettings::setMinP(double p) {
    if (!std::isnan(p)) store(MinP, ranges::minP.clamped(p), minP());
}

double ModelSettings::repeatPenalty() const {
    return ownValue<double>(RepeatPenalty).value_or(m_general.repeatPenalty());
}

void ModelSettings::setRepeatPenalty(double penalty) {
    if (!std::isnan(penalty)) store(RepeatPenalty, ranges::repeatPenalty.clamped(penalty), repeatPenalty());
}

int ModelSettings::maxTokens() const {
    return ownValue<int>(MaxTokens).value_or(m_general.maxTokens());
}

void ModelSettings::setMaxTokens(int tokens) {
    store(MaxTokens, ranges::maxTokens.clamped(tokens), maxTokens());
}

inference::KvKind ModelSettings::kv() const {
    return kvInt8() ? inference::KvKind::int8 : inference::KvKind::fp16;
}

inference::SamplingOptions ModelSettings::sampling() const {
    inference::SamplingOptions sampling;
    sampling.temperature = static_cast<float>(temperature());
    sampling.topK = topK();
    sampling.topP = static_cast<float>(topP());
    sampling.minP = static_cast<float>(minP());
    sampling.repeatPenalty = static_cast<float>(repeatPenalty());
    sampling.seed = static_cast<uint64_t>(m_general.seed());
    return sampling;
}

}  // namespace edgechat::app
