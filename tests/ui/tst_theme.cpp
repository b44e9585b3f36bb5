// The colours of the theme against each other, by the formula of WCAG 2.1 (relative luminance, contrast
// ratio).
#include <QColor>
#include <QGuiApplication>
#include <QQmlComponent>
#include <QQmlEngine>
#include <QtTest>

#include <cmath>
#include <memory>

namespace {

double linear(double channel) {
    return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& color) {
    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF());
}

double contrast(const QColor& a, const QColor& b) {
    const double one = luminance(a) + 0.05, two = luminance(b) + 0.05;
    return one > two ? one / two : two / one;
}

}  // namespace

class ThemeTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void initTestCase();
    void formulaGivesKnownRatios();
    void textCanBeRead_data();
    void textCanBeRead();

  private:
    QQmlEngine m_engine;
    std::unique_ptr<QObject> m_holder;
};

void ThemeTest::initTestCase() {
    m_engine.addImportPath(QStringLiteral(":/qt/qml"));
    QQmlComponent component(&m_engine);
    component.setData("import QtQml\nimport EdgeChat.Theme\nQtObject { property QtObject theme: Theme }",
                      QUrl());
    m_holder.reset(component.create());
    QVERIFY2(m_holder, qPrintable(component.errorString()));
}

void ThemeTest::formulaGivesKnownRatios() {
    QCOMPARE(contrast(Qt::black, Qt::white), 21.0);
    QVERIFY(std::abs(contrast(QColor(QStringLiteral("#767676")), Qt::white) - 4.54) <
            0.01);  // the known lightest grey for text
}

void ThemeTest::textCanBeRead_data() {
    QTest::addColumn<bool>("dark");
    QTest::addColumn<QString>("ink");
    QTest::addColumn<QString>("ground");
    QTest::addColumn<double>("least");
    const QStringList surfaces = {
        QStringLiteral("window"),    QStringLiteral("sidebar"),    QStringLiteral("card"),
        QStringLiteral("hover"),     QStringLiteral("selected"),   QStringLiteral("userMessage"),
        QStringLiteral("codeBlock"), QStringLiteral("inlineCode"), QStringLiteral("selection")};
    const auto add = [](bool dark, const QString& ink, const QString& ground, double least) {
        QTest::addRow("%s: %s on %s", dark ? "dark" : "light", qPrintable(ink), qPrintable(ground))
            << dark << ink << ground << least;
    };
    for (const bool dark : {false, true}) {
        for (const QString& ground : surfaces) add(dark, QStringLiteral("text"), ground, 4.5);
        for (const char* ground :
             {"window", "sidebar", "card", "hover", "selected", "warningSurface", "dangerSurface"})
            add(dark, QStringLiteral("secondary"), QString::fromLatin1(ground), 4.5);
        for (const char* ink : {"codeKeyword", "codeString", "codeComment", "codeNumber", "codeName"})
            add(dark, QString::fromLatin1(ink), QStringLiteral("codeBlock"), 4.5);
        for (const char* ground : {"window", "card", "userMessage"})
            add(dark, QStringLiteral("accent"), QString::fromLatin1(ground), 4.5);
        add(dark, QStringLiteral("accentInk"), QStringLiteral("accent"), 4.5);
        add(dark, QStringLiteral("accentInk"), QStringLiteral("accentHover"), 4.5);
        add(dark, QStringLiteral("danger"), QStringLiteral("card"), 4.5);
        add(dark, QStringLiteral("danger"), QStringLiteral("window"), 4.5);
        for (const char* ink : {"outline", "good", "warning", "danger", "accent"}) {
            for (const char* ground : {"window", "sidebar", "card"})
                add(dark, QString::fromLatin1(ink), QString::fromLatin1(ground), 3.0);
        }
        add(dark, QStringLiteral("warning"), QStringLiteral("warningSurface"), 3.0);
        add(dark, QStringLiteral("danger"), QStringLiteral("dangerSurface"), 3.0);
    }
}

void ThemeTest::textCanBeRead() {
    QFETCH(bool, dark);
    QFETCH(QString, ink);
    QFETCH(QString, ground);
    QFETCH(double, least);
    auto* theme = m_holder->property("theme").value<QObject*>();
    QVERIFY(theme->setProperty("dark", dark));
    const QColor a = theme->property(ink.toLatin1()).value<QColor>();
    const QColor b = theme->property(ground.toLatin1()).value<QColor>();
    QVERIFY(a.isValid() && b.isValid());
    const double ratio = contrast(a, b);
    QVERIFY2(ratio >= least, qPrintable(QStringLiteral("%1 on %2 is %3:1, expected at least %4:1")
                                            .arg(a.name(), b.name())
                                            .arg(ratio, 0, 'f', 2)
                                            .arg(least)));
}

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    QGuiApplication application(argc, argv);
    ThemeTest test;
    return QTest::qExec(&test, argc, argv);
}

#include "tst_theme.moc"
