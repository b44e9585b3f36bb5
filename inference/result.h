// The one way in which a function of EdgeChat says that its input was wrong: Result<T> holds a value or an
// Error that a person can read. No exception crosses the border of a library.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace edgechat {

/// What kind of failure it was; the command line's exit code is the same number (interrupted: 130).
enum class ErrorCode { internal = 1, usage = 2, badInput = 3, doesNotFit = 4, network = 5, interrupted = 130 };

/// A failure as one sentence: "<what> <file> <field>: found <found>, expected <expected>". Every part but
/// `what` may be empty.
struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string what;      ///< what was being done and failed, "cannot read the model"
    std::string file;      ///< path of the file at fault
    std::string field;     ///< key, tensor or option at fault
    std::string found;     ///< what stood there
    std::string expected;  ///< what would have been right, or what to do instead

    /// The sentence above, without the program's name in front.
    std::string message() const;
};

/// "bad_input", "does_not_fit", ...: the name that JSON output uses.
const char* errorCodeName(ErrorCode code);

/// A value of type T, or an Error. Check with `if (!result)`, then read `*result` or `result.error()`.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : m_state(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : m_state(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return m_state.index() == 0; }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(value()); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T& value() & { assert(*this); return *std::get_if<0>(&m_state); }
    const T& value() const& { assert(*this); return *std::get_if<0>(&m_state); }
    Error& error() { assert(!*this); return *std::get_if<1>(&m_state); }
    const Error& error() const { assert(!*this); return *std::get_if<1>(&m_state); }

  private:
    std::variant<T, Error> m_state;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    Result() = default;
    Result(Error error) : m_error(std::move(error)), m_failed(true) {}

    explicit operator bool() const { return !m_failed; }
    Error& error() { assert(m_failed); return m_error; }
    const Error& error() const { assert(m_failed); return m_error; }

  private:
    Error m_error;
    bool m_failed = false;
};

}  // namespace edgechat
