// The components of a tokenizer.json that say how text is treated before and after the vocabulary.
#pragma once

#include <string>
#include <vector>

#include "inference/text/bpe_tokenizer.h"
#include "inference/text/json_node.h"

namespace edgechat::inference {

/// Steps of `normalizer`. What is not supported is reported to the node's problems, in all functions here.
std::vector<NormalizerStep> readNormalizer(const JsonNode& node);
/// Steps of `pre_tokenizer`.
PreTokenizer readPreTokenizer(const JsonNode& node);
/// What `decoder` does to single tokens.
TokenDecoding readDecoder(const JsonNode& node, bool byteLevel);
/// The id of the control token that `post_processor` puts in front of a text, or -1.
int readFirstToken(const JsonNode& node);

}  // namespace edgechat::inference
