// The settings that one model runs with: its own values, and the general ones where it has none.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QList>
#include <QObject>
#include <QString>

#include <optional>

#include "inference/model/memory_plan.h"
#include "inference/sampling/sampler.h"

namespace edgechat::app {

class Settings;

/// Of no model, it shows the general values and cannot be written. Several objects for the same model agree.
/// Lives on the GUI thread.
class ModelSettings : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the settings of models")
    Q_PROPERTY(QString name READ name NOTIFY changed FINAL)
    Q_PROPERTY(QString path READ path NOTIFY changed FINAL)
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
    /// What a model can have of its own.
    enum Value { Context, Cache, Prompt, Temperature, TopK, TopP, MinP, RepeatPenalty, MaxTokens };
    Q_ENUM(Value)

    explicit ModelSettings(Settings& general, QObject* parent = nullptr);

    /// @param path  absolute, of the checkpoint; empty: no model. Reads the record of a model of the store
    /// @param name  as the window shows it
    void setModel(const QString& path, const QString& name);
    QString name() const { return m_name; }
    QString path() const { return m_path; }

    /// contextTokens() of a model by its modelKey(), read from nothing but the settings.
    static int contextOf(const Settings& general, const QString& key);

    QList<int> own() const;  ///< of Value
    bool isOwn(Value value) const;
    /// Takes the general value again.
    Q_INVOKABLE void follow(Value value);
    Q_INVOKABLE void followAll();

    // Each of these is brought into its range when it is read and set. A value that is set to what holds
    // already becomes no own one.
    int contextTokens() const;  ///< 0: the model's choice
    void setContextTokens(int tokens);
    bool kvInt8() const;
    void setKvInt8(bool int8);
    QString systemPrompt() const;
    void setSystemPrompt(const QString& prompt);
    double temperature() const;
    void setTemperature(double temperature);
    int topK() const;
    void setTopK(int k);
    double topP() const;
    void setTopP(double p);
    double minP() const;
    void setMinP(double p);
    double repeatPenalty() const;
    void setRepeatPenalty(double penalty);
    int maxTokens() const;  ///< 0: until the model ends
    void setMaxTokens(int tokens);

    inference::KvKind kv() const;
    inference::SamplingOptions sampling() const;  ///< with the general seed

  Q_SIGNALS:
    void changed();

  private:
    /// What the model has of its own and can be read; nothing: it follows.
    template <class T>
    std::optional<T> ownValue(Value value) const;
    template <class T>
    void store(Value value, const T& now, const T& before);

    Settings& m_general;
    QString m_key;  ///< modelKey()
    QString m_path, m_name;
};

}  // namespace edgechat::app
