#include "inference/model/gguf_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace edgechat::inference {

void GgufStream::fail(std::string field, std::string found, std::string expected) {
    if (m_error) return;
    m_error = Error{ErrorCode::badInput, "cannot read the model", m_fileName,
                    std::move(field),    std::move(found),        std::move(expected)};
}

void GgufStream::bytes(void* out, uint64_t count, std::string_view field) {
    auto* target = static_cast<char*>(out);
    if (m_error || count > remaining()) {
        if (!m_error) failEnd(field, count);
        std::memset(out, 0, count);
        return;
    }
    if (m_position + count > kMaxGgufHeaderBytes) {
        fail(std::string(field), "more than " + std::to_string(kMaxGgufHeaderBytes) + " bytes of metadata",
             "a header that fits into them");
        std::memset(out, 0, count);
        return;
    }
    while (count > 0) {
        if (m_begin == m_end && !refill(field)) {
            std::memset(target, 0, count);
            return;
        }
        const uint64_t step = std::min<uint64_t>(count, m_end - m_begin);
        std::memcpy(target, m_buffer.data() + m_begin, step);
        m_begin += step;
        m_position += step;
        target += step;
        count -= step;
    }
}

std::string GgufStream::string(std::string_view field, uint64_t limit) {
    const auto length = integer<uint64_t>(field);
    if (!ok()) return {};
    if (length > limit) {
        fail(std::string(field), "a text of " + std::to_string(length) + " bytes",
             "at most " + std::to_string(limit));
        return {};
    }
    if (length > remaining()) {
        failEnd(field, length);
        return {};
    }
    std::string text(length, '\0');
    bytes(text.data(), length, field);
    if (ok() && text.find('\0') != std::string::npos) {
        fail(std::string(field), "a text with a NUL character", "text without one");
    }
    return text;
}

void GgufStream::failEnd(std::string_view field, uint64_t wanted) {
    fail(std::string(field),
         std::to_string(remaining()) + " bytes to the end of the file at byte " + std::to_string(m_position),
         "at least " + std::to_string(wanted));
}

bool GgufStream::refill(std::string_view field) {
    const uint64_t wanted = std::min<uint64_t>(m_buffer.size(), remaining());
    ssize_t got = 0;
    do {
        got = pread(m_file, m_buffer.data(), wanted, static_cast<off_t>(m_position));
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        fail(std::string(field), got < 0 ? std::strerror(errno) : "that the file became shorter",
             "a file that can be read to its end");
        return false;
    }
    m_begin = 0;
    m_end = static_cast<uint64_t>(got);
    return true;
}

}  // namespace edgechat::inference
