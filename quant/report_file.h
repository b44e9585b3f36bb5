// The report that lies beside the weights of a quantized model, in edgechat.json. Anybody may have written
// it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "inference/result.h"
#include "quant/report.h"

namespace edgechat::quant {

constexpr const char* kReportName = "edgechat.json";
constexpr uint64_t kMostReportBytes = 64u << 20;  ///< of the file: 80 layers take 0.2 MB

/// In a record of the store `quantization` is a short name, and the report has this key.
constexpr const char* kStoredReport = "quantizationReport";

/// The report in the file's object: as quantize wrote it, or as the store kept it; none where there is none.
/// @param fileName  for messages
/// @return ErrorCode::badInput for what is no JSON object, and for a report with members of other types
Result<std::optional<QuantizationReport>> parseReport(std::string_view text, const std::string& fileName);

/// parseReport() of the file in a model's folder; none where there is no such file.
Result<std::optional<QuantizationReport>> readReport(const std::filesystem::path& folder);

}  // namespace edgechat::quant
