#include "inference/model/row_stream.h"

#include <algorithm>
#include <cstring>

namespace edgechat::inference {

namespace {

constexpr uint64_t kReadAhead = uint64_t{16} << 20;  // bytes, or the largest part

}  // namespace

RowStream::RowStream(const Checkpoint& checkpoint, const std::vector<std::vector<TensorRows>>& pieces)
    : m_checkpoint(checkpoint) {
    size_t firstLive = 0;  // part that a piece may share with the one before
    for (size_t piece = 0; piece < pieces.size(); ++piece) {
        while (firstLive < m_parts.size() && m_parts[firstLive].lastPiece + 1 < piece) ++firstLive;
        plan(piece, pieces[piece], firstLive);
        m_partsEnd.push_back(m_parts.size());
    }
    if (m_parts.empty()) return;
    m_ring = AlignedBuffer(ringBytes(), AlignedBuffer::Pages::large);
    if (m_ring.data() != nullptr) m_thread = std::thread([this] { readParts(); });
}

RowStream::~RowStream() {
    if (!m_thread.joinable()) return;
    {
        const std::lock_guard lock(m_mutex);
        m_stop = true;
    }
    m_changed.notify_all();
    m_thread.join();
}

void RowStream::plan(size_t piece, const std::vector<TensorRows>& wanted, size_t firstLive) {
    std::vector<RowSource::Run> runs;
    for (const TensorRows& part : wanted) {
        for (RowRange left = part.rows; left.count > 0;) {
            runs.push_back(part.tensor->source->origin(left));
            const int64_t taken = runs.back().rows.count;
            left = {left.first + taken, left.count - taken};
        }
    }
    // Views of one source are read together. Sources stay in the order in which they were asked for.
    while (!runs.empty()) {
        const RowSource& source = *runs.front().source;
        const auto others = std::stable_partition(
            runs.begin(), runs.end(), [&](const RowSource::Run& run) { return run.source == &source; });
        std::sort(runs.begin(), others, [](const RowSource::Run& a, const RowSource::Run& b) {
            return a.rows.first < b.rows.first;
        });
        RowRange whole = runs.front().rows;
        for (auto run = runs.begin(); run != others; ++run) {
            if (run->rows.first > whole.end()) {
                addPart(piece, source, whole, firstLive);
                whole = run->rows;
            }
            whole.count = std::max(whole.end(), run->rows.end()) - whole.first;
        }
        addPart(piece, source, whole, firstLive);
        runs.erase(runs.begin(), others);
    }
}

void RowStream::addPart(size_t piece, const RowSource& source, RowRange rows, size_t firstLive) {
    rows = source.fetchedWith(rows);
    const uint64_t bytes = source.fetchedBytes(rows);
    if (bytes == 0) return;
    for (size_t i = firstLive; i < m_parts.size(); ++i) {
        Part& part = m_parts[i];
        if (part.source == &source && part.rows.covers(rows) && part.lastPiece + 1 >= piece) {
            part.lastPiece = piece;
            return;
        }
    }
    m_parts.push_back({&source, rows, bytes, piece});
}

uint64_t RowStream::ringBytes() const {
    uint64_t all = 0, largest = 0, held = 0, most = 0;
    size_t first = 0, end = 0;
    for (size_t piece = 0; piece < m_partsEnd.size(); ++piece) {
        while (first < m_parts.size() && m_parts[first].lastPiece < piece) held -= m_parts[first++].bytes;
        for (; end < m_partsEnd[piece]; ++end) {
            held += m_parts[end].bytes;
            all += m_parts[end].bytes;
            largest = std::max(largest, m_parts[end].bytes);
        }
        most = std::max(most, held);
    }
    // A part lies in one piece, so that up to the largest's size is unused at the ring's end.
    return std::min(all, most + std::max(largest, kReadAhead));
}

void RowStream::readParts() {
    uint64_t head = 0;
    for (size_t i = 0; i < m_parts.size(); ++i) {
        Part& part = m_parts[i];
        if (head % m_ring.bytes() + part.bytes > m_ring.bytes())
            head += m_ring.bytes() - head % m_ring.bytes();
        {
            std::unique_lock lock(m_mutex);
            m_changed.wait(lock, [&] {
                return m_stop || m_firstHeld == i ||
                       head + part.bytes - m_parts[m_firstHeld].begin <= m_ring.bytes();
            });
            if (m_stop) return;
            part.begin = head;
        }
        head += part.bytes;
        Result<void> read = part.source->fetch(part.rows, m_ring.data() + part.begin % m_ring.bytes());
        const bool failed = !read;
        if (i + 1 == m_parts.size()) m_checkpoint.dropPageCache();  // the headers, and parts of pages
        {
            const std::lock_guard lock(m_mutex);
            part.read = std::move(read);
            part.done = true;
        }
        m_changed.notify_all();
        if (failed) return;
    }
}

Result<void> RowStream::next() {
    if (!m_parts.empty() && m_ring.data() == nullptr) {
        return Error{ErrorCode::doesNotFit,
                     "cannot take memory to read",
                     m_checkpoint.path().string(),
                     "",
                     "no room for " + std::to_string(ringBytes() >> 20) + " MiB",
                     "a smaller model"};
    }
    std::unique_lock lock(m_mutex);
    const size_t piece = m_nextPiece++;
    while (m_firstHeld < m_partsEnd[piece] && m_parts[m_firstHeld].lastPiece < piece) ++m_firstHeld;
    m_changed.notify_all();
    for (size_t i = m_firstHeld; i < m_partsEnd[piece]; ++i) {
        m_changed.wait(lock, [&] { return m_parts[i].done; });
        if (!m_parts[i].read) return m_parts[i].read;
    }
    return {};
}

Result<const std::byte*> RowStream::rows(const TensorInfo& tensor, const RowRange& range,
                                         std::byte* out) const {
    const RowSource::Run whole = tensor.source->origin(range);
    const std::byte* rows = out;
    if (whole.rows.count == range.count) {
        Result<const std::byte*> decoded = decode(*whole.source, whole.rows, out);
        if (!decoded) return decoded;
        rows = *decoded;
    } else {
        for (RowRange left = range; left.count > 0;) {
            const RowSource::Run run = tensor.source->origin(left);
            Result<const std::byte*> decoded = decode(*run.source, run.rows, out);
            if (!decoded) return decoded;
            const uint64_t bytes = static_cast<uint64_t>(run.rows.count) * tensor.rowBytes();
            if (*decoded != out) std::memcpy(out, *decoded, bytes);
            out += bytes;
            left = {left.first + run.rows.count, left.count - run.rows.count};
        }
    }
    if (Result<void> finite = m_checkpoint.checkRows(tensor, range.count, rows); !finite)
        return finite.error();
    return rows;
}

Result<std::vector<float>> RowStream::values(const TensorInfo& tensor) const {
    std::vector<std::byte> buffer(tensor.bytes);
    const Result<const std::byte*> stored = rows(tensor, {0, tensor.rows}, buffer.data());
    if (!stored) return stored.error();
    return Checkpoint::valuesOf(tensor, *stored);
}

Result<const std::byte*> RowStream::decode(const RowSource& source, const RowRange& range,
                                           std::byte* out) const {
    const size_t piece = m_nextPiece - 1;
    for (size_t i = m_firstHeld; i < m_partsEnd[piece]; ++i) {
        const Part& part = m_parts[i];
        if (part.source == &source && part.rows.covers(range))
            return source.decode(part.rows, m_ring.data() + part.begin % m_ring.bytes(), range, out);
    }
    return source.decode(range, nullptr, range, out);  // of a source that has no file
}

}  // namespace edgechat::inference
