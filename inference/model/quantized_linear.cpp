#include "inference/model/quantized_linear.h"

#include <algorithm>
#include <optional>

#include "inference/model/int4_rows.h"
#include "inference/model/int8_rows.h"

namespace edgechat::inference {

namespace {

using int4::partError;

constexpr const char* kGptqAdvice =
    "AWQ: this is GPTQ, which has no reader here. Look for the model's AWQ repository, or for its F16 or "
    "BF16 "
    "weights, which EdgeChat quantizes itself";
constexpr const char* kMarlinAdvice =
    "AWQ gemm: this is marlin, a form for one kind of GPU kernel. Look for the model's AWQ repository";

std::string shapeText(int64_t rows, int64_t columns) {
    return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

bool is(const StoredTensor& tensor, int64_t rows, int64_t columns) {
    return tensor.shape.size() == 2 && tensor.shape[0] == static_cast<uint64_t>(rows) &&
           tensor.shape[1] == static_cast<uint64_t>(columns);
}

void warnOnce(std::vector<std::string>& warnings, const std::string& text) {
    if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) warnings.push_back(text);
}

void compareGroupSize(const QuantizationScheme& scheme, int64_t columns, int groupSize,
                      std::vector<std::string>& warnings) {
    if (!scheme.groupSize) return;
    const int64_t said = *scheme.groupSize == -1 ? columns : *scheme.groupSize;
    if (said == groupSize) return;
    warnOnce(warnings, "the configuration says groups of " + std::to_string(said) +
                           ", but there are tensors with groups of " + std::to_string(groupSize) +
                           "; the tensors are right");
}

Result<void> checkScaleType(const StoredTensor& scales) {
    if (scales.dtype == "F16" || scales.dtype == "BF16" || scales.dtype == "F32") return {};
    return partError(scales, "dtype " + scales.dtype, "F16, BF16 or F32 for scales");
}

// Inputs per group where `groups` scales cover all of them; groups of an odd size would end within a byte.
Result<int> groupSizeOf(const StoredTensor& scales, uint64_t groups, int64_t columns) {
    const auto inputs = static_cast<uint64_t>(columns);
    if (groups == 0 || inputs % groups != 0 || inputs / groups % 2 != 0) {
        return partError(scales, "scales for " + std::to_string(groups) + " groups",
                         "a number of groups that divides the " + std::to_string(columns) +
                             " inputs into groups of an even size");
    }
    return static_cast<int>(inputs / groups);
}

TensorInfo int4Info(const StoredTensor& codes, const Int4Shape& shape,
                    std::shared_ptr<const RowSource> source) {
    TensorInfo info;
    info.name = codes.name;
    info.type = TensorType::int4;
    info.rows = shape.rows;
    info.columns = shape.columns;
    info.groupSize = shape.groupSize;
    info.bytes = static_cast<uint64_t>(shape.rows) * shape.rowBytes();
    info.source = std::move(source);
    return info;
}

Result<Int4Shape> gemmShape(const Int4Parts& parts, int64_t rows, int64_t columns) {
    const std::vector<uint64_t>& scales = parts.scales.shape;
    if (scales.size() != 2 || scales[1] != static_cast<uint64_t>(rows)) {
        return partError(parts.scales, "shape " + parts.scales.shapeText(),
                         "[groups, " + std::to_string(rows) + "]");
    }
    Result<int> groupSize = groupSizeOf(parts.scales, scales[0], columns);
    if (!groupSize) return groupSize.error();
    if (parts.zeros.dtype != "I32")
        return partError(parts.zeros, "dtype " + parts.zeros.dtype, "I32 for zero points of AWQ gemm");
    const auto groups = static_cast<int64_t>(scales[0]);
    if (!is(parts.zeros, groups, rows / 8)) {
        return partError(parts.zeros, "shape " + parts.zeros.shapeText(), shapeText(groups, rows / 8));
    }
    return Int4Shape{rows, columns, *groupSize};
}

// gemv and gemv_fast fill scales and zero points up to whole words, by a rule that depends on the group size.
int64_t zeroWords(int64_t groups, int64_t groupSize) {
    const int64_t multiple = groupSize >= 128 ? 1 : groupSize == 64 ? 2 : groupSize == 32 ? 4 : 0;
    if (multiple == 0) return -1;
    const int64_t words = (groups + 7) / 8;
    return (words + multiple - 1) / multiple * multiple;
}

// The group size whose filled-up scales have this width. Several may; then the configuration's is taken.
Result<int> filledGroupSize(const StoredTensor& scales, uint64_t width, int64_t columns,
                            const QuantizationScheme& scheme) {
    std::vector<int64_t> fitting;
    for (const int64_t size : {int64_t{128}, int64_t{64}, int64_t{32}, columns}) {
        if (columns % size != 0 || std::find(fitting.begin(), fitting.end(), size) != fitting.end()) continue;
        const int64_t words = zeroWords(columns / size, size);
        if (words > 0 && width == static_cast<uint64_t>(words) * 8) fitting.push_back(size);
    }
    const int64_t said = !scheme.groupSize ? 0 : *scheme.groupSize == -1 ? columns : *scheme.groupSize;
    if (std::find(fitting.begin(), fitting.end(), said) != fitting.end()) return static_cast<int>(said);
    if (fitting.size() == 1) return static_cast<int>(fitting[0]);
    if (fitting.empty()) {
        return partError(
            scales, "shape " + scales.shapeText(),
            "scales of groups of 32, 64, 128 or all of the " + std::to_string(columns) + " inputs");
    }
    return partError(scales, "shape " + scales.shapeText() + ", which fits groups of several sizes",
                     "a group_size in quantization_config");
}

Result<Int4Shape> gemvShape(const Int4Parts& parts, int64_t rows, int64_t columns,
                            const QuantizationScheme& scheme) {
    const std::vector<uint64_t>& scales = parts.scales.shape;
    if (scales.size() != 2 || scales[0] != static_cast<uint64_t>(rows)) {
        return partError(parts.scales, "shape " + parts.scales.shapeText(),
                         "[" + std::to_string(rows) + ", groups]");
    }
    Result<int> groupSize = filledGroupSize(parts.scales, scales[1], columns, scheme);
    if (!groupSize) return groupSize.error();
    if (parts.zeros.dtype != "I32")
        return partError(parts.zeros, "dtype " + parts.zeros.dtype, "I32 for zero points of AWQ gemv");
    const auto words = static_cast<int64_t>(scales[1] / 8);
    if (!is(parts.zeros, rows, words))
        return partError(parts.zeros, "shape " + parts.zeros.shapeText(), shapeText(rows, words));
    return Int4Shape{rows, columns, *groupSize};
}

Result<Int4Shape> gemvFastShape(const Int4Parts& parts, int64_t rows, int64_t columns,
                                const QuantizationScheme& scheme) {
    if (columns % 64 != 0) {
        return partError(parts.codes, std::to_string(columns) + " inputs",
                         "a multiple of 64 for AWQ gemv_fast");
    }
    const std::vector<uint64_t>& scales = parts.scales.shape;
    if (scales.size() != 2 || scales[1] != static_cast<uint64_t>(rows)) {
        return partError(parts.scales, "shape " + parts.scales.shapeText(),
                         "[groups, " + std::to_string(rows) + "]");
    }
    Result<int> groupSize = filledGroupSize(parts.scales, scales[0], columns, scheme);
    if (!groupSize) return groupSize.error();
    if (parts.zeros.dtype != "F16")
        return partError(parts.zeros, "dtype " + parts.zeros.dtype,
                         "F16 for scaled zero points of gemv_fast");
    if (parts.zeros.shape != scales)
        return partError(parts.zeros, "shape " + parts.zeros.shapeText(), parts.scales.shapeText());
    return Int4Shape{rows, columns, *groupSize};
}

struct AwqLayout {
    const char* version;
    std::shared_ptr<const RowSource> (*source)(Int4Parts, Int4Shape);
    Result<Int4Shape> shape;
};

// Every layout that the shape of qweight allows, the likeliest first.
std::vector<AwqLayout> layoutsOf(const Int4Parts& parts, int64_t rows, int64_t columns,
                                 const QuantizationScheme& scheme) {
    std::vector<AwqLayout> layouts;
    const StoredTensor& codes = parts.codes;
    if (codes.dtype == "I32" && rows % 8 == 0 && is(codes, columns, rows / 8))
        layouts.push_back({"gemm", awqGemmRows, gemmShape(parts, rows, columns)});
    if (codes.dtype == "I32" && columns % 8 == 0 && is(codes, rows, columns / 8))
        layouts.push_back({"gemv", awqGemvRows, gemvShape(parts, rows, columns, scheme)});
    if (codes.dtype == "I16" && rows % 4 == 0 && is(codes, rows / 4, columns))
        layouts.push_back({"gemv_fast", awqGemvFastRows, gemvFastShape(parts, rows, columns, scheme)});
    return layouts;
}

// The shape of qweight is none of AWQ's.
Error unknownLayout(const StoredTensor& codes, int64_t rows, int64_t columns) {
    if (codes.dtype != "I32" && codes.dtype != "I16")
        return partError(codes, "dtype " + codes.dtype, "I32 or I16 for the codes of AWQ");
    const std::string found = "shape " + codes.shapeText();
    if (columns % 8 == 0 && is(codes, columns / 8, rows)) return partError(codes, found, kGptqAdvice);
    if (columns % 16 == 0 && is(codes, columns / 16, 2 * rows)) return partError(codes, found, kMarlinAdvice);
    if (rows % 8 != 0) {
        return partError(codes, found + " for " + std::to_string(rows) + " outputs",
                         "a multiple of 8 outputs for AWQ gemm");
    }
    return partError(
        codes, found,
        shapeText(columns, rows / 8) + " of AWQ gemm for a matrix of " + shapeText(rows, columns));
}

// GPTQ and marlin leave zero points out, or ours may be an incomplete download.
Error missingPart(const StoredLinear& stored, int64_t rows, int64_t columns) {
    const StoredTensor& codes = *stored.codes;
    const bool foreign = (columns % 8 == 0 && is(codes, columns / 8, rows)) ||
                         (columns % 16 == 0 && is(codes, columns / 16, 2 * rows));
    if (foreign) return unknownLayout(codes, rows, columns);
    return partError(codes, stored.scales ? "qweight without qzeros" : "qweight without scales",
                     "qweight, qzeros and scales");
}

}  // namespace

Result<TensorInfo> awqMatrix(const StoredLinear& stored, int64_t rows, int64_t columns,
                             const QuantizationScheme& scheme, std::vector<std::string>& warnings) {
    if (!stored.scales || !stored.zeros) return missingPart(stored, rows, columns);
    const Int4Parts parts{*stored.codes, *stored.scales, *stored.zeros};
    if (Result<void> type = checkScaleType(parts.scales); !type) return type.error();
    std::vector<AwqLayout> layouts = layoutsOf(parts, rows, columns, scheme);
    const auto right = std::find_if(layouts.begin(), layouts.end(),
                                    [](const AwqLayout& layout) { return static_cast<bool>(layout.shape); });
    if (right == layouts.end()) {
        // GPTQ's [K/8, N] can have the shape of gemv; its scales [groups, N] tell them apart.
        const bool gptqScales = parts.scales.shape.size() == 2 && is(parts.codes, columns / 8, rows) &&
                                parts.scales.shape[1] == static_cast<uint64_t>(rows);
        if (layouts.empty() || gptqScales) return unknownLayout(parts.codes, rows, columns);
        return layouts[0].shape.error();
    }
    const Int4Shape shape = *right->shape;
    if (!scheme.version.empty() && scheme.version != right->version) {
        warnOnce(warnings, "the configuration says AWQ " + scheme.version +
                               ", but the tensors have the form of " + right->version +
                               "; the tensors are right");
    }
    compareGroupSize(scheme, columns, shape.groupSize, warnings);
    return int4Info(parts.codes, shape, right->source(parts, shape));
}

Result<TensorInfo> compressedTensorsMatrix(const StoredLinear& stored, int64_t rows, int64_t columns,
                                           const QuantizationScheme& scheme,
                                           std::vector<std::string>& warnings) {
    const StoredTensor& codes = *stored.codes;
    if (!stored.scales) return partError(codes, "codes without weight_scale", "both");
    const StoredTensor& scales = *stored.scales;
    if (codes.dtype != "I32") return partError(codes, "dtype " + codes.dtype, "I32 for packed codes");
    const int64_t words = (columns + 7) / 8;
    if (!is(codes, rows, words)) {
        return partError(codes, "shape " + codes.shapeText(),
                         shapeText(rows, words) + " for a matrix of " + shapeText(rows, columns));
    }
    if (Result<void> type = checkScaleType(scales); !type) return type.error();
    if (scales.shape.size() != 2 || scales.shape[0] != static_cast<uint64_t>(rows)) {
        return partError(scales, "shape " + scales.shapeText(), "[" + std::to_string(rows) + ", groups]");
    }
    Result<int> groupSize = groupSizeOf(scales, scales.shape[1], columns);
    if (!groupSize) return groupSize.error();
    if (stored.zeros) {
        const auto groups = static_cast<int64_t>(scales.shape[1]);
        if (stored.zeros->dtype != "I32" || !is(*stored.zeros, (rows + 7) / 8, groups)) {
            return partError(*stored.zeros, stored.zeros->dtype + " of shape " + stored.zeros->shapeText(),
                             "I32 of shape " + shapeText((rows + 7) / 8, groups));
        }
    }
    if (stored.shape) {
        const StoredTensor& said = *stored.shape;
        const bool wide = said.dtype == "I64";
        if ((!wide && said.dtype != "I32") || said.shape != std::vector<uint64_t>{2})
            return partError(said, said.dtype + " of shape " + said.shapeText(), "I64 of shape [2]");
        uint8_t bytes[16] = {};
        if (Result<void> read =
                said.file->read(said.offset, said.bytes, reinterpret_cast<std::byte*>(bytes), said.label());
            !read)
            return read.error();
        uint64_t values[2] = {};
        const int size = wide ? 8 : 4;
        for (int i = 2 * size - 1; i >= 0; --i) values[i / size] = values[i / size] << 8 | bytes[i];
        if (values[0] != static_cast<uint64_t>(rows) || values[1] != static_cast<uint64_t>(columns)) {
            return partError(said, "[" + std::to_string(values[0]) + ", " + std::to_string(values[1]) + "]",
                             shapeText(rows, columns));
        }
    }
    const Int4Shape shape{rows, columns, *groupSize};
    compareGroupSize(scheme, columns, shape.groupSize, warnings);
    Int4Parts parts{codes, scales, stored.zeros ? *stored.zeros : StoredTensor{}};
    return int4Info(codes, shape, compressedTensorsRows(std::move(parts), shape));
}

Result<TensorInfo> int8Matrix(const StoredLinear& stored, int64_t rows, int64_t columns,
                              const QuantizationScheme& scheme) {
    const StoredTensor& codes = *stored.codes;
    // Whether the activations are meant to be quantized too stands in the configuration alone. Without one
    // the tensors decide, as for AWQ: a layer of W8A8 with fixed activations would have their scales among
    // them.
    if (scheme.method != QuantizationMethod::none && scheme.version != kIntQuantized) {
        return partError(codes, "dtype I8, though the configuration does not say int-quantized",
                         "F16, BF16 or F32");
    }
    if (!stored.scales) return partError(codes, "I8 codes without weight_scale", "both");
    if (stored.zeros) return partError(*stored.zeros, "zero points", "none: symmetric weights (W8A8)");
    const StoredTensor& scales = *stored.scales;
    if (!is(codes, rows, columns))
        return partError(codes, "shape " + codes.shapeText(), shapeText(rows, columns));
    if (Result<void> type = checkScaleType(scales); !type) return type.error();
    if (!is(scales, rows, 1) && scales.shape != std::vector<uint64_t>{static_cast<uint64_t>(rows)}) {
        return partError(scales, "shape " + scales.shapeText(),
                         shapeText(rows, 1) + ": one scale for each output");
    }
    TensorInfo info;
    info.name = codes.name;
    info.type = TensorType::int8;
    info.rows = rows;
    info.columns = columns;
    info.groupSize = static_cast<int>(columns);
    info.bytes = static_cast<uint64_t>(rows) * info.rowBytes();
    info.source = int8Rows(codes, scales);
    return info;
}

}  // namespace edgechat::inference
