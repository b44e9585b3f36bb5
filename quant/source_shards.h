// A source whose shards are on the disk one at a time: what the quantization will read next, and which files
// it takes. The quantizer only reads the folder; who fetches the shards is who deletes them.
//
// The work has parts that each read some tensors: the embedding, every layer in turn, the output norm and the
// head. Of the shards of a part all but one are taken apart: what the part needs of them is kept in
// <shard>.rest, and the shard goes before the next one comes. So there is never more than one whole shard,
// and beside it less than a layer.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "quant/journal.h"
#include "quant/output/checkpoint_writer.h"

namespace edgechat::quant {

/// Tensors that are read together, by their names in the files.
struct SourcePart {
    std::string name;  ///< "layer 3", for messages
    std::set<std::string> tensors;
    bool waits = true;  ///< for the parts in front of it; else it is done as soon as its tensors are here
};

SourcePart restPart(const inference::Checkpoint& source, RestPart part);
SourcePart layerPart(const inference::Checkpoint& source, int layer);

/// What is still to be read, in order, when so much is done.
/// @param journal  null: nothing is done
std::vector<SourcePart> partsLeft(const inference::Checkpoint& source, const Journal* journal);
/// The same of the work on a folder, finished or not.
/// @param output  as in QuantizeRequest
std::vector<SourcePart> partsLeft(const inference::Checkpoint& source, const std::filesystem::path& output);

/// Shards that hold tensors of a part which were not here when the source was opened, by their names. None of
/// a source that was opened whole.
std::vector<std::string> missingShards(const inference::Checkpoint& source, const SourcePart& part);

/// Makes room for a shard that a part needs: of the others only the tensors stay that the part reads. After a
/// crash at any moment the folder can be opened, and what the part needs is as near as before.
/// @param source  the folder as it is, opened with Shards::onDemand; to be opened anew afterwards
/// @param shard   to be fetched, or to stay as it is; may be empty
/// @return ErrorCode::doesNotFit for a full disk
Result<void> takeApart(const inference::Checkpoint& source, const SourcePart& part, const std::string& shard);

/// Most bytes that shards and what is taken out of them take at once from begin to end, with the headers.
uint64_t mostShardBytes(const inference::Checkpoint& source);

}  // namespace edgechat::quant
