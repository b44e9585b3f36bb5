#include <QtPlugin>
#include <QtQml/QQmlExtensionPlugin>

Q_IMPORT_QML_PLUGIN(EdgeChat_AppPlugin)
