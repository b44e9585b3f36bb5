// What a model's own settings are kept under.
#pragma once

#include <QString>

#include "models/store.h"

namespace edgechat::app {

/// A model of the store is known by its import, which its record tells: the key stays over a rename, and
/// another model that gets the same name later has another one. Empty for a record that cannot be read.
QString modelKey(const models::StoreEntry& entry);

/// The same for a checkpoint by its path; one outside the store is known by that path. Reads the record of a
/// model of the store.
QString modelKey(const QString& path);

/// The path of a model outside the store; empty for the key of one inside.
QString pathOfKey(const QString& key);

/// The folder in the store that a path leads into; empty for a path outside.
QString storeNameOf(const QString& path);

}  // namespace edgechat::app
