#pragma once

#include <QString>
#include <QStringList>

#include "tests/ui/fake/fake_app.h"

namespace edgechat::fake {

/// Every state the window has a face for, by name.
QStringList sceneNames();

/// Puts a program that was just made into one of them.
void setScene(Program& program, const QString& name);

}  // namespace edgechat::fake
