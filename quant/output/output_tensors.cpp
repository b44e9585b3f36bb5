#include "quant/output/output_tensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "inference/model/tensor.h"

namespace edgechat::quant {

static_assert(std::endian::native == std::endian::little, "words are written as they lie in memory");

namespace {

constexpr float kLargestHalf = 65504;

// Where each of eight neighbouring outputs stands in a word, in bits.
constexpr unsigned kShift[8] = {0, 16, 4, 20, 8, 24, 12, 28};

Error wrongPart(const std::string& name, std::string found, std::string expected) {
    return Error{ErrorCode::internal, "cannot write the model", "",
                 "tensor " + name,    std::move(found),         std::move(expected)};
}

std::string numberText(double value) {
    if (std::isnan(value)) return "NaN";
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

Error notHalf(const std::string& name, double value, size_t at) {
    return Error{ErrorCode::badInput,
                 "cannot write the model",
                 "",
                 "tensor " + name,
                 numberText(value) + " as element " + std::to_string(at),
                 "finite numbers of at most 65504 in size, which fp16 can hold"};
}

template <class T>
std::vector<std::byte> bytesOf(const std::vector<T>& values) {
    std::vector<std::byte> bytes(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

bool finiteHalf(uint16_t bits) {
    return (bits & 0x7c00) != 0x7c00;
}

// The first half that is no finite number, or the end.
size_t firstNotFinite(const std::vector<uint16_t>& halves) {
    return static_cast<size_t>(std::find_if_not(halves.begin(), halves.end(), finiteHalf) - halves.begin());
}

// Copies rows of `width` elements each into the module's order.
template <class Matrix, class T>
std::vector<T> inOrder(const std::vector<const Matrix*>& parts, std::vector<T> Matrix::*field, int64_t width,
                       const std::vector<RowPlace>& rows) {
    std::vector<T> values;
    values.reserve(rows.size() * static_cast<size_t>(width));
    for (const RowPlace& place : rows) {
        const auto from = (parts[place.part]->*field).begin() + place.row * width;
        values.insert(values.end(), from, from + width);
    }
    return values;
}

// The parts as the alternative that the module's form says, with right shapes.
template <class Matrix>
Result<std::vector<const Matrix*>> partsAs(const OutputModule& module,
                                           const std::vector<const OutputMatrix*>& parts,
                                           const std::string& name) {
    std::vector<const Matrix*> matrices;
    int64_t rows = 0;
    for (const OutputMatrix* part : parts) {
        const auto* matrix = std::get_if<Matrix>(part);
        if (!matrix) return wrongPart(name, "a matrix of another form", "the form that was planned");
        if (matrix->columns != module.columns)
            return wrongPart(name, std::to_string(matrix->columns) + " inputs",
                             std::to_string(module.columns));
        rows += matrix->rows;
        matrices.push_back(matrix);
    }
    if (rows != module.rows)
        return wrongPart(name, std::to_string(rows) + " outputs", std::to_string(module.rows));
    return matrices;
}

template <class T>
Result<void> checkSize(const std::vector<T>& values, int64_t wanted, const std::string& name) {
    if (values.size() == static_cast<size_t>(wanted)) return {};
    return wrongPart(name, std::to_string(values.size()) + " elements", std::to_string(wanted));
}

Result<void> checkNibbles(const std::vector<uint8_t>& numbers, const std::string& name) {
    uint8_t all = 0;
    for (const uint8_t number : numbers) all |= number;
    if (all < 16) return {};
    return wrongPart(name, "a code or zero point above 15", "4 bits");
}

Result<void> checkInt4(const QuantizedMatrix& matrix, const OutputModule& module, const std::string& name) {
    if (matrix.groupSize != module.form.groupSize)
        return wrongPart(name, "groups of " + std::to_string(matrix.groupSize),
                         std::to_string(module.form.groupSize));
    const int64_t groups = matrix.rows * matrix.groups();
    for (const Result<void>& check :
         {checkSize(matrix.codes, matrix.rows * matrix.columns, name + ".qweight"),
          checkSize(matrix.scales, groups, name + ".scales"),
          checkSize(matrix.zeros, groups, name + ".qzeros"), checkNibbles(matrix.codes, name + ".qweight"),
          checkNibbles(matrix.zeros, name + ".qzeros")}) {
        if (!check) return check;
    }
    const size_t wrong = firstNotFinite(matrix.scales);
    if (wrong == matrix.scales.size()) return {};
    return notHalf(name + ".scales", inference::halfToFloat(matrix.scales[wrong]), wrong);
}

Result<std::vector<TensorBytes>> int4Tensors(const OutputModule& module,
                                             const std::vector<const OutputMatrix*>& parts,
                                             const std::vector<RowPlace>& rows, const std::string& name) {
    const Result<std::vector<const QuantizedMatrix*>> matrices =
        partsAs<QuantizedMatrix>(module, parts, name);
    if (!matrices) return matrices.error();
    for (const QuantizedMatrix* matrix : *matrices) {
        if (Result<void> check = checkInt4(*matrix, module, name); !check) return check.error();
    }
    const int64_t groups = module.columns / module.form.groupSize;
    const auto outputs = static_cast<size_t>(module.rows);
    std::vector<const uint8_t*> codes, zeros;
    std::vector<uint16_t> scales(outputs * static_cast<size_t>(groups));  // [K/g, N]
    for (size_t n = 0; n < outputs; ++n) {
        const QuantizedMatrix& matrix = *(*matrices)[rows[n].part];
        codes.push_back(matrix.codes.data() + rows[n].row * module.columns);
        zeros.push_back(matrix.zeros.data() + rows[n].row * groups);
        const uint16_t* from = matrix.scales.data() + rows[n].row * groups;
        for (size_t group = 0; group < static_cast<size_t>(groups); ++group)
            scales[group * outputs + n] = from[group];
    }
    std::vector<TensorBytes> tensors;
    tensors.push_back({".qweight", bytesOf(packAwq(codes, module.columns))});
    tensors.push_back({".qzeros", bytesOf(packAwq(zeros, groups))});
    tensors.push_back({".scales", bytesOf(scales)});
    return tensors;
}

Result<std::vector<TensorBytes>> int8Tensors(const OutputModule& module,
                                             const std::vector<const OutputMatrix*>& parts,
                                             const std::vector<RowPlace>& rows, const std::string& name) {
    const Result<std::vector<const Int8Matrix*>> matrices = partsAs<Int8Matrix>(module, parts, name);
    if (!matrices) return matrices.error();
    for (const Int8Matrix* matrix : *matrices) {
        for (const Result<void>& check :
             {checkSize(matrix->codes, matrix->rows * matrix->columns, name + ".weight"),
              checkSize(matrix->scales, matrix->rows, name + ".weight_scale")}) {
            if (!check) return check.error();
        }
        const auto wrong = std::find_if_not(matrix->scales.begin(), matrix->scales.end(),
                                            [](float scale) { return std::isfinite(scale); });
        if (wrong != matrix->scales.end()) {
            return Error{
                ErrorCode::badInput, "cannot write the model", "", "tensor " + name + ".weight_scale",
                numberText(*wrong),  "finite numbers"};
        }
    }
    std::vector<TensorBytes> tensors;
    tensors.push_back({".weight", bytesOf(inOrder(*matrices, &Int8Matrix::codes, module.columns, rows))});
    tensors.push_back({".weight_scale", bytesOf(inOrder(*matrices, &Int8Matrix::scales, 1, rows))});
    return tensors;
}

Result<std::vector<TensorBytes>> denseTensors(const OutputModule& module,
                                              const std::vector<const OutputMatrix*>& parts,
                                              const std::vector<RowPlace>& rows, const std::string& name) {
    const Result<std::vector<const DenseMatrix*>> matrices = partsAs<DenseMatrix>(module, parts, name);
    if (!matrices) return matrices.error();
    for (const DenseMatrix* matrix : *matrices) {
        if (Result<void> check = checkSize(matrix->values, matrix->rows * matrix->columns, name + ".weight");
            !check)
            return check.error();
    }
    const std::vector<uint16_t> values = inOrder(*matrices, &DenseMatrix::values, module.columns, rows);
    if (const size_t wrong = firstNotFinite(values); wrong != values.size())
        return notHalf(name + ".weight", inference::halfToFloat(values[wrong]), wrong);
    std::vector<TensorBytes> tensors;
    tensors.push_back({".weight", bytesOf(values)});
    return tensors;
}

}  // namespace

std::vector<uint32_t> packAwq(const std::vector<const uint8_t*>& rows, int64_t columns) {
    const size_t words = rows.size() / 8, inputs = static_cast<size_t>(columns);
    std::vector<uint32_t> packed(words * inputs);
    constexpr size_t kTile = 16;  // words of a cache line: each line of the result is written in one go
    for (size_t tile = 0; tile < words; tile += kTile) {
        const size_t end = std::min(words, tile + kTile);
        for (size_t k = 0; k < inputs; ++k) {
            for (size_t word = tile; word < end; ++word) {
                uint32_t bits = 0;
                for (size_t j = 0; j < 8; ++j)
                    bits |= static_cast<uint32_t>(rows[word * 8 + j][k]) << kShift[j];
                packed[k * words + word] = bits;
            }
        }
    }
    return packed;
}

Result<std::vector<TensorBytes>> moduleTensors(const OutputModule& module,
                                               const std::vector<const OutputMatrix*>& parts,
                                               const std::vector<RowPlace>& rows, const std::string& name) {
    switch (module.form.kind) {
        case LinearForm::Kind::int4:
            return int4Tensors(module, parts, rows, name);
        case LinearForm::Kind::int8:
            return int8Tensors(module, parts, rows, name);
        case LinearForm::Kind::dense:
            return denseTensors(module, parts, rows, name);
    }
    return wrongPart(name, "an unknown form", "int4, int8 or dense");
}

Result<std::vector<std::byte>> halfBytes(const float* values, size_t count, const std::string& name,
                                         size_t first) {
    std::vector<uint16_t> halves(count);
    for (size_t i = 0; i < count; ++i) {
        if (!(std::abs(values[i]) <= kLargestHalf))
            return notHalf(name, static_cast<double>(values[i]), first + i);
        halves[i] = inference::floatToHalf(values[i]);
    }
    return bytesOf(halves);
}

}  // namespace edgechat::quant
