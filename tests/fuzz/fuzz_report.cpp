// Any bytes as the edgechat.json of a quantized folder and as the journal of a quantization; the first byte
// chooses.
#include <cstdint>
#include <string_view>

#include "quant/journal.h"
#include "quant/report_file.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace edgechat::quant;
using edgechat::fuzz::require;

void useReport(std::string_view text) {
    const auto read = parseReport(text, "edgechat.json");
    if (!read) return require(read.error().message().find("edgechat.json") != std::string::npos);
    if (!*read) return;
    const QuantizationReport& report = **read;
    require(report.calibrationTokens >= 0);
    // What was read can be written, and read again as the same.
    const nlohmann::json json = toJson(report);
    const auto again = parseReport(nlohmann::json{{kStoredReport, json}}.dump(), "edgechat.json");
    require(again && *again && toJson(**again) == json);
}

void useJournal(std::string_view text) {
    const edgechat::fuzz::MemoryFile file(text.data(), text.size());
    const auto journal = Journal::load(file.path());
    if (!journal) return require(journal.error().message().find(file.path()) != std::string::npos);
    require(static_cast<bool>(checkSame(journal->identity, journal->identity, file.path())));
    Identity other = journal->identity;
    other["one more"] = "";
    require(journal->identity.count("one more") != 0 || !checkSame(journal->identity, other, file.path()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] == 'j')
        useJournal(text);
    else
        useReport(text);
    return 0;
}
