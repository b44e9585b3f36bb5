// Walks a parsed template.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/text/jinja/jinja.h"
#include "inference/text/jinja/syntax.h"

namespace edgechat::inference::jinja {

struct Arguments {
    std::vector<Value> positional;
    std::vector<std::pair<std::string, Value>> named;

    /// By position (from 0) or by name; null if it was not given.
    const Value* find(size_t index, std::string_view name) const;
    /// As find(), but an argument that must be there, and a string.
    const Text& text(size_t index, std::string_view name) const;
    /// As find(), for an integer with a default.
    int64_t integer(size_t index, std::string_view name, int64_t standard) const;
};

/// One rendering. Its members throw Failure.
class Interpreter {
  public:
    Interpreter(const Environment& environment, const Limits& limits);

    Text run(const Body& body);
    size_t position() const { return m_position; }  ///< in the source, of what is being computed

    // For filters, tests and functions:
    Budget budget;
    const Environment& environment() const { return m_environment; }
    Value call(const Value& function, const Arguments& arguments);
    /// value.name and value["name"]; undefined if there is no such thing.
    Value attribute(const Value& value, const std::string& name);
    Value item(const Value& value, const Value& key);
    Value filter(const std::string& name, const Value& input, const Arguments& arguments);
    bool test(const std::string& name, const Value& value, const Arguments& arguments);

  private:
    enum class Flow { onward, leaveLoop, nextRound };
    using Scope = std::vector<std::pair<std::string, Value>>;
    class Level;  // counts recursion

    Flow execute(const Body& body);
    Flow execute(const Statement& statement);
    Flow executeLoop(const Statement& statement);
    void executeSet(const Statement& statement, const Value& value);
    Text capture(const Body& body);
    void write(const Text& text);
    void assign(const std::string& name, Value value);
    void assign(const Target& target, const Value& value);
    Value callMacro(const Function& function, const Arguments& arguments);

    Value evaluate(const Expression& expression);
    Value lookUp(const std::string& name);
    Value evaluateSlice(const Expression& expression);
    Value evaluateComparison(const Expression& expression);
    Value concatenate(const Expression& expression);
    Arguments evaluateArguments(const Expression& expression);

    const Environment& m_environment;
    const size_t m_mostOutput;
    std::vector<Scope> m_scopes;
    Text* m_output = nullptr;
    std::vector<Value> m_captured;  // of the filter blocks around
    size_t m_position = 0;
    int m_depth = 0;
};

}  // namespace edgechat::inference::jinja
