// Hands out a folder's tensors by name, each once, compared with the shape that the configuration implies; or
// those that a folder would have, before any of its files is here.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inference/model/checkpoint.h"
#include "inference/model/hf_quantization.h"
#include "inference/model/shard_index.h"

namespace edgechat::inference {

/// The first failure sticks, and later calls return empty tensors.
class HfTensorTable {
  public:
    HfTensorTable(const StoredWeights& weights, const QuantizationScheme& scheme, std::string folder,
                  std::vector<std::string>& warnings);
    /// Of a folder that nobody has seen: every tensor that is asked for is there. The layers' matrices are
    /// quantized as `scheme` says, all others are of `type`; none has a source.
    /// @param configName  for messages
    HfTensorTable(const QuantizationScheme& scheme, TensorType type, std::string configName,
                  std::vector<std::string>& warnings);

    bool ok() const { return !m_error; }
    const Error& error() const { return *m_error; }
    void fail(Error error);

    bool has(const std::string& name) const { return m_unused.contains(name); }
    /// Whether a layer may ask for a tensor that not every folder of its kind holds.
    bool hasOptional(const std::string& name) const {
        return m_assumed ? m_scheme.method == QuantizationMethod::awq : has(name);
    }
    /// Without taking it; null when there is no such tensor.
    const StoredTensor* peek(const std::string& name) const;

    /// F32, F16 or BF16.
    TensorInfo vector(const std::string& name, int64_t size);
    TensorInfo matrix(const std::string& name, int64_t rows, int64_t columns);
    NormTensors norm(const std::string& module, int64_t size, bool bias);
    /// A linear layer, plain or in any of the quantized forms.
    LinearTensors linear(const std::string& module, int64_t rows, int64_t columns, bool bias);
    /// The elements of a vector that was handed out, as rows of one element; null without files.
    std::shared_ptr<const RowSource> elementsOf(const std::string& name) const;

    /// Names that nothing asked for.
    std::vector<std::string> unused() const;
    /// What was handed out, in the order in which it is stored.
    std::vector<TensorInfo> taken() const;
    /// Whether a layer was handed out in AWQ's form.
    bool tookAwq() const { return m_tookAwq; }
    bool tookCompressedTensors() const { return m_tookCompressedTensors; }

  private:
    const StoredTensor* take(const std::string& name);
    TensorInfo plain(const std::string& name, const std::vector<uint64_t>& shape);
    TensorInfo quantized(const std::string& module, int64_t rows, int64_t columns);
    TensorInfo int8(const std::string& module, int64_t rows, int64_t columns);
    TensorInfo assumed(std::string name, TensorType type, int groupSize, int64_t rows, int64_t columns);
    TensorInfo assumedQuantized(const std::string& module, int64_t rows, int64_t columns);

    const StoredWeights m_none;
    const StoredWeights& m_weights;
    std::optional<TensorType> m_assumed;  // of plain tensors, where there are no files
    const QuantizationScheme& m_scheme;
    std::string m_folder;
    std::vector<std::string>& m_warnings;
    std::map<std::string, size_t> m_places;
    std::set<std::string> m_unused;
    std::map<size_t, TensorInfo> m_taken;
    std::optional<Error> m_error;
    bool m_tookAwq = false, m_tookCompressedTensors = false;
};

}  // namespace edgechat::inference
