#include "inference/text/jinja/interpreter.h"

#include <algorithm>

#include "inference/text/jinja/library.h"

namespace edgechat::inference::jinja {

namespace {

constexpr int kMostDepth = 300;  // of expressions, blocks and macro calls within each other

Failure undefinedFailure(const Value& value) {
    return {"\"" + value.undefinedName() + "\" is undefined"};
}

}  // namespace

class Interpreter::Level {
  public:
    explicit Level(Interpreter& interpreter) : m_interpreter(interpreter) {
        if (interpreter.m_depth >= kMostDepth) throw Failure{"it is nested too deep"};
        ++interpreter.m_depth;
        interpreter.budget.step();
    }
    ~Level() { --m_interpreter.m_depth; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

  private:
    Interpreter& m_interpreter;
};

const Value* Arguments::find(size_t index, std::string_view name) const {
    if (index < positional.size()) return &positional[index];
    for (const auto& [given, value] : named) {
        if (given == name) return &value;
    }
    return nullptr;
}

const Text& Arguments::text(size_t index, std::string_view name) const {
    const Value* value = find(index, name);
    if (!value || !value->asText())
        throw Failure{std::string(value ? value->kindName() : "nothing") + " where a string is needed"};
    return *value->asText();
}

int64_t Arguments::integer(size_t index, std::string_view name, int64_t standard) const {
    const Value* value = find(index, name);
    int64_t number = standard;
    if (value && !value->isNone() && !value->toInteger(number))
        throw Failure{std::string(value->kindName()) + " where an integer is needed"};
    return number;
}

Interpreter::Interpreter(const Environment& environment, const Limits& limits)
    : budget(limits.steps, limits.bytes), m_environment(environment), m_mostOutput(limits.output) {
    m_scopes.push_back(environment.variables);
}

Text Interpreter::run(const Body& body) {
    Text output;
    m_output = &output;
    execute(body);
    return output;
}

void Interpreter::write(const Text& text) {
    budget.bytes(text.size());
    if (text.size() > m_mostOutput - m_output->size()) throw Failure{"its output is too long"};
    m_output->append(text);
}

void Interpreter::assign(const std::string& name, Value value) {
    for (auto& [known, old] : m_scopes.back()) {
        if (known != name) continue;
        old = std::move(value);
        return;
    }
    budget.bytes(sizeof(Value) + name.size());
    m_scopes.back().emplace_back(name, std::move(value));
}

void Interpreter::assign(const Target& target, const Value& value) {
    if (!target.unpacks) {
        assign(target.names[0], value);
        return;
    }
    const std::vector<Value> items = itemsOf(value, budget);
    if (items.size() != target.names.size()) {
        throw Failure{std::to_string(items.size()) + " values for " + std::to_string(target.names.size()) +
                      " variables"};
    }
    for (size_t i = 0; i < items.size(); ++i) assign(target.names[i], items[i]);
}

void Interpreter::executeSet(const Statement& statement, const Value& value) {
    const Target& target = statement.target;
    if (target.attribute.empty()) {
        assign(target, value);
        return;
    }
    const Value owner = lookUp(target.names[0]);
    Namespace* space = owner.asNamespace();
    if (!space) throw Failure{"\"" + target.names[0] + "\" is no namespace"};
    static_cast<void>(value.depth());  // refuses what could come to hold itself
    for (auto& [known, old] : space->entries) {
        if (known != target.attribute) continue;
        old = value;
        return;
    }
    budget.bytes(sizeof(Value) + target.attribute.size());
    space->entries.emplace_back(target.attribute, value);
}

Text Interpreter::capture(const Body& body) {
    Text output;
    Text* const outer = std::exchange(m_output, &output);
    m_scopes.emplace_back();
    const Flow flow = execute(body);
    m_scopes.pop_back();
    m_output = outer;
    if (flow != Flow::onward) throw Failure{"a loop cannot be left from within a block that is captured"};
    return output;
}

Interpreter::Flow Interpreter::execute(const Body& body) {
    for (const Statement& statement : body) {
        if (const Flow flow = execute(statement); flow != Flow::onward) return flow;
    }
    return Flow::onward;
}

Interpreter::Flow Interpreter::execute(const Statement& statement) {
    const Level level(*this);
    m_position = statement.position;
    switch (statement.kind) {
        case Statement::Kind::data:
            write(Text(statement.text));
            break;
        case Statement::Kind::output: {
            const Value value = evaluate(*statement.expressions[0]);
            write(value.asText() ? *value.asText() : toText(value, budget));
            break;
        }
        case Statement::Kind::condition:
            for (size_t i = 0; i < statement.bodies.size(); ++i) {
                if (i < statement.expressions.size() && !evaluate(*statement.expressions[i]).truth())
                    continue;
                return execute(statement.bodies[i]);
            }
            break;
        case Statement::Kind::loop:
            return executeLoop(statement);
        case Statement::Kind::set:
            executeSet(statement, evaluate(*statement.expressions[0]));
            break;
        case Statement::Kind::setBlock:
        case Statement::Kind::filter: {
            Value value = capture(statement.bodies[0]);
            if (statement.expressions[0]) {
                m_captured.push_back(std::move(value));
                value = evaluate(*statement.expressions[0]);
                m_captured.pop_back();
            }
            if (statement.kind == Statement::Kind::filter)
                write(toText(value, budget));
            else
                executeSet(statement, value);
            break;
        }
        case Statement::Kind::macro: {
            Function function;
            function.name = statement.text;
            function.macro = &statement;
            function.scopes = m_scopes.size();
            assign(statement.text, std::move(function));
            break;
        }
        case Statement::Kind::scope:
        case Statement::Kind::block: {
            Scope scope;
            for (size_t i = 0; i < statement.parameters.size(); ++i)
                scope.emplace_back(statement.parameters[i], evaluate(*statement.expressions[i]));
            m_scopes.push_back(std::move(scope));
            const Flow flow = execute(statement.bodies[0]);
            m_scopes.pop_back();
            return flow;
        }
        case Statement::Kind::leaveLoop:
            return Flow::leaveLoop;
        case Statement::Kind::nextRound:
            return Flow::nextRound;
    }
    return Flow::onward;
}

Interpreter::Flow Interpreter::executeLoop(const Statement& statement) {
    const Value what = evaluate(*statement.expressions[0]);
    const auto loop = std::make_shared<Loop>();
    loop->items = itemsOf(what, budget);
    if (const ExpressionPointer& condition = statement.expressions[1]) {
        std::vector<Value> kept;
        for (Value& item : loop->items) {
            m_scopes.emplace_back();
            assign(statement.target, item);
            const bool keep = evaluate(*condition).truth();
            m_scopes.pop_back();
            if (keep) kept.push_back(std::move(item));
        }
        loop->items = std::move(kept);
    }
    for (loop->index = 0; loop->index < loop->items.size(); ++loop->index) {
        m_scopes.emplace_back();
        assign("loop", loop);
        assign(statement.target, loop->items[loop->index]);
        const Flow flow = execute(statement.bodies[0]);
        m_scopes.pop_back();
        if (flow == Flow::leaveLoop) break;
    }
    if (loop->items.empty() && statement.bodies.size() > 1) {
        m_scopes.emplace_back();
        const Flow flow = execute(statement.bodies[1]);
        m_scopes.pop_back();
        return flow;
    }
    return Flow::onward;
}

Value Interpreter::callMacro(const Function& function, const Arguments& arguments) {
    const Statement& macro = *function.macro;
    if (arguments.positional.size() > macro.parameters.size())
        throw Failure{"too many arguments for " + function.name};
    for (const auto& given : arguments.named) {
        if (std::find(macro.parameters.begin(), macro.parameters.end(), given.first) ==
            macro.parameters.end())
            throw Failure{function.name + " has no parameter " + given.first};
    }
    // The macro sees the scopes in which it was defined.
    std::vector<Scope> hidden;
    while (m_scopes.size() > std::max<size_t>(function.scopes, 1)) {
        hidden.push_back(std::move(m_scopes.back()));
        m_scopes.pop_back();
    }
    m_scopes.emplace_back();
    for (size_t i = 0; i < macro.parameters.size(); ++i) {
        if (const Value* given = arguments.find(i, macro.parameters[i])) {
            assign(macro.parameters[i], *given);
        } else if (macro.expressions[i]) {
            assign(macro.parameters[i], evaluate(*macro.expressions[i]));
        } else {
            assign(macro.parameters[i], Undefined{macro.parameters[i]});
        }
    }
    Text output = capture(macro.bodies[0]);
    m_scopes.pop_back();
    for (; !hidden.empty(); hidden.pop_back()) m_scopes.push_back(std::move(hidden.back()));
    return output;
}

Value Interpreter::call(const Value& function, const Arguments& arguments) {
    if (function.isUndefined()) throw undefinedFailure(function);
    const Function* target = function.asFunction();
    if (!target) throw Failure{std::string(function.kindName()) + " cannot be called"};
    if (target->macro) return callMacro(*target, arguments);
    if (!target->self.empty())
        return findMethod(target->self[0], target->name)(*this, target->self[0], arguments);
    return findFunction(target->name)(*this, arguments);
}

Value Interpreter::lookUp(const std::string& name) {
    for (size_t i = m_scopes.size(); i > 0; --i) {
        budget.step();
        for (const auto& [known, value] : m_scopes[i - 1]) {
            if (known == name) return value;
        }
    }
    if (findFunction(name)) {
        Function function;
        function.name = name;
        return function;
    }
    return Undefined{name};
}

Value Interpreter::attribute(const Value& value, const std::string& name) {
    if (value.isUndefined()) throw undefinedFailure(value);
    if (findMethod(value, name)) {
        Function method;
        method.name = name;
        method.self.push_back(value);
        return method;
    }
    if (const Dictionary* dictionary = value.asDictionary()) {
        budget.step(1 + dictionary->entries.size() / 8);
        if (const Value* found = dictionary->find(name)) return *found;
    } else if (const Namespace* space = value.asNamespace()) {
        for (const auto& [known, stored] : space->entries) {
            if (known == name) return stored;
        }
    } else if (const Loop* loop = value.asLoop()) {
        return loopAttribute(*loop, name);
    }
    return Undefined{name};
}

Value Interpreter::item(const Value& value, const Value& key) {
    if (value.isUndefined()) throw undefinedFailure(value);
    int64_t index = 0;
    if (const Text* name = key.asText()) {
        if (const Dictionary* dictionary = value.asDictionary()) {
            budget.step(1 + dictionary->entries.size() / 8);
            if (const Value* found = dictionary->find(name->bytes())) return *found;
        }
        return attribute(value, name->bytes());
    }
    if (key.toInteger(index)) {
        if (const List* list = value.asList()) {
            const auto size = static_cast<int64_t>(list->items.size());
            if (index < 0) index += size;
            if (index >= 0 && index < size) return list->items[static_cast<size_t>(index)];
        } else if (const Text* text = value.asText()) {
            budget.step(1 + text->size() / 8);
            const auto size = static_cast<int64_t>(characterCount(text->bytes()));
            if (index < 0) index += size;
            if (index >= 0 && index < size) return slice(value, index, index + 1, None(), budget);
        }
        return Undefined{std::to_string(index)};
    }
    return Undefined{"item"};
}

Value Interpreter::filter(const std::string& name, const Value& input, const Arguments& arguments) {
    const Filter found = findFilter(name);
    if (!found) throw Failure{"the filter \"" + name + "\" is not known here"};
    return found(*this, input, arguments);
}

bool Interpreter::test(const std::string& name, const Value& value, const Arguments& arguments) {
    const Test found = findTest(name);
    if (!found) throw Failure{"the test \"" + name + "\" is not known here"};
    return found(*this, value, arguments);
}

Arguments Interpreter::evaluateArguments(const Expression& expression) {
    Arguments arguments;
    for (const ExpressionPointer& argument : expression.arguments)
        arguments.positional.push_back(evaluate(*argument));
    for (const auto& [name, argument] : expression.namedArguments)
        arguments.named.emplace_back(name, evaluate(*argument));
    return arguments;
}

Value Interpreter::evaluateSlice(const Expression& expression) {
    const Value value = evaluate(*expression.operands[0]);
    Value bounds[3] = {None(), None(), None()};
    for (size_t i = 0; i < 3; ++i) {
        if (expression.operands[i + 1]) bounds[i] = evaluate(*expression.operands[i + 1]);
    }
    m_position = expression.position;
    if (value.isUndefined()) throw undefinedFailure(value);
    return slice(value, bounds[0], bounds[1], bounds[2], budget);
}

Value Interpreter::evaluateComparison(const Expression& expression) {
    Value left = evaluate(*expression.operands[0]);
    for (size_t i = 0; i < expression.operators.size(); ++i) {
        const std::string& symbol = expression.operators[i];
        Value right = evaluate(*expression.operands[i + 1]);
        m_position = expression.position;
        bool holds = false;
        if (symbol == "==")
            holds = equal(left, right, budget);
        else if (symbol == "!=")
            holds = !equal(left, right, budget);
        else if (symbol == "in")
            holds = contains(right, left, budget);
        else if (symbol == "not in")
            holds = !contains(right, left, budget);
        else {
            const int order = compare(left, right, budget);
            holds = symbol == "<"    ? order < 0
                    : symbol == "<=" ? order <= 0
                    : symbol == ">"  ? order > 0
                                     : order >= 0;
        }
        if (!holds) return false;
        left = std::move(right);
    }
    return true;
}

Value Interpreter::concatenate(const Expression& expression) {
    Text text;
    for (const ExpressionPointer& operand : expression.operands)
        text.append(toText(evaluate(*operand), budget));
    return text;
}

Value Interpreter::evaluate(const Expression& expression) {
    const Level level(*this);
    const auto operand = [&](size_t i) { return evaluate(*expression.operands[i]); };
    m_position = expression.position;
    switch (expression.kind) {
        case Expression::Kind::literal:
            return expression.value;
        case Expression::Kind::name:
            return lookUp(expression.text);
        case Expression::Kind::captured:
            return m_captured.back();
        case Expression::Kind::list:
        case Expression::Kind::tuple: {
            std::vector<Value> items;
            for (size_t i = 0; i < expression.operands.size(); ++i) items.push_back(operand(i));
            budget.bytes(items.size() * sizeof(Value));
            return Value::list(std::move(items), expression.kind == Expression::Kind::tuple);
        }
        case Expression::Kind::dictionary: {
            std::vector<std::pair<Text, Value>> entries;
            for (size_t i = 0; i < expression.operands.size(); i += 2) {
                const Value key = operand(i);
                if (!key.asText()) throw Failure{std::string(key.kindName()) + " as a key of a dictionary"};
                budget.bytes(key.asText()->size() + sizeof(Value));
                budget.step(1 + entries.size() / 8);
                entries.emplace_back(*key.asText(), operand(i + 1));
            }
            return Value::dictionary(std::move(entries));
        }
        case Expression::Kind::attribute: {
            const Value value = operand(0);
            m_position = expression.position;
            return attribute(value, expression.text);
        }
        case Expression::Kind::item: {
            const Value value = operand(0);
            const Value key = operand(1);
            m_position = expression.position;
            return item(value, key);
        }
        case Expression::Kind::slice:
            return evaluateSlice(expression);
        case Expression::Kind::call: {
            const Value function = operand(0);
            const Arguments arguments = evaluateArguments(expression);
            m_position = expression.position;
            return call(function, arguments);
        }
        case Expression::Kind::filter: {
            const Value input = operand(0);
            const Arguments arguments = evaluateArguments(expression);
            m_position = expression.position;
            return filter(expression.text, input, arguments);
        }
        case Expression::Kind::test: {
            const Value value = operand(0);
            const Arguments arguments = evaluateArguments(expression);
            m_position = expression.position;
            return test(expression.text, value, arguments);
        }
        case Expression::Kind::arithmetic: {
            const Value left = operand(0);
            const Value right = operand(1);
            m_position = expression.position;
            for (const Value* value : {&left, &right}) {
                if (value->isUndefined()) throw undefinedFailure(*value);
            }
            return arithmetic(expression.text, left, right, budget);
        }
        case Expression::Kind::negative:
            return arithmetic("-", int64_t{0}, operand(0), budget);
        case Expression::Kind::positive:
            return arithmetic("+", int64_t{0}, operand(0), budget);
        case Expression::Kind::concatenate:
            return concatenate(expression);
        case Expression::Kind::comparison:
            return evaluateComparison(expression);
        case Expression::Kind::both: {
            Value left = operand(0);
            return left.truth() ? operand(1) : left;
        }
        case Expression::Kind::either: {
            Value left = operand(0);
            return left.truth() ? left : operand(1);
        }
        case Expression::Kind::negation:
            return !operand(0).truth();
        case Expression::Kind::conditional:
            if (operand(0).truth()) return operand(1);
            return expression.operands[2] ? operand(2) : Value(Undefined{"an else that was left out"});
    }
    return Value();
}

}  // namespace edgechat::inference::jinja
