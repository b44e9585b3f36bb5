// What the user chose, kept in an INI file. Values are brought into their range when they are read and set.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QDBusVariant>
#include <QObject>
#include <QRect>
#include <QSettings>
#include <QString>
#include <QStringList>
#include <QVariant>

#include <functional>

namespace edgechat::app {

struct IntegerRange;
struct NumberRange;

/// Lives on the GUI thread.
class Settings : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the settings")
    Q_PROPERTY(Appearance appearance READ appearance WRITE setAppearance NOTIFY appearanceChanged FINAL)
    Q_PROPERTY(bool dark READ dark NOTIFY darkChanged FINAL)
    Q_PROPERTY(double textScale READ textScale WRITE setTextScale NOTIFY textScaleChanged FINAL)
    Q_PROPERTY(bool reducedMotion READ reducedMotion WRITE setReducedMotion NOTIFY reducedMotionChanged FINAL)
    Q_PROPERTY(Device device READ device WRITE setDevice NOTIFY deviceChanged FINAL)
    Q_PROPERTY(int threads READ threads WRITE setThreads NOTIFY threadsChanged FINAL)
    Q_PROPERTY(int contextTokens READ contextTokens WRITE setContextTokens NOTIFY contextTokensChanged FINAL)
    Q_PROPERTY(bool kvInt8 READ kvInt8 WRITE setKvInt8 NOTIFY kvInt8Changed FINAL)
    Q_PROPERTY(QString systemPrompt READ systemPrompt WRITE setSystemPrompt NOTIFY systemPromptChanged FINAL)
    Q_PROPERTY(double temperature READ temperature WRITE setTemperature NOTIFY temperatureChanged FINAL)
    Q_PROPERTY(int topK READ topK WRITE setTopK NOTIFY topKChanged FINAL)
    Q_PROPERTY(double topP READ topP WRITE setTopP NOTIFY topPChanged FINAL)
    Q_PROPERTY(double minP READ minP WRITE setMinP NOTIFY minPChanged FINAL)
    Q_PROPERTY(
        double repeatPenalty READ repeatPenalty WRITE setRepeatPenalty NOTIFY repeatPenaltyChanged FINAL)
    Q_PROPERTY(int maxTokens READ maxTokens WRITE setMaxTokens NOTIFY maxTokensChanged FINAL)
    Q_PROPERTY(qint64 seed READ seed WRITE setSeed NOTIFY seedChanged FINAL)
    Q_PROPERTY(QString lastModel READ lastModel WRITE setLastModel NOTIFY lastModelChanged FINAL)
    Q_PROPERTY(
        bool sidebarVisible READ sidebarVisible WRITE setSidebarVisible NOTIFY sidebarVisibleChanged FINAL)
    Q_PROPERTY(
        QRect windowGeometry READ windowGeometry WRITE setWindowGeometry NOTIFY windowGeometryChanged FINAL)
    Q_PROPERTY(bool windowMaximized READ windowMaximized WRITE setWindowMaximized NOTIFY
                   windowMaximizedChanged FINAL)

  public:
    enum Appearance { System, Light, Dark };
    Q_ENUM(Appearance)
    /// What computes answers. Automatic: the GPU where the model can run there.
    enum Device { Automatic, Gpu, Cpu };
    Q_ENUM(Device)

    /// `file`: the INI file; empty: config.ini in the configuration folder.
    explicit Settings(const QString& file = QString(), QObject* parent = nullptr);

    Appearance appearance() const;
    void setAppearance(Appearance appearance);
    bool dark() const { return m_dark; }  ///< `appearance`, with System resolved
    double textScale() const;
    void setTextScale(double scale);
    bool reducedMotion() const;
    void setReducedMotion(bool reduced);
    Device device() const;
    void setDevice(Device device);
    int threads() const;  ///< 0: the machine's cores
    void setThreads(int threads);
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
    qint64 seed() const;  ///< 0: a fresh one for each answer
    void setSeed(qint64 seed);
    QString lastModel() const;
    void setLastModel(const QString& path);
    /// What decoded an answer, each at a speed of its own.
    enum class Decoder { Cpu, Gpu };
    /// Bytes of weights per second that its last answer was decoded at; 0: there was none yet.
    double decodeBandwidth(Decoder decoder) const;
    void setDecodeBandwidth(Decoder decoder, double bytesPerSecond);
    double loadRate() const;  ///< bytes per second of the last load of a model; 0: none was measured yet
    void setLoadRate(double bytesPerSecond);
    /// Whether a person has seen this notice; it is not worth a second look.
    bool noticeSeen(const QString& notice) const;
    void setNoticeSeen(const QString& notice);
    bool sidebarVisible() const;
    void setSidebarVisible(bool visible);
    QRect windowGeometry() const;
    void setWindowGeometry(const QRect& geometry);
    bool windowMaximized() const;
    void setWindowMaximized(bool maximized);
    /// Where models come from: empty is HF_ENDPOINT or Hugging Face. Not checked: HubAccess does.
    QString hubAddress() const;
    void setHubAddress(const QString& address);
    bool hubOffline() const;
    void setHubOffline(bool offline);
    int hubMegabytesPerSecond() const;  ///< 0: no limit
    void setHubMegabytesPerSecond(int megabytes);

    /// A value that a model has of its own, unchecked; invalid: it follows the general one. ModelSettings
    /// gives them types and ranges.
    /// @param model  modelKey()
    QVariant modelValue(const QString& model, const QString& value) const;
    /// An invalid value is taken away.
    /// @param name  of the model, for whoever reads the file
    void setModelValue(const QString& model, const QString& name, const QString& value, const QVariant& now);
    bool hasModelValues(const QString& model) const;
    /// Takes away what the models have that `gone` says are no more.
    void forgetModels(const std::function<bool(const QString& model, const QString& name)>& gone);

    /// Files loaded from outside the store, newest first, at most eight.
    QStringList recentFiles() const;
    void addRecentFile(const QString& path);
    void removeRecentFile(const QString& path);

    /// Sampling and limits back to what a new installation has.
    Q_INVOKABLE void resetGeneration();
    Q_INVOKABLE bool isDefaultGeneration() const;

    /// What the desktop says: 1 dark, 2 light, anything else no preference (the palette decides).
    void setDesktopColorScheme(uint scheme);

  Q_SIGNALS:
    void appearanceChanged();
    void darkChanged();
    void textScaleChanged();
    void reducedMotionChanged();
    void deviceChanged();
    void threadsChanged();
    void contextTokensChanged();
    void kvInt8Changed();
    void systemPromptChanged();
    void temperatureChanged();
    void topKChanged();
    void topPChanged();
    void minPChanged();
    void repeatPenaltyChanged();
    void maxTokensChanged();
    void seedChanged();
    void lastModelChanged();
    void loadRateChanged();
    void decodeBandwidthChanged();
    void sidebarVisibleChanged();
    void windowGeometryChanged();
    void windowMaximizedChanged();
    void recentFilesChanged();
    void modelValuesChanged(const QString& model);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private Q_SLOTS:
    void onPortalSetting(const QString& group, const QString& key, const QDBusVariant& value);

  private:
    int integer(const char* key, const IntegerRange& range) const;
    double number(const char* key, const NumberRange& range) const;
    bool flag(const char* key, bool fallback) const;
    /// Stores a value; true if it differs from `old`.
    template <class T>
    bool store(const char* key, const T& value, const T& old);
    void askPortal();
    void updateDark();

    mutable QSettings m_file;
    uint m_desktopScheme = 0;
    bool m_dark = false;
};

}  // namespace edgechat::app
