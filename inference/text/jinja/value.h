// What a template computes with.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "inference/text/jinja/text.h"

namespace edgechat::inference::jinja {

class Value;
struct Statement;

/// Thrown inside this folder alone; Template turns it into an Error.
struct Failure {
    std::string message;
};

struct Undefined {
    std::string name;  ///< of what was looked up in vain
};
struct None {};
struct List {
    std::vector<Value> items;
    bool tuple = false;
    int depth = 1;  ///< of the containers in it, itself included
};
/// In the order of insertion, no key twice.
struct Dictionary {
    std::vector<std::pair<Text, Value>> entries;
    int depth = 1;

    const Value* find(std::string_view key) const;
};
/// namespace(): the one thing that a template can change.
struct Namespace {
    std::vector<std::pair<std::string, Value>> entries;
};
/// The variable `loop`.
struct Loop {
    std::vector<Value> items;
    size_t index = 0;
    std::vector<Value> last;  ///< what loop.changed() saw
};
/// A global function, a method bound to its object, or a macro.
struct Function {
    std::string name;
    std::vector<Value> self;           ///< the object of a method, else empty
    const Statement* macro = nullptr;  ///< belongs to the template
    size_t scopes = 0;                 ///< that are visible to the macro
};

/// Immutable but for namespaces and loops; copies share.
class Value {
  public:
    using State =
        std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>,
                     std::shared_ptr<const List>, std::shared_ptr<const Dictionary>,
                     std::shared_ptr<Namespace>, std::shared_ptr<Loop>, std::shared_ptr<const Function>>;

    Value() = default;
    Value(None none) : m_state(none) {}
    Value(bool value) : m_state(value) {}
    Value(int64_t value) : m_state(value) {}
    Value(double value) : m_state(value) {}
    Value(Text text) : m_state(std::make_shared<const Text>(std::move(text))) {}
    Value(Undefined undefined) : m_state(std::move(undefined)) {}
    Value(std::shared_ptr<Namespace> value) : m_state(std::move(value)) {}
    Value(std::shared_ptr<Loop> value) : m_state(std::move(value)) {}
    Value(Function function) : m_state(std::make_shared<const Function>(std::move(function))) {}
    /// Fail when they hold a namespace, a loop or a function, or nest deeper than 64.
    static Value list(std::vector<Value> items, bool tuple = false);
    static Value dictionary(std::vector<std::pair<Text, Value>> entries);

    bool isUndefined() const { return std::holds_alternative<Undefined>(m_state); }
    bool isNone() const { return std::holds_alternative<None>(m_state); }
    const bool* asBool() const { return std::get_if<bool>(&m_state); }
    const int64_t* asInteger() const { return std::get_if<int64_t>(&m_state); }
    const double* asFloat() const { return std::get_if<double>(&m_state); }
    const Text* asText() const { return pointer<const Text>(); }
    const List* asList() const { return pointer<const List>(); }
    const Dictionary* asDictionary() const { return pointer<const Dictionary>(); }
    Namespace* asNamespace() const { return pointer<Namespace>(); }
    Loop* asLoop() const { return pointer<Loop>(); }
    const Function* asFunction() const { return pointer<const Function>(); }
    const std::string& undefinedName() const { return std::get<Undefined>(m_state).name; }

    /// An integer, or a truth value as 0 or 1.
    bool toInteger(int64_t& value) const;
    /// Any number as a float.
    bool toFloat(double& value) const;
    bool truth() const;
    /// "a string", "a list", ...: for messages.
    const char* kindName() const;
    /// Containers below this value, 0 for one that is none; fails for what no container may hold.
    int depth() const;

  private:
    template <class T>
    T* pointer() const {
        const auto* shared = std::get_if<std::shared_ptr<T>>(&m_state);
        return shared ? shared->get() : nullptr;
    }
    State m_state;
};

/// What a rendering may still use; everything that takes time or memory is charged here, and fails when there
/// is nothing left.
class Budget {
  public:
    Budget(size_t steps, size_t bytes) : m_steps(steps), m_bytes(bytes) {}
    void step(size_t count = 1);
    /// Memory for a string or a list, and the time to fill it.
    void bytes(size_t count);

  private:
    size_t m_steps, m_bytes;
};

bool equal(const Value& a, const Value& b, Budget& budget);
/// -1, 0 or 1; fails for what has no order.
int compare(const Value& a, const Value& b, Budget& budget);
/// As Python's str() and repr().
Text toText(const Value& value, Budget& budget);
Text toRepresentation(const Value& value, Budget& budget);
/// As Python's json.dumps(ensure_ascii=False).
struct JsonStyle {
    int indent = -1;  ///< below 0: on one line
    bool sortKeys = false;
    std::string betweenItems = ", ", afterKey = ": ";
};
Text toJson(const Value& value, const JsonStyle& style, Budget& budget);
/// What a for loop runs over; fails for what cannot be iterated.
std::vector<Value> itemsOf(const Value& value, Budget& budget);

}  // namespace edgechat::inference::jinja
