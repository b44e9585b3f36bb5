// Sequential reading of a GGUF file's header.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace edgechat::inference {

/// The most that the header of a GGUF file may take; real ones have at most about 20 MB.
constexpr uint64_t kMaxGgufHeaderBytes = 256u << 20;

/// Little-endian reading with pread through a small buffer. The first failure sticks: later reads give zeros
/// and empty strings, so that callers check once per record. `field` always names what is being read, for
/// messages.
class GgufStream {
  public:
    GgufStream(int file, uint64_t fileBytes, std::string fileName)
        : m_file(file), m_fileBytes(fileBytes), m_fileName(std::move(fileName)), m_buffer(64 * 1024) {}

    bool ok() const { return !m_error; }
    const Error& error() const { return *m_error; }
    uint64_t position() const { return m_position; }
    uint64_t fileBytes() const { return m_fileBytes; }
    uint64_t remaining() const { return m_fileBytes - m_position; }

    void fail(std::string field, std::string found, std::string expected);

    void bytes(void* out, uint64_t count, std::string_view field);

    template <class T>
    T integer(std::string_view field) {
        uint8_t raw[sizeof(T)];
        bytes(raw, sizeof(T), field);
        uint64_t value = 0;
        for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<uint64_t>(raw[i]) << (8 * i);
        return static_cast<T>(value);
    }

    /// A length of 64 bits and as many bytes, none of them NUL.
    std::string string(std::string_view field, uint64_t limit = kMaxGgufHeaderBytes);

  private:
    void failEnd(std::string_view field, uint64_t wanted);
    bool refill(std::string_view field);

    int m_file;
    uint64_t m_fileBytes;
    std::string m_fileName;
    std::vector<char> m_buffer;
    uint64_t m_begin = 0, m_end = 0;  // unread part of the buffer
    uint64_t m_position = 0;          // in the file, of the next byte to hand out
    std::optional<Error> m_error;
};

}  // namespace edgechat::inference
