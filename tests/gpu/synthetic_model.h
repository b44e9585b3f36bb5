// Checkpoints with the exact shapes of published models and random weights that are made while they are read:
// a model of 4 GB without a file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/model/checkpoint.h"

namespace edgechat::gpu {

struct Shape {
    std::string name;
    inference::ModelConfig config;
    int group = 128;  ///< inputs of a scale of the int4 matrices
    // What is computed with it.
    int promptTokens = 512;
    int answerTokens = 64;
};

/// LLaMA-2-7B, Mistral-7B-v0.3 and Falcon-7B, as their published config.json say.
std::vector<Shape> publishedShapes();
/// One of those, or "tiny-llama" or "tiny-falcon", which take a processor seconds; none for another name.
std::optional<Shape> shapeNamed(const std::string& name);

/// The layers' matrices as int4 with zero points, embedding, head and norms as fp16. The numbers mean
/// nothing; the layers keep activations finite.
std::unique_ptr<inference::Checkpoint> syntheticModel(const Shape& shape);

}  // namespace edgechat::gpu
