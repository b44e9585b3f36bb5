#include "inference/model/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include "inference/model/gguf.h"

namespace edgechat::inference {

namespace {

// The format allows 100 MB; the header of a 7B model's shard takes 0.1 MB.
constexpr uint64_t kMostHeaderBytes = 16u << 20;
constexpr size_t kMostTensors = 100'000;
constexpr size_t kMostDimensions = 8;
constexpr size_t kLongestName = 1024;
constexpr uint64_t kMostInteger = uint64_t{1} << 53;  // what every JSON reader keeps exactly

struct Dtype {
    const char* name;
    unsigned bits;
};
constexpr Dtype kDtypes[] = {
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};

Error failure(const std::string& file, std::string field, std::string found, std::string expected) {
    return Error{ErrorCode::badInput, "cannot read the model", file,
                 std::move(field),    std::move(found),        std::move(expected)};
}

std::string labelOf(const std::string& name) {
    return "tensor " + quotedForMessage(name);
}

// Takes the header apart as the JSON parser walks over it, so that nothing is kept that the format does not
// know: {"name": {"dtype": text, "shape": [numbers], "data_offsets": [begin, end]}, "__metadata__": {texts}}.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit HeaderReader(std::string fileName) : m_fileName(std::move(fileName)) {}

    const std::optional<Error>& error() const { return m_error; }
    std::vector<StoredTensor> tensors;  // offset is that of data_offsets, and bytes its length

    bool start_object(std::size_t) override {
        if (m_level == Level::outside) return enter(Level::names);
        if (m_level == Level::names) {
            m_seen = {};
            return enter(m_name == "__metadata__" ? Level::metadata : Level::entry);
        }
        return unexpected("an object");
    }
    bool end_object() override {
        if (m_level == Level::entry) {
            if (!m_seen.dtype || !m_seen.shape || !m_seen.offsets) {
                return fail(label(), "an entry without dtype, shape or data_offsets", "all three");
            }
            m_level = Level::names;
        } else {
            m_level = m_level == Level::metadata ? Level::names : Level::end;
        }
        return true;
    }
    bool start_array(std::size_t) override {
        if (m_level != Level::entry || (m_key != "shape" && m_key != "data_offsets"))
            return unexpected("an array");
        m_numbers.clear();
        return enter(Level::numbers);
    }
    bool end_array() override {
        m_level = Level::entry;
        StoredTensor& tensor = tensors.back();
        if (m_key == "shape") {
            tensor.shape = m_numbers;
            return true;
        }
        if (m_numbers.size() != 2) {
            return fail(label() + " data_offsets", std::to_string(m_numbers.size()) + " numbers",
                        "begin and end");
        }
        if (m_numbers[1] < m_numbers[0]) {
            return fail(label() + " data_offsets",
                        "an end of " + std::to_string(m_numbers[1]) + " before the begin of " +
                            std::to_string(m_numbers[0]),
                        "begin and end");
        }
        tensor.offset = m_numbers[0];
        tensor.bytes = m_numbers[1] - m_numbers[0];
        return true;
    }
    bool key(std::string& text) override {
        if (m_level == Level::names) {
            m_name = text;
            if (!m_names.insert(text).second) return fail(label(), "the name twice", "every name once");
            if (text.empty()) return fail("header", "an empty name", "a name for every tensor");
            if (text.size() > kLongestName) {
                return fail("header", "a name of " + std::to_string(text.size()) + " bytes",
                            "at most " + std::to_string(kLongestName));
            }
            if (text == "__metadata__") return true;
            if (tensors.size() == kMostTensors)
                return fail("header", "more tensors", "at most " + std::to_string(kMostTensors));
            tensors.emplace_back();
            tensors.back().name = text;
            return true;
        }
        m_key = text;
        if (m_level == Level::metadata) {
            if (!m_metadata.insert(text).second)
                return fail("__metadata__", "the key " + quotedForMessage(text) + " twice", "every key once");
            return true;
        }
        bool* seen = text == "dtype"          ? &m_seen.dtype
                     : text == "shape"        ? &m_seen.shape
                     : text == "data_offsets" ? &m_seen.offsets
                                              : nullptr;
        if (!seen)
            return fail(label(), "the key " + quotedForMessage(text), "dtype, shape and data_offsets alone");
        if (*seen) return fail(label(), "the key " + text + " twice", "every key once");
        *seen = true;
        return true;
    }
    bool string(std::string& text) override {
        if (m_level == Level::metadata) return true;
        if (m_level != Level::entry || m_key != "dtype") return unexpected("a text");
        tensors.back().dtype = text;
        return true;
    }
    bool number_unsigned(std::uint64_t number) override {
        if (m_level != Level::numbers) return unexpected("a number");
        if (number > kMostInteger)
            return fail(label() + " " + m_key, std::to_string(number), "whole numbers up to 2^53");
        if (m_numbers.size() == kMostDimensions) {
            return fail(label() + " " + m_key, "more numbers",
                        "at most " + std::to_string(kMostDimensions) + " dimensions");
        }
        m_numbers.push_back(number);
        return true;
    }
    bool number_integer(std::int64_t number) override { return notNatural(std::to_string(number)); }
    bool number_float(double, const std::string& text) override { return notNatural(quotedForMessage(text)); }
    bool null() override { return unexpected("null"); }
    bool boolean(bool) override { return unexpected("a truth value"); }
    bool binary(nlohmann::json::binary_t&) override { return unexpected("binary data"); }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return fail("header", "something that is not JSON at byte " + std::to_string(8 + position),
                    "a JSON object of tensors");
    }

