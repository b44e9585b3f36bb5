// Templates in the part of Jinja that chat templates use, run in a sandbox: they read what they are given,
// write a text, and can do nothing else. White space and values behave as in Python's jinja2 the way
// transformers sets it up; specs of differences: letters outside ASCII have no case, strings have no "%" and
// no format().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/result.h"
#include "inference/text/jinja/value.h"

namespace edgechat::inference::jinja {

/// A template longer than this is refused.
constexpr size_t kMostTemplateBytes = 256u << 10;

struct Limits {
    size_t steps = 5'000'000;          ///< operations
    size_t bytes = size_t{256} << 20;  ///< of all strings and lists that come into being
    size_t output = size_t{16} << 20;  ///< of the text
};

struct Date {
    int year = 2024, month = 7, day = 26;
};

/// What a template can see.
struct Environment {
    std::vector<std::pair<std::string, Value>> variables;
    Date today;  ///< what strftime_now() says, at midnight
};

/// A parsed template; immutable, to be used from any thread.
class Template {
  public:
    /// Fails with ErrorCode::badInput; Error::field is the place in the template.
    static Result<Template> parse(std::string_view source);
    /// Fails as parse() does, also when the template itself raises an exception and when a limit is met.
    Result<Text> render(const Environment& environment, const Limits& limits = {}) const;

  private:
    struct Program;
    std::shared_ptr<const Program> m_program;
};

}  // namespace edgechat::inference::jinja
