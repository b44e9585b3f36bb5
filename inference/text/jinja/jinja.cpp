#include "inference/text/jinja/jinja.h"

#include "inference/text/jinja/interpreter.h"
#include "inference/text/jinja/lexer.h"
#include "inference/text/jinja/syntax.h"
#include "inference/text/utf8.h"

namespace edgechat::inference::jinja {

namespace {

// The message may quote what anybody wrote: on one line, without control characters, cut to a sentence's
// length.
Error templateError(const std::string& place, std::string message) {
    constexpr size_t kLongest = 240;
    for (char& character : message) {
        if (static_cast<unsigned char>(character) < 0x20 || character == 0x7f) character = ' ';
    }
    if (message.size() > kLongest) {
        message.resize(validUtf8Prefix(std::string_view(message).substr(0, kLongest)));
        message += "...";
    }
    return {ErrorCode::badInput, "cannot use the chat template,", "", place, message, ""};
}

}  // namespace

struct Template::Program {
    std::string source;  // for places
    Body body;
};

Result<Template> Template::parse(std::string_view source) {
    if (source.size() > kMostTemplateBytes) {
        return Error{ErrorCode::badInput,
                     "cannot use the chat template",
                     "",
                     "",
                     std::to_string(source.size()) + " bytes",
                     "at most " + std::to_string(kMostTemplateBytes)};
    }
    auto program = std::make_shared<Program>();
    program->source = normalizedSource(source);
    try {
        program->body = parseTemplate(program->source);
    } catch (const SyntaxFailure& failure) {
        return templateError(placeOf(program->source, failure.position), failure.message);
    }
    Template parsed;
    parsed.m_program = std::move(program);
    return parsed;
}

Result<Text> Template::render(const Environment& environment, const Limits& limits) const {
    Interpreter interpreter(environment, limits);
    try {
        return interpreter.run(m_program->body);
    } catch (const Failure& failure) {
        return templateError(placeOf(m_program->source, interpreter.position()), failure.message);
    }
}

}  // namespace edgechat::inference::jinja
