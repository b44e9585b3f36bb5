// doctor: what this machine offers, and what stands in the way.
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/doctor_checks.h"

namespace edgechat::cli {
namespace {

Result<int> run(const Arguments&, Output& output) {
    const inference::cuda::CudaProbe& gpu = inference::cuda::probeCuda();
    std::vector<Check> checks = {checkDevice("/", gpu)};
    if (gpu.state == inference::cuda::CudaState::ready)
        checks.push_back(checkCublas(inference::cuda::cublasVersion()));
    for (const auto check : {checkJetPack, checkPowerMode, checkMemory}) checks.push_back(check("/"));
    for (Check& check : checkUserData()) checks.push_back(std::move(check));
    if (output.asJson()) {
        nlohmann::json list = nlohmann::json::array();
        for (const Check& check : checks) {
            list.push_back({{"name", check.name},
                            {"status", checkStatusName(check.status)},
                            {"detail", check.detail},
                            {"fix", check.fix}});
        }
        output.writeJson({{"checks", list}});
        return kExitDone;
    }
    std::string text;
    for (const Check& check : checks) {
        text += padded(checkStatusName(check.status), 8) + padded(check.name, 11) + ' ' +
                oneLine(check.detail) + (check.fix.empty() ? "" : " -> " + oneLine(check.fix)) + '\n';
    }
    output.write(text);
    return kExitDone;
}

}  // namespace

Command doctorCommand() {
    return {"doctor", "", "device, power mode, memory, disk, history and models, with what to do", {}, run};
}

}  // namespace edgechat::cli
