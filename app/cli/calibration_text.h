// The calibration text that comes with the program.
#pragma once

#include <string>

namespace edgechat::cli {

/// The files of resources/calibration, one after the other.
std::string builtInCalibrationText();

}  // namespace edgechat::cli
