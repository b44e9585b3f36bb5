// Cuts text into the words that a byte-level BPE vocabulary merges within.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace edgechat::inference {

/// Immutable; split() may be called from several threads.
class PreTokenizer {
  public:
    /// @param name  GGUF's tokenizer.ggml.pre
    /// @param file  for the message when the name is not known
    static Result<PreTokenizer> make(const std::string& name, const std::string& file);

    /// The words of `text`, in order and without gaps. `text` is valid UTF-8 and outlives the result.
    std::vector<std::string_view> split(std::string_view text) const;

  private:
    struct Pattern;
    std::vector<std::shared_ptr<const Pattern>> m_patterns;  ///< each cuts what the one before left
};

}  // namespace edgechat::inference
