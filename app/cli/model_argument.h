// MODEL and the options that every computing command takes, turned into an engine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "app/cli/arguments.h"
#include "app/cli/output.h"
#include "inference/cuda/cuda.h"
#include "inference/engine.h"

namespace edgechat::cli {

/// --device, --threads, --context, --kv
std::vector<Option> computeOptions();
/// --system, --raw, --max-tokens and the sampler's options, as generate and chat take them.
std::vector<Option> samplingOptions();
std::vector<Option> joined(std::vector<Option> first, const std::vector<Option>& second);

Result<inference::EngineOptions> readEngineOptions(const Arguments& arguments);
/// ErrorCode::usage, with the reason, where `--device cuda` asks for a GPU that cannot be used.
Result<void> requireCuda(const inference::cuda::CudaProbe& probe);
Result<inference::SamplingOptions> readSamplingOptions(const Arguments& arguments);

/// MODEL as a path: a .gguf file, a Hugging Face folder, or with a store (a build with Qt) also a model's
/// name.
Result<std::filesystem::path> modelPath(const std::string& model);

/// Loads MODEL with progress; SIGINT ends it with ErrorCode::interrupted. Warns where --context asks for more
/// than the model was trained for.
Result<std::unique_ptr<inference::Engine>> loadEngine(const std::string& model,
                                                      const inference::EngineOptions& options,
                                                      Output& output);

/// A checkpoint and its tokenizer, for commands that compute nothing.
struct Vocabulary {
    std::unique_ptr<inference::Checkpoint> checkpoint;
    std::unique_ptr<inference::Tokenizer> tokenizer;
};
/// MODEL checked whole, or for its tokenizer and template alone: then it may lack weights and be of any
/// architecture.
enum class Need { wholeModel, vocabulary };
Result<Vocabulary> openVocabulary(const std::string& model, Need need);

/// Ids of plain text, with BOS in front if the model adds one.
std::vector<int> encodePlain(const inference::Tokenizer& tokenizer, const std::string& text);

Error interruptedError(std::string what);

}  // namespace edgechat::cli