  private:
    enum class Level { outside, names, entry, numbers, metadata, end };

    bool enter(Level level) {
        m_level = level;
        return true;
    }
    std::string label() const { return labelOf(m_name); }
    bool fail(std::string field, std::string found, std::string expected) {
        m_error = failure(m_fileName, std::move(field), std::move(found), std::move(expected));
        return false;
    }
    bool unexpected(const char* found) {
        if (m_level == Level::outside) return fail("header", found, "a JSON object of tensors");
        if (m_level == Level::names)
            return fail(label(), found, "an object with dtype, shape and data_offsets");
        if (m_level == Level::metadata) return fail("__metadata__", found, "texts alone");
        const bool isDtype = m_key == "dtype";
        return fail(label() + " " + m_key, found, isDtype ? "a text" : "an array of whole numbers");
    }
    bool notNatural(const std::string& found) {
        if (m_level != Level::numbers) return unexpected("a number");
        return fail(label() + " " + m_key, found, "whole numbers up to 2^53");
    }

    std::string m_fileName;
    Level m_level = Level::outside;
    std::string m_name, m_key;  // the tensor, and the key inside it
    struct {
        bool dtype = false, shape = false, offsets = false;
    } m_seen;
    std::vector<uint64_t> m_numbers;
    std::unordered_set<std::string> m_names, m_metadata;  // met so far
    std::optional<Error> m_error;
};

uint64_t lengthOf(std::string_view beginning) {
    uint64_t bytes = 0;
    for (size_t i = 8; i-- > 0;) bytes = bytes << 8 | static_cast<unsigned char>(beginning[i]);
    return bytes;
}

Result<std::string> readHeader(const DataFile& file) {
    const std::string name = file.path().string();
    if (file.bytes() < 8) {
        return failure(name, "", "a file of " + std::to_string(file.bytes()) + " bytes",
                       "a safetensors file (is the download complete?)");
    }
    char head[8];
    if (Result<void> read = file.read(0, 8, reinterpret_cast<std::byte*>(head), "header"); !read)
        return read.error();
    const Result<uint64_t> whole = safetensorsHeaderBytes({head, sizeof head}, name);
    if (!whole) return whole.error();
    const uint64_t bytes = *whole - 8;
    if (bytes > file.bytes() - 8) {
        return failure(name, "header length",
                       std::to_string(bytes) + " bytes in a file of " + std::to_string(file.bytes()),
                       "a header inside the file (is the download complete?)");
    }
    std::string header(static_cast<size_t>(bytes), '\0');
    if (Result<void> read = file.read(8, bytes, reinterpret_cast<std::byte*>(header.data()), "header"); !read)
        return read.error();
    if (header.empty() || header[0] != '{')
        return failure(name, "header", "something that does not begin with {", "a JSON object of tensors");
    const size_t last = header.find_last_not_of(' ');
    if (header[last] != '}' || header.find('\0') != std::string::npos)
        return failure(name, "header", "something behind its JSON object", "spaces alone");
    return header;
}

