// What a person should know who is looking at another window.
#pragma once

#include <QString>

namespace edgechat::app {

/// Asks the desktop to show it (org.freedesktop.Notifications), unless a window of the program has the focus.
/// Returns at once; a desktop without notifications shows nothing. GUI thread.
void notify(const QString& title, const QString& text);

}  // namespace edgechat::app
