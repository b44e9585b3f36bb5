// edgechat-cli: the engine and the store for scripts, tests and terminals.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "app/cli/model_argument.h"

namespace edgechat::cli {
namespace {

std::vector<Command> allCommands() {
    return {
        generateCommand(), chatCommand(),    tokenizeCommand(),   detokenizeCommand(),
        templateCommand(), scoreCommand(),   perplexityCommand(), benchCommand(),
        quantizeCommand(), inspectCommand(), doctorCommand(),
#ifdef EDGECHAT_HAS_STORE
        pullCommand(),     importCommand(),  listCommand(),       removeCommand(),
#endif
    };
}

std::vector<Option> optionsOfAll() {
    return {{"--json", "", "one JSON object on stdout"},
            {"--progress", "none|bar|json", "progress on stderr (bar on a terminal, else none)"},
            {"--help", "", "this page"}};
}

std::string optionLines(const std::vector<Option>& options) {
    std::string text;
    for (const Option& option : options) {
        const std::string usage = option.name + (option.value.empty() ? "" : ' ' + option.value);
        text += "  " + padded(usage, 34) + ' ' + option.help + '\n';
    }
    return text;
}

std::string helpText(const std::vector<Command>& commands) {
    std::string text = "Usage: edgechat-cli COMMAND ... [--json] [--progress none|bar|json]\n\n";
    for (const Command& command : commands) {
        text += "  " + padded(command.name + ' ' + command.operands, 24) + ' ' + command.summary + '\n';
    }
#ifdef EDGECHAT_HAS_STORE
    text += "\nMODEL or SOURCE is a .gguf file, a Hugging Face folder or a name that `list` shows";
#else
    text += "\nMODEL or SOURCE is a .gguf file or a Hugging Face folder";
#endif
    return text +
           ". `edgechat-cli COMMAND --help` lists a command's options; --version says which one this is.\n";
}

std::string helpText(const Command& command) {
    std::string text = "Usage: edgechat-cli " + command.name;
    if (!command.operands.empty()) text += ' ' + command.operands;
    text += " [options]\n" + command.summary + "\n\n";
    return text + optionLines(command.options) + optionLines(optionsOfAll());
}

Error unknownCommand(const std::string& name) {
    const auto isOneOf = [&name](const auto& names) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (isOneOf(std::array<std::string_view, 4>{"pull", "import", "list", "remove"})) {
        return usageError("this build, made without Qt, does not have the command", name, "",
                          "one that --help lists");
    }
    return usageError("unknown command", name, "", "one that --help lists");
}

/// As many operands as the command's usage names.
Result<void> checkOperands(const Command& command, const Arguments& arguments) {
    const size_t wanted = command.operands.empty() ? 0 : 1;
    const std::vector<std::string>& given = arguments.operands();
    if (given.size() > wanted) {
        return usageError("the command", command.name, '"' + given[wanted] + '"',
                          wanted == 0 ? "no operand" : "one operand, " + command.operands);
    }
    if (given.size() < wanted) return usageError("the command", command.name, "no operand", command.operands);
    if (wanted == 1 && given[0].empty()) {
        return usageError("the command", command.name, "an empty operand", command.operands);
    }
    return {};
}

ProgressStyle defaultProgress() {
    return ::isatty(STDERR_FILENO) != 0 ? ProgressStyle::bar : ProgressStyle::none;
}

Result<int> runCommand(const Command& command, const Arguments& arguments, Output& output) {
    if (arguments.has("--help")) {
        output.write(helpText(command));
        return kExitDone;
    }
    if (Result<void> checked = checkOperands(command, arguments); !checked) return checked.error();
    constexpr std::array<std::string_view, 3> kStyles = {"none", "bar", "json"};
    const Result<size_t> style =
        arguments.choice("--progress", static_cast<size_t>(defaultProgress()), kStyles);
    if (!style) return style.error();
    output.setProgressStyle(static_cast<ProgressStyle>(*style));
    try {
        return command.run(arguments, output);
    } catch (const std::bad_alloc&) {
        Error error;
        error.code = ErrorCode::doesNotFit;
        error.what = "not enough memory for the command";
        error.field = command.name;
        return error;
    } catch (const std::exception& exception) {
        Error error;
        error.what = "the command " + command.name + " failed";
        error.found = exception.what();
        return error;
    }
}

Result<int> runWords(const std::vector<std::string>& words, Output& output) {
    const std::vector<Command> commands = allCommands();
    if (words.empty() || words[0] == "--json") {
        return usageError("no command given", "", "", "one that --help lists");
    }
    if (words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        output.write(helpText(commands));
        return kExitDone;
    }
    if (words[0] == "--version") {
        output.write("edgechat-cli " EDGECHAT_VERSION "\n");
        return kExitDone;
    }
    const auto command = std::find_if(commands.begin(), commands.end(),
                                      [&words](const Command& c) { return c.name == words[0]; });
    if (command == commands.end()) return unknownCommand(words[0]);
    const Result<Arguments> arguments =
        Arguments::parse(std::span(words).subspan(1), joined(command->options, optionsOfAll()));
    if (!arguments) return arguments.error();
    output.setJson(arguments->has("--json"));
    return runCommand(*command, *arguments, output);
}

int report(const Error& error, Output& output) {
    output.message(error.message());
    if (output.asJson() && !output.jsonWritten()) {
        output.writeJson({{"error",
                           {{"code", errorCodeName(error.code)},
                            {"message", error.message()},
                            {"file", error.file},
                            {"field", error.field}}}});
    }
    return static_cast<int>(error.code);
}

int run(const std::vector<std::string>& words) {
    prepareProcess();
    watchInterrupt();
    // Known before the words are checked, so that a wrong option is answered in JSON too.
    const bool asJson = std::find(words.begin(), words.end(), "--json") != words.end();
    Output output(asJson, defaultProgress());
    const Result<int> code = runWords(words, output);
    if (output.failure()) {
        output.message(output.failure()->message());
        return static_cast<int>(output.failure()->code);
    }
    if (code) return *code;
    return report(code.error(), output);
}

}  // namespace
}  // namespace edgechat::cli

int main(int argc, char** argv) {
    return edgechat::cli::run(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}