Result<void> checkSize(const StoredTensor& tensor, const std::string& file) {
    const auto* type = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                    [&](const Dtype& dtype) { return tensor.dtype == dtype.name; });
    if (type == std::end(kDtypes)) {
        return failure(file, tensor.label(), "dtype \"" + quotedForMessage(tensor.dtype) + "\"",
                       "a dtype that this version knows: F16, BF16 or F32 for weights");
    }
    uint64_t bits = type->bits;
    // A dimension of zero makes an empty tensor, whatever the others say.
    if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) bits = 0;
    for (const uint64_t size : tensor.shape) {
        if (bits != 0 && size > UINT64_MAX / bits)
            return failure(file, tensor.label(), "shape " + tensor.shapeText(),
                           "a size that fits into 64 bits");
        bits *= size;
    }
    if (bits % 8 != 0) {
        return failure(file, tensor.label(), std::to_string(bits) + " bits of " + tensor.dtype,
                       "a whole number of bytes");
    }
    if (bits / 8 != tensor.bytes) {
        return failure(file, tensor.label(), std::to_string(tensor.bytes) + " bytes of data",
                       std::to_string(bits / 8) + " for " + tensor.dtype + " of shape " + tensor.shapeText());
    }
    return {};
}

}  // namespace

std::string StoredTensor::shapeText() const {
    std::string text = "[";
    for (const uint64_t size : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
    return text + "]";
}

std::string StoredTensor::label() const {
    return labelOf(name);
}

namespace {

/// What a header says of a whole file.
struct HeaderContent {
    std::vector<StoredTensor> tensors;  // without a file
    uint64_t headerBytes = 0, wholeBytes = 0;
};

Result<HeaderContent> readContent(const DataFile& file) {
    const std::string name = file.path().string();
    Result<std::string> header = readHeader(file);
    if (!header) return header.error();
    HeaderReader reader(name);
    if (!nlohmann::json::sax_parse(*header, &reader)) return *reader.error();

    std::vector<StoredTensor>& tensors = reader.tensors;
    for (const StoredTensor& tensor : tensors) {
        if (Result<void> right = checkSize(tensor, name); !right) return right.error();
    }
    // Empty tensors stand before the one that begins where they do.
    std::stable_sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
        return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
    });
    const uint64_t dataBegin = 8 + header->size();
    uint64_t next = 0;
    for (StoredTensor& tensor : tensors) {
        if (tensor.offset != next) {
            return failure(name, tensor.label(), "data at " + std::to_string(tensor.offset),
                           "data at " + std::to_string(next) + ", where the tensor before it ends");
        }
        next += tensor.bytes;
        tensor.offset += dataBegin;
    }
    return HeaderContent{std::move(tensors), dataBegin, dataBegin + next};
}

std::vector<StoredTensor> within(std::vector<StoredTensor> tensors,
                                 const std::shared_ptr<const DataFile>& file, bool here) {
    for (StoredTensor& tensor : tensors) {
        tensor.file = file;
        tensor.here = here;
    }
    return tensors;
}

}  // namespace

Result<std::vector<StoredTensor>> readSafetensors(const std::shared_ptr<const DataFile>& file) {
    Result<HeaderContent> content = readContent(*file);
    if (!content) return content.error();
    if (content->wholeBytes != file->bytes()) {
        return failure(file->path().string(), "", "a file of " + std::to_string(file->bytes()) + " bytes",
                       std::to_string(content->wholeBytes) + " (is the download complete?)");
    }
    return within(std::move(content->tensors), file, true);
}

Result<std::vector<StoredTensor>> readSafetensorsHeader(const std::filesystem::path& header) {
    constexpr const char* kExpected = "the header of a safetensors file";
    const Result<std::shared_ptr<const DataFile>> alone = DataFile::open(header, kExpected);
    if (!alone) return alone.error();
    Result<HeaderContent> content = readContent(**alone);
    if (!content) return content.error();
    if (content->headerBytes != (*alone)->bytes()) {
        return failure(header.string(), "", "a file of " + std::to_string((*alone)->bytes()) + " bytes",
                       "the header's " + std::to_string(content->headerBytes));
    }
    const Result<std::shared_ptr<const DataFile>> file =
        DataFile::openBeginning(header, kExpected, content->wholeBytes);
    if (!file) return file.error();
    return within(std::move(content->tensors), *file, false);
}

Result<uint64_t> safetensorsHeaderBytes(std::string_view beginning, const std::string& fileName) {
    const uint64_t bytes = lengthOf(beginning);
    if (bytes <= kMostHeaderBytes) return bytes + 8;
    return failure(fileName, "header length", std::to_string(bytes) + " bytes",
                   "a safetensors file with a header of at most " + std::to_string(kMostHeaderBytes));
}

}  // namespace edgechat::inference
