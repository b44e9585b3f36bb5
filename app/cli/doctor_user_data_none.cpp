#include "app/cli/doctor_checks.h"

namespace edgechat::cli {

std::vector<Check> checkUserData() {
    return {checkDisk("."),
            {"database", CheckStatus::info, "this build, made without Qt, keeps no history", ""},
            {"models", CheckStatus::info, "this build, made without Qt, has no store; MODEL is a path", ""}};
}

}  // namespace edgechat::cli
