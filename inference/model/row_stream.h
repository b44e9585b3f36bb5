// How a backend reads weights: a thread of its own moves bytes from the files, in the order of the work and
// ahead of it, while the threads that pack make rows of them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "inference/aligned_buffer.h"
#include "inference/model/checkpoint.h"
#include "inference/result.h"

namespace edgechat::inference {

/// Some rows of one tensor.
struct TensorRows {
    const TensorInfo* tensor;
    RowRange rows;
};

/// Every byte that the pieces need is read once, also where several need it (AutoAWQ stores a matrix
/// transposed) or several views share it. What was read lies in a ring; its pages are dropped from the
/// kernel's cache. The ring takes what the largest piece needs, and as much again as is read at once, at
/// least 16 MiB: memoryBytes().
class RowStream {
  public:
    /// Starts to read. The checkpoint must outlive the stream.
    /// @param pieces  rows that are used at the same time, in the order of their use
    RowStream(const Checkpoint& checkpoint, const std::vector<std::vector<TensorRows>>& pieces);
    /// Stops reading.
    ~RowStream();
    RowStream(const RowStream&) = delete;
    RowStream& operator=(const RowStream&) = delete;

    /// Waits for what the next piece needs, and lets go of what the pieces before needed. Fails as readRows()
    /// does, and with doesNotFit where the machine has no memory for the ring.
    Result<void> next();

    /// Rows of the piece as Checkpoint::readRows() gives them. Any thread, between two calls of next().
    /// @param out  takes the rows, where they do not lie as they are in what was read
    /// @return     the first of the rows
    Result<const std::byte*> rows(const TensorInfo& tensor, const RowRange& range, std::byte* out) const;
    /// All rows of a tensor of the piece as fp32, as Checkpoint::readVector() gives them.
    Result<std::vector<float>> values(const TensorInfo& tensor) const;

    const std::filesystem::path& path() const { return m_checkpoint.path(); }
    uint64_t memoryBytes() const { return m_ring.bytes(); }

  private:
    /// What is read with one call, and until which piece it is needed.
    struct Part {
        const RowSource* source;
        RowRange rows;
        uint64_t bytes;  // in the ring
        size_t lastPiece;
        uint64_t begin = 0;  // in the ring, if that had no end
        Result<void> read{};
        bool done = false;
    };

    /// @param firstLive  of the parts: those before it are not held any more
    void plan(size_t piece, const std::vector<TensorRows>& wanted, size_t firstLive);
    void addPart(size_t piece, const RowSource& source, RowRange rows, size_t firstLive);
    uint64_t ringBytes() const;
    void readParts();
    Result<const std::byte*> decode(const RowSource& source, const RowRange& range, std::byte* out) const;

    const Checkpoint& m_checkpoint;
    std::vector<Part> m_parts;       // in the order of their first use
    std::vector<size_t> m_partsEnd;  // of each piece: parts from there on are for later ones
    AlignedBuffer m_ring;

    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_stop = false;
    size_t m_nextPiece = 0;  // of next()
    size_t m_firstHeld = 0;  // of the parts in the ring
    std::thread m_thread;
};

}  // namespace edgechat::inference
