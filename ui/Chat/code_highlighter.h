#pragma once

#include <QtQml/qqmlregistration.h>
#include <QColor>
#include <QQuickTextDocument>
#include <QSyntaxHighlighter>

namespace edgechat::ui {

/// Colours the code in a TextEdit's document. Without `active` it does no work: a block that is still being
/// written stays plain.
class CodeHighlighter : public QSyntaxHighlighter {
    Q_OBJECT
    QML_ELEMENT
    Q_PROPERTY(QQuickTextDocument* target READ target WRITE setTarget NOTIFY targetChanged FINAL)
    Q_PROPERTY(QString language READ language WRITE setLanguage NOTIFY languageChanged FINAL)
    Q_PROPERTY(QString title READ title NOTIFY languageChanged FINAL)
    Q_PROPERTY(bool active READ active WRITE setActive NOTIFY activeChanged FINAL)
    Q_PROPERTY(QColor keywordColor MEMBER m_keywordColor NOTIFY colorsChanged FINAL)
    Q_PROPERTY(QColor stringColor MEMBER m_stringColor NOTIFY colorsChanged FINAL)
    Q_PROPERTY(QColor commentColor MEMBER m_commentColor NOTIFY colorsChanged FINAL)
    Q_PROPERTY(QColor numberColor MEMBER m_numberColor NOTIFY colorsChanged FINAL)
    Q_PROPERTY(QColor nameColor MEMBER m_nameColor NOTIFY colorsChanged FINAL)

  public:
    explicit CodeHighlighter(QObject* parent = nullptr);

    QQuickTextDocument* target() const { return m_target; }
    void setTarget(QQuickTextDocument* target);
    QString language() const { return m_language; }
    void setLanguage(const QString& language);
    QString title() const;  ///< the language's name for a reader
    bool active() const { return m_active; }
    void setActive(bool active);

  Q_SIGNALS:
    void targetChanged();
    void languageChanged();
    void activeChanged();
    void colorsChanged();

  protected:
    void highlightBlock(const QString& text) override;

  private:
    void attach();

    QQuickTextDocument* m_target = nullptr;
    QString m_language;
    bool m_active = false;
    QColor m_keywordColor, m_stringColor, m_commentColor, m_numberColor, m_nameColor;
};

}  // namespace edgechat::ui
