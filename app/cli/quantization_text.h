// How a quantization came out, in lines for a person.
#pragma once

#include <string>

#include "quant/report.h"

namespace edgechat::cli {

/// Error against rounding to nearest, fallbacks and, where it was measured, perplexity and divergence: a line
/// each, with names padded to `width`.
std::string qualityText(const quant::QuantizationReport& report, size_t width);

/// Where a quantized folder comes from, and qualityText(). Text of the report is made safe for a terminal.
std::string originText(const quant::QuantizationReport& report, size_t width);

}  // namespace edgechat::cli
