#include "quant/report_file.h"

#include <limits>

#include "inference/model/json_file.h"

namespace edgechat::quant {

using nlohmann::json;

namespace {

constexpr const char* kWhat = "cannot read the report of a quantization";

/// No such member, or a whole number of 0 to `most`: a conversion of anything else would mean nothing.
bool isCount(const json& object, const char* key, uint64_t most = std::numeric_limits<int64_t>::max()) {
    const auto found = object.find(key);
    return found == object.end() || (found->is_number_unsigned() && found->get<uint64_t>() <= most);
}

bool hasCounts(const json& report) {
    if (!report.is_object() || !isCount(report, "source_bytes") || !isCount(report, "output_bytes") ||
        !isCount(report, "calibration_tokens"))
        return false;
    if (const auto evaluation = report.find("evaluation"); evaluation != report.end()) {
        if (!evaluation->is_object() || !isCount(*evaluation, "tokens")) return false;
    }
    const auto layers = report.find("layers");
    if (layers == report.end() || !layers->is_array()) return false;
    for (const json& linear : *layers) {
        if (!linear.is_object() || !isCount(linear, "group_size", std::numeric_limits<int>::max()))
            return false;
    }
    return true;
}

}  // namespace

Result<std::optional<QuantizationReport>> parseReport(std::string_view text, const std::string& fileName) {
    const Result<json> object = inference::parseJson(text, fileName, kWhat);
    if (!object) return object.error();
    if (!object->is_object())
        return Error{ErrorCode::badInput, kWhat, fileName, "", object->type_name(), "a JSON object"};
    const bool stored = object->contains(kStoredReport);
    const char* key = stored ? kStoredReport : "quantization";
    const auto member = object->find(key);
    if (member == object->end() || (!stored && member->is_string()))
        return std::optional<QuantizationReport>();
    QuantizationReport report;
    if (!hasCounts(*member) || !fromJson(*member, report)) {
        return Error{ErrorCode::badInput,
                     kWhat,
                     fileName,
                     key,
                     "something else",
                     "what `edgechat-cli quantize` writes"};
    }
    return std::optional(std::move(report));
}

Result<std::optional<QuantizationReport>> readReport(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / kReportName;
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::optional<QuantizationReport>();
    const Result<std::string> text =
        inference::readSmallFile(file, kMostReportBytes, kWhat, "the report of a quantization");
    if (!text) return text.error();
    return parseReport(*text, file.string());
}

}  // namespace edgechat::quant
