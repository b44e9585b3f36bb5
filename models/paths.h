// Where EdgeChat keeps its files. EDGECHAT_HOME, when set, holds all of them; else the XDG folders do.
#pragma once

#include <QString>

namespace edgechat::models {

/// All paths are absolute, without a trailing slash; nothing is created. The environment is read at each
/// call.
QString dataFolder();    ///< $EDGECHAT_HOME, else $XDG_DATA_HOME/edgechat
QString configFolder();  ///< $EDGECHAT_HOME/config, else $XDG_CONFIG_HOME/edgechat
QString cacheFolder();   ///< $EDGECHAT_HOME/cache, else $XDG_CACHE_HOME/edgechat
QString modelsFolder();  ///< the store, dataFolder()/models
QString historyFile();   ///< dataFolder()/history.sqlite

}  // namespace edgechat::models
