// Writes a quantized model as a Hugging Face folder, layer by layer: the place of every byte is known from
// the source's configuration before the first layer has been computed, so that memory holds one layer at a
// time and a job that was killed goes on where it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "inference/model/checkpoint.h"
#include "inference/result.h"
#include "quant/output/quantized_matrix.h"

namespace edgechat::quant {

enum class LinearRole { query, key, value, output, gate, up, down };

struct OutputLinear {
    OutputMatrix weight;
    std::vector<float> bias;  ///< [rows]; empty: none
};

struct OutputNorm {
    std::vector<float> weight;
    std::vector<float> bias;  ///< empty: none
};

/// One decoder layer in the terms, and in the order of rows, in which inference::Checkpoint presents the
/// source's. What must be there is what the source has: mlpNorm, gate, biases.
struct OutputLayer {
    OutputNorm attentionNorm;
    std::optional<OutputNorm> mlpNorm;
    std::map<LinearRole, OutputLinear> linears;
    /// [ffn], see LayerTensors::activationScale; empty: none, which is ones. Falcon with int4 only: no other
    /// folder has a place for it.
    std::vector<float> activationScale;
};

/// In which form a linear is stored; known for every linear before any is computed.
struct LinearForm {
    enum class Kind { int4, int8, dense };
    Kind kind = Kind::int4;
    int groupSize = 128;  ///< int4 only
};

/// The same in all layers. int4 and int8 do not go together in one folder; query, key and value of a Falcon,
/// which become one matrix, have one form.
struct OutputForm {
    std::map<LinearRole, LinearForm> linears;
};

constexpr uint64_t kShardBytes = 5'000'000'000;  ///< of tensors in one weights file

/// Bytes of the weights files, without creating anything.
Result<uint64_t> outputBytes(const inference::Checkpoint& source, const OutputForm& form,
                             uint64_t shardBytes = kShardBytes);

/// Called now and then with the bytes done so far and those of the whole step; false stops the step.
using WriteProgress = std::function<bool(uint64_t done, uint64_t total)>;

/// What is in no layer.
enum class RestPart { embedding, norm, head };
constexpr RestPart kRestParts[] = {RestPart::embedding, RestPart::norm, RestPart::head};
const char* restPartName(RestPart part);  ///< "embedding"

/// Not for several threads at once. Errors name the file at fault; a full disk is ErrorCode::doesNotFit,
/// values that fp16 cannot hold are ErrorCode::badInput and name the tensor.
class CheckpointWriter {
  public:
    /// Plans the files and makes them at full size with their headers. Where the folder holds exactly the
    /// files of this plan already, what is in them stays: the layers that were written before are still
    /// there, and resumed() is true. The folder is no model any more until finish(). Everything that the
    /// folder could not say is refused here, before any work.
    /// @param source  must outlive the writer
    /// @param folder  is made if need be, with its parents
    static Result<std::unique_ptr<CheckpointWriter>> create(const inference::Checkpoint& source,
                                                            const std::filesystem::path& folder,
                                                            const OutputForm& form,
                                                            uint64_t shardBytes = kShardBytes);
    ~CheckpointWriter();

    uint64_t outputBytes() const;  ///< of the weights files
    bool resumed() const;          ///< create() found the files of this plan

    /// Returns when the layer is on the disk. A layer may be written again.
    Result<void> writeLayer(int index, const OutputLayer& layer);
    /// Embedding, output norm and head, converted to fp16 a few rows at a time.
    /// @return ErrorCode::interrupted when `progress` said so
    Result<void> writeRest(const WriteProgress& progress = {});
    /// One of the three; nothing for a head that the source has not.
    Result<void> writeRestPart(RestPart part, const WriteProgress& progress = {});
    /// Writes config.json, the index of several weights files, and the tokenizer's files: the folder is a
    /// model from here on. To be called last.
    /// @param extra  an object whose members are added to config.json, or null
    Result<void> finish(const nlohmann::json& extra = nullptr);

  private:
    struct State;
    explicit CheckpointWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> m_state;
};

}  // namespace edgechat::quant
