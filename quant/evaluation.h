// What quantization has done to a model's predictions, from the residual streams behind the last layer.
#pragma once

#include "quant/hidden_states.h"
#include "quant/report.h"

namespace edgechat::quant {

/// Runs both streams through the source's last norm and head, a window at a time, and scores the second half
/// of each window: the first half is context.
/// @param stopped  asked after each window; true ends it with ErrorCode::interrupted
Result<Evaluation> evaluateStreams(const inference::Checkpoint& source, const CalibrationWindows& windows,
                                   const HiddenStates& sourceStates, const HiddenStates& quantizedStates,
                                   inference::cpu::ThreadPool& pool, DenseProduct& product,
                                   const std::function<bool()>& stopped);

}  // namespace edgechat::quant
