// The words of a command line: options by name, and operands.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"

namespace edgechat::cli {

/// An option that a command takes.
struct Option {
    std::string name;   ///< "--threads"
    std::string value;  ///< what follows it, for the help: "N"; empty for a switch
    std::string help;
};

/// A command line that was checked against a command's options. Numbers are checked when they are asked for.
class Arguments {
  public:
    /// Takes `--name value` and `--name=value`, the last one winning, and `--` to end the options.
    /// ErrorCode::usage on an option that is not among `options` or has no value.
    static Result<Arguments> parse(std::span<const std::string> words, const std::vector<Option>& options);

    const std::vector<std::string>& operands() const { return m_operands; }
    bool has(std::string_view name) const { return m_values.find(name) != m_values.end(); }
    /// The option's value, or `fallback` where it was not given.
    std::string text(std::string_view name, std::string_view fallback = {}) const;
    Result<int64_t> integer(std::string_view name, int64_t fallback, int64_t smallest, int64_t largest) const;
    Result<double> real(std::string_view name, double fallback, double smallest, double largest) const;
    /// The index in `choices` of the option's value.
    Result<size_t> choice(std::string_view name, size_t fallback,
                          std::span<const std::string_view> choices) const;

  private:
    std::map<std::string, std::string, std::less<>> m_values;
    std::vector<std::string> m_operands;
};

/// A usage error that names an option or command.
Error usageError(std::string what, std::string field, std::string found, std::string expected);

}  // namespace edgechat::cli
