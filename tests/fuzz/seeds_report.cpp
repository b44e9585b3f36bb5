// The report and the journal of a quantization.
#include "quant/report.h"
#include "tests/fuzz/seeds.h"

namespace edgechat::testing {

bool writeReportSeeds(const std::filesystem::path& folder) {
    quant::LinearReport linear;
    linear.name = "model.layers.0.mlp.down_proj.weight";
    linear.groupSize = 64;
    linear.rtnError = 0.0125;
    linear.error = 0.0025;
    linear.method = "gptq";
    linear.scale = "activation 0.55";
    quant::LinearReport simpler = linear;
    simpler.fallback = "no fewer errors";
    quant::QuantizationReport report;
    report.method = "awq";
    report.sourceName = "model";
    report.sourceBytes = 1000;
    report.outputBytes = 300;
    report.seconds = 1.5;
    report.calibration = "a text";
    report.calibrationTokens = 65536;
    report.computedWith = "plain, avx2";
    report.layers = {{linear, simpler}};
    const std::string plain = toJson(report).dump();
    report.evaluation = quant::Evaluation{12.5, 12.25, 0.03, 0.93, 5000, "another"};
    const std::string evaluated = toJson(report).dump();
    const std::string journal = nlohmann::json{{"version", 1},
                                               {"identity", {{"method", "awq"}, {"seed", "0"}}},
                                               {"seconds", 2.5},
                                               {"layers", {{toJson(linear)}, {toJson(simpler)}}}}
                                    .dump();
    return writeSeed(folder / "plain", "r{\"format\":1,\"quantization\":" + plain + "}") &&
           writeSeed(folder / "evaluated", "r{\"format\":1,\"quantization\":" + evaluated + "}") &&
           writeSeed(folder / "stored",
                     "r{\"version\":2,\"quantization\":\"AWQ\",\"quantizationReport\":" + plain + "}") &&
           writeSeed(folder / "journal", "j" + journal);
}

}  // namespace edgechat::testing
