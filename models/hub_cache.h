// The models in the cache that Hugging Face's own programs keep, which run where they are: nothing is copied
// and nothing is written there.
#pragma once

#include <QString>
#include <QStringList>
#include <functional>
#include <vector>

#include "models/checkpoint_summary.h"
#include "models/store.h"

namespace edgechat::models {

/// $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
/// ~/.cache/huggingface/hub. Absolute; "~/" at the beginning of a variable is the home folder.
QString hubCacheFolder();

/// One model of a snapshot: a folder in Hugging Face's form, or one of its .gguf files.
struct CachedModel {
    enum class State {
        ready,
        incomplete,  ///< some of its files were not fetched, or are gone
        unsupported  ///< EdgeChat cannot load it
    };
    State state = State::ready;
    QString repository;
    QString commit;
    QStringList revisions;      ///< what the cache knows this commit by: "main", "refs/pr/7"
    QString path;               ///< what Engine::load takes, absolute
    CheckpointSummary summary;  ///< ready only
    QString problem;            ///< else why not, one sentence for a person
};

/// Looks through a cache: `models--org--name/{refs,snapshots/<commit>,blobs}`. Snapshots without
/// weights in one of the two forms are passed over, as are names of other shapes; links that lead nowhere or
/// in circles count as missing files. Reads headers, so it takes a while: not for the window's thread.
/// @param stopped  asked now and then; true ends the search with what was found
std::vector<CachedModel> findCachedModels(const QString& cache = hubCacheFolder(),
                                          const CheckpointReader& reader = readCheckpoint,
                                          const std::function<bool()>& stopped = {});

/// Repository and commit of a path in such a cache; empty for any other.
HubOrigin hubCacheOrigin(const QString& path);

}  // namespace edgechat::models
