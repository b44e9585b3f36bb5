// The commands of edgechat-cli, one file each (command_<name>.cpp).
#pragma once

#include <string>
#include <vector>

#include "app/cli/arguments.h"
#include "app/cli/output.h"
#include "inference/result.h"

namespace edgechat::cli {

struct Command {
    std::string name;
    std::string operands;  ///< "MODEL", "FILE_OR_FOLDER", "": as many words as the command takes
    std::string summary;   ///< one line for --help
    std::vector<Option> options;
    /// Writes the results. Returns the exit code, or the Error that ended the command.
    Result<int> (*run)(const Arguments& arguments, Output& output);
};

constexpr int kExitDone = 0;
constexpr int kExitInterrupted = 130;

Command generateCommand();
Command chatCommand();
Command tokenizeCommand();
Command detokenizeCommand();
Command templateCommand();
Command scoreCommand();
Command perplexityCommand();
Command benchCommand();
Command quantizeCommand();
Command inspectCommand();
Command doctorCommand();
#ifdef EDGECHAT_HAS_STORE
Command importCommand();
Command listCommand();
Command removeCommand();
Command pullCommand();
#endif

}  // namespace edgechat::cli
