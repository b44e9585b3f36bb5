#include "app/cli/quantization_text.h"

#include <algorithm>

#include "app/cli/output.h"

namespace edgechat::cli {

std::string qualityText(const quant::QuantizationReport& report, size_t width) {
    double rtn = 0, error = 0;
    size_t linears = 0, fallbacks = 0;
    for (const auto& layer : report.layers) {
        for (const quant::LinearReport& linear : layer) {
            rtn += linear.rtnError;
            error += linear.error;
            ++linears;
            fallbacks += linear.fallback.empty() ? 0 : 1;
        }
    }
    const auto count = static_cast<double>(std::max<size_t>(linears, 1));
    std::string text = padded("error", width) + numberText(error / count, 5) +
                       " of a linear layer's output, " + numberText(rtn / count, 5) +
                       " by rounding to nearest\n";
    if (fallbacks > 0) {
        text += padded("fallbacks", width) + std::to_string(fallbacks) + " of " + std::to_string(linears) +
                " linear layers took a simpler way\n";
    }
    if (report.evaluation) {
        text += padded("perplexity", width) + numberText(report.evaluation->perplexity, 4) + ", " +
                numberText(report.evaluation->sourcePerplexity, 4) + " before\n" + padded("mean KL", width) +
                numberText(report.evaluation->meanKld, 5) + " nats, same best token " +
                numberText(report.evaluation->sameTop * 100, 2) + " %\n";
    }
    return text;
}

std::string originText(const quant::QuantizationReport& report, size_t width) {
    return padded("quantized", width) + oneLine(report.method) + " by EdgeChat, from " +
           oneLine(report.sourceName) + " of " + bytesText(report.sourceBytes) + '\n' +
           padded("calibration", width) + std::to_string(report.calibrationTokens) + " tokens of " +
           oneLine(report.calibration) + '\n' + qualityText(report, width);
}

}  // namespace edgechat::cli
