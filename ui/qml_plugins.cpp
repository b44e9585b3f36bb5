// Compiled into each program that shows the window: Qt 6.2 does not import static QML plugins by itself.
#include <QtPlugin>
#include <QtQml/QQmlExtensionPlugin>

Q_IMPORT_QML_PLUGIN(EdgeChatPlugin)
Q_IMPORT_QML_PLUGIN(EdgeChat_ThemePlugin)
Q_IMPORT_QML_PLUGIN(EdgeChat_ControlsPlugin)
Q_IMPORT_QML_PLUGIN(EdgeChat_ChatPlugin)
Q_IMPORT_QML_PLUGIN(EdgeChat_ModelsPlugin)
Q_IMPORT_QML_PLUGIN(EdgeChat_SettingsPlugin)
