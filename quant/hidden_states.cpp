#include "quant/hidden_states.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "quant/output/output_file.h"

namespace edgechat::quant {

Result<HiddenStates> HiddenStates::open(const std::filesystem::path& file, int64_t tokens, int64_t hidden) {
    Result<std::shared_ptr<const inference::DataFile>> data =
        inference::DataFile::open(file, "the hidden states of an unfinished quantization");
    if (!data) return data.error();
    const uint64_t bytes = (*data)->bytes(), expected = static_cast<uint64_t>(tokens * hidden * 4);
    if (bytes != expected) {
        return Error{
            ErrorCode::badInput,     "cannot go on with", file.string(), "", std::to_string(bytes) + " bytes",
            std::to_string(expected)};
    }
    return HiddenStates(std::move(*data), hidden);
}

Result<void> HiddenStates::read(int64_t firstToken, int64_t tokens, float* out) const {
    return m_file->read(static_cast<uint64_t>(firstToken * m_hidden * 4),
                        static_cast<uint64_t>(tokens * m_hidden * 4), reinterpret_cast<std::byte*>(out), "");
}

NewHiddenStates::NewHiddenStates(std::filesystem::path file, std::filesystem::path finalName, int descriptor,
                                 int64_t hidden)
    : m_file(std::move(file)),
      m_finalName(std::move(finalName)),
      m_descriptor(descriptor),
      m_hidden(hidden) {}

NewHiddenStates::NewHiddenStates(NewHiddenStates&& other) noexcept {
    *this = std::move(other);
}

NewHiddenStates& NewHiddenStates::operator=(NewHiddenStates&& other) noexcept {
    std::swap(m_file, other.m_file);
    std::swap(m_finalName, other.m_finalName);
    std::swap(m_descriptor, other.m_descriptor);
    std::swap(m_hidden, other.m_hidden);
    return *this;
}

NewHiddenStates::~NewHiddenStates() {
    if (m_descriptor >= 0) ::close(m_descriptor);
}

Result<NewHiddenStates> NewHiddenStates::create(const std::filesystem::path& file, int64_t hidden) {
    std::filesystem::path temporary = file;
    temporary += ".tmp";
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) return writeError(temporary, errno);
    return NewHiddenStates(temporary, file, descriptor, hidden);
}

Result<void> NewHiddenStates::write(int64_t firstToken, int64_t tokens, const float* values) {
    return writeAt(m_descriptor, m_file, static_cast<uint64_t>(firstToken * m_hidden * 4), values,
                   static_cast<uint64_t>(tokens * m_hidden * 4));
}

Result<void> NewHiddenStates::keep() {
    if (::fdatasync(m_descriptor) != 0) return writeError(m_file, errno);
    if (::rename(m_file.c_str(), m_finalName.c_str()) != 0) return writeError(m_finalName, errno);
    m_file = m_finalName;
    return {};
}

Result<void> embedTokens(const inference::Checkpoint& source, const CalibrationWindows& windows,
                         NewHiddenStates& out) {
    const inference::TensorInfo& embedding = source.tensors().embedding;
    constexpr size_t kTokens = 1024;
    std::vector<std::byte> stored(embedding.rowBytes());
    std::vector<float> rows;
    for (size_t first = 0; first < windows.ids.size(); first += kTokens) {
        const size_t count = std::min(kTokens, windows.ids.size() - first);
        rows.resize(count * static_cast<size_t>(embedding.columns));
        for (size_t i = 0; i < count; ++i) {
            if (Result<void> read = source.readRows(embedding, windows.ids[first + i], 1, stored.data());
                !read)
                return read;
            inference::dequantizeRow(embedding, stored.data(),
                                     rows.data() + i * static_cast<size_t>(embedding.columns));
        }
        if (Result<void> written =
                out.write(static_cast<int64_t>(first), static_cast<int64_t>(count), rows.data());
            !written)
            return written;
    }
    return {};
}

}  // namespace edgechat::quant
