// A parsed template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/text/jinja/value.h"

namespace edgechat::inference::jinja {

struct Expression;
using ExpressionPointer = std::unique_ptr<const Expression>;

struct Expression {
    enum class Kind {
        literal,      // value
        name,         // text
        captured,     // the text that a filter block encloses
        list,         // operands
        tuple,        // operands
        dictionary,   // operands: key, value, key, value ...
        attribute,    // operands[0].text
        item,         // operands[0][operands[1]]
        slice,        // operands[0][operands[1]:operands[2]:operands[3]]; null: left out
        call,         // operands[0](arguments)
        filter,       // operands[0] | text(arguments)
        test,         // operands[0] is text(arguments)
        arithmetic,   // operands[0] text operands[1]
        negative,     // -operands[0]
        positive,     // +operands[0]
        concatenate,  // operands ~ ...
        comparison,   // operands[0] operators[0] operands[1] operators[1] ...
        both,         // operands[0] and operands[1]
        either,       // operands[0] or operands[1]
        negation,     // not operands[0]
        conditional   // operands[1] if operands[0] else operands[2]; null: undefined
    };
    Kind kind = Kind::literal;
    size_t position = 0;
    int depth = 1;  // of the tree below
    std::string text;
    Value value;
    std::vector<ExpressionPointer> operands;
    std::vector<std::string> operators;
    std::vector<ExpressionPointer> arguments;
    std::vector<std::pair<std::string, ExpressionPointer>> namedArguments;
};

using Body = std::vector<Statement>;

/// One or more variables that a value is given to: `a`, `a, b`, `ns.a`.
struct Target {
    std::vector<std::string> names;
    std::string attribute;  ///< of the namespace names[0], if not empty
    bool unpacks = false;   ///< names are for the items of the value
};

struct Statement {
    enum class Kind {
        data,       // text
        output,     // expressions[0]
        condition,  // bodies[i] if expressions[i]; one body more than expressions: else
        loop,  // target, expressions[0] = what, expressions[1] = condition or null, bodies[0], bodies[1] =
               // else
        set,   // target = expressions[0]
        setBlock,  // target = bodies[0], through expressions[0] unless null
        filter,    // bodies[0] through expressions[0]
        macro,     // text(parameters) with defaults expressions[i] or null, bodies[0]
        scope,     // with: parameters[i] = expressions[i], bodies[0]
        block,     // bodies[0]
        leaveLoop,
        nextRound
    };
    Kind kind = Kind::data;
    size_t position = 0;
    std::string text;
    Target target;
    std::vector<std::string> parameters;
    std::vector<ExpressionPointer> expressions;
    std::vector<Body> bodies;
};

/// Throws SyntaxFailure.
Body parseTemplate(std::string_view normalizedSource);

}  // namespace edgechat::inference::jinja
