#include "inference/text/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>

namespace edgechat::inference::jinja {

namespace {

constexpr int kMostNesting = 80;
constexpr int kMostExpressionDepth = 200;

using Kind = Expression::Kind;

// Sets the depth from the parts and refuses what is too deep to be walked.
ExpressionPointer finished(const TokenStream& stream, Expression expression) {
    const auto count = [&](const ExpressionPointer& part) {
        if (part) expression.depth = std::max(expression.depth, part->depth + 1);
    };
    for (const ExpressionPointer& part : expression.operands) count(part);
    for (const ExpressionPointer& part : expression.arguments) count(part);
    for (const auto& part : expression.namedArguments) count(part.second);
    if (expression.depth > kMostExpressionDepth) stream.fail("an expression that is nested too deep");
    return std::make_unique<const Expression>(std::move(expression));
}

Expression make(Kind kind, const Token& token) {
    Expression expression;
    expression.kind = kind;
    expression.position = token.position;
    return expression;
}

ExpressionPointer literal(const TokenStream& stream, const Token& token, Value value) {
    Expression expression = make(Kind::literal, token);
    expression.value = std::move(value);
    return finished(stream, std::move(expression));
}

ExpressionPointer combined(const TokenStream& stream, Kind kind, const Token& token, ExpressionPointer left,
                           ExpressionPointer right) {
    Expression expression = make(kind, token);
    expression.text = token.text;
    expression.operands.push_back(std::move(left));
    if (right) expression.operands.push_back(std::move(right));
    return finished(stream, std::move(expression));
}

class ExpressionParser {
  public:
    explicit ExpressionParser(TokenStream& stream) : m_stream(stream) {}

    ExpressionPointer conditional() {
        const TokenStream::Nesting nesting(m_stream);
        ExpressionPointer value = either();
        while (m_stream.isName("if")) {
            Expression expression = make(Kind::conditional, m_stream.take());
            ExpressionPointer condition = either();
            ExpressionPointer otherwise;
            if (m_stream.skipName("else")) otherwise = conditional();
            expression.operands.push_back(std::move(condition));
            expression.operands.push_back(std::move(value));
            expression.operands.push_back(std::move(otherwise));
            value = finished(m_stream, std::move(expression));
        }
        return value;
    }

    ExpressionPointer either() {
        ExpressionPointer left = both();
        while (m_stream.isName("or")) {
            const Token token = m_stream.take();
            left = combined(m_stream, Kind::either, token, std::move(left), both());
        }
        return left;
    }

    ExpressionPointer filters(ExpressionPointer input) {
        for (;;) {
            if (m_stream.isSymbol("|")) {
                Expression filter = make(Kind::filter, m_stream.take());
                filter.text = dottedName("the name of a filter");
                filter.operands.push_back(std::move(input));
                if (m_stream.isSymbol("(")) arguments(filter);
                input = finished(m_stream, std::move(filter));
            } else if (m_stream.isName("is")) {
                input = test(std::move(input));
            } else if (m_stream.isSymbol("(")) {
                input = call(std::move(input));
            } else {
                return input;
            }
        }
    }

    ExpressionPointer firstFilter(ExpressionPointer input) {
        Expression filter = make(Kind::filter, m_stream.current());
        filter.text = dottedName("the name of a filter");
        filter.operands.push_back(std::move(input));
        if (m_stream.isSymbol("(")) arguments(filter);
        return filters(finished(m_stream, std::move(filter)));
    }

  private:
    ExpressionPointer both() {
        ExpressionPointer left = negation();
        while (m_stream.isName("and")) {
            const Token token = m_stream.take();
            left = combined(m_stream, Kind::both, token, std::move(left), negation());
        }
        return left;
    }

    ExpressionPointer negation() {
        if (!m_stream.isName("not")) return comparison();
        const TokenStream::Nesting nesting(m_stream);
        const Token token = m_stream.take();
        return combined(m_stream, Kind::negation, token, negation(), nullptr);
    }

    std::string comparisonOperator() {
        for (const char* symbol : {"==", "!=", "<", "<=", ">", ">="}) {
            if (m_stream.skipSymbol(symbol)) return symbol;
        }
        if (m_stream.skipName("in")) return "in";
        if (m_stream.isName("not") && m_stream.following().kind == Token::Kind::name &&
            m_stream.following().text == "in") {
            m_stream.take();
            m_stream.take();
            return "not in";
        }
        return {};
    }

    ExpressionPointer comparison() {
        const Token token = m_stream.current();
        ExpressionPointer left = sum();
        Expression expression = make(Kind::comparison, token);
        for (std::string symbol = comparisonOperator(); !symbol.empty(); symbol = comparisonOperator()) {
            expression.operators.push_back(std::move(symbol));
            expression.operands.push_back(sum());
        }
        if (expression.operators.empty()) return left;
        expression.operands.insert(expression.operands.begin(), std::move(left));
        return finished(m_stream, std::move(expression));
    }

    ExpressionPointer sum() {
        ExpressionPointer left = concatenation();
        while (m_stream.isSymbol("+") || m_stream.isSymbol("-")) {
            const Token token = m_stream.take();
            left = combined(m_stream, Kind::arithmetic, token, std::move(left), concatenation());
        }
        return left;
    }

    ExpressionPointer concatenation() {
        Expression expression = make(Kind::concatenate, m_stream.current());
        expression.operands.push_back(product());
        while (m_stream.skipSymbol("~")) expression.operands.push_back(product());
        if (expression.operands.size() == 1) return std::move(expression.operands[0]);
        return finished(m_stream, std::move(expression));
    }

    ExpressionPointer product() {
        ExpressionPointer left = power();
        while (m_stream.isSymbol("*") || m_stream.isSymbol("/") || m_stream.isSymbol("//") ||
               m_stream.isSymbol("%")) {
            const Token token = m_stream.take();
            left = combined(m_stream, Kind::arithmetic, token, std::move(left), power());
        }
        return left;
    }

    ExpressionPointer power() {
        ExpressionPointer left = unary(true);
        while (m_stream.isSymbol("**")) {
            const Token token = m_stream.take();
            left = combined(m_stream, Kind::arithmetic, token, std::move(left), unary(true));
        }
        return left;
    }

    ExpressionPointer unary(bool withFilters) {
        const TokenStream::Nesting nesting(m_stream);
        ExpressionPointer value;
        if (m_stream.isSymbol("-") || m_stream.isSymbol("+")) {
            const Token token = m_stream.take();
            value = combined(m_stream, token.text == "-" ? Kind::negative : Kind::positive, token,
                             unary(false), nullptr);
        } else {
            value = primary();
        }
        value = postfix(std::move(value));
        return withFilters ? filters(std::move(value)) : std::move(value);
    }

    ExpressionPointer primary() {
        const Token token = m_stream.current();
        switch (token.kind) {
            case Token::Kind::name:
                return name(m_stream.take());
            case Token::Kind::string: {
                std::string text;
                while (m_stream.is(Token::Kind::string)) text += m_stream.take().text;
                return literal(m_stream, token, Text(text));
            }
            case Token::Kind::integer:
            case Token::Kind::number:
                return number(m_stream.take());
            default:
                break;
        }
        if (m_stream.skipSymbol("(")) return parenthesis(token);
        if (m_stream.skipSymbol("[")) return list(token);
        if (m_stream.skipSymbol("{")) return dictionary(token);
        m_stream.fail("an expression was expected");
    }

    ExpressionPointer name(const Token& token) {
        if (token.text == "true" || token.text == "True") return literal(m_stream, token, true);
        if (token.text == "false" || token.text == "False") return literal(m_stream, token, false);
        if (token.text == "none" || token.text == "None") return literal(m_stream, token, None());
        Expression expression = make(Kind::name, token);
        expression.text = token.text;
        return finished(m_stream, std::move(expression));
    }

    ExpressionPointer number(const Token& token) {
        const char *begin = token.text.data(), *end = begin + token.text.size();
        int64_t integer = 0;
        double real = 0;
        const bool whole = token.kind == Token::Kind::integer;
        const auto read = whole ? std::from_chars(begin, end, integer) : std::from_chars(begin, end, real);
        if (read.ec != std::errc() || read.ptr != end) m_stream.fail("a number that is too large");
        return whole ? literal(m_stream, token, integer) : literal(m_stream, token, real);
    }

    ExpressionPointer parenthesis(const Token& token) {
        if (m_stream.skipSymbol(")")) return finished(m_stream, make(Kind::tuple, token));
        ExpressionPointer value = conditional();
        if (m_stream.isSymbol(",")) {
            Expression tuple = make(Kind::tuple, token);
            tuple.operands.push_back(std::move(value));
            while (m_stream.skipSymbol(",") && !m_stream.isSymbol(")"))
                tuple.operands.push_back(conditional());
            value = finished(m_stream, std::move(tuple));
        }
        m_stream.expectSymbol(")");
        return value;
    }

    ExpressionPointer list(const Token& token) {
        Expression list = make(Kind::list, token);
        while (!m_stream.skipSymbol("]")) {
            if (!list.operands.empty()) {
                m_stream.expectSymbol(",");
                if (m_stream.skipSymbol("]")) break;
            }
            list.operands.push_back(conditional());
        }
        return finished(m_stream, std::move(list));
    }

    ExpressionPointer dictionary(const Token& token) {
        Expression dictionary = make(Kind::dictionary, token);
        while (!m_stream.skipSymbol("}")) {
            if (!dictionary.operands.empty()) {
                m_stream.expectSymbol(",");
                if (m_stream.skipSymbol("}")) break;
            }
            dictionary.operands.push_back(conditional());
            m_stream.expectSymbol(":");
            dictionary.operands.push_back(conditional());
        }
        return finished(m_stream, std::move(dictionary));
    }

    ExpressionPointer postfix(ExpressionPointer value) {
        for (;;) {
            if (m_stream.isSymbol(".")) {
                const Token token = m_stream.take();
                if (m_stream.is(Token::Kind::integer)) {
                    ExpressionPointer index = number(m_stream.take());
                    value = combined(m_stream, Kind::item, token, std::move(value), std::move(index));
                } else {
                    Expression attribute = make(Kind::attribute, token);
                    attribute.text = m_stream.expectName("the name of an attribute").text;
                    attribute.operands.push_back(std::move(value));
                    value = finished(m_stream, std::move(attribute));
                }
            } else if (m_stream.isSymbol("[")) {
                value = subscript(std::move(value));
            } else if (m_stream.isSymbol("(")) {
                value = call(std::move(value));
            } else {
                return value;
            }
        }
    }

    ExpressionPointer subscript(ExpressionPointer value) {
        const Token token = m_stream.take();
        Expression expression = make(Kind::slice, token);
        expression.operands.push_back(std::move(value));
        expression.operands.resize(4);
        size_t part = 1;
        for (; part < 4; ++part) {
            if (!m_stream.isSymbol(":") && !m_stream.isSymbol("]")) expression.operands[part] = conditional();
            if (!m_stream.skipSymbol(":")) break;
        }
        m_stream.expectSymbol("]");
        if (part == 1) {
            if (!expression.operands[1]) m_stream.fail("an index was expected");
            expression.kind = Kind::item;
            expression.operands.resize(2);
        }
        return finished(m_stream, std::move(expression));
    }

    ExpressionPointer call(ExpressionPointer function) {
        Expression call = make(Kind::call, m_stream.current());
        call.operands.push_back(std::move(function));
        arguments(call);
        return finished(m_stream, std::move(call));
    }

    void arguments(Expression& call) {
        m_stream.expectSymbol("(");
        bool first = true;
        while (!m_stream.skipSymbol(")")) {
            if (!first) {
                m_stream.expectSymbol(",");
                if (m_stream.skipSymbol(")")) break;
            }
            first = false;
            if (m_stream.is(Token::Kind::name) && m_stream.following().kind == Token::Kind::symbol &&
                m_stream.following().text == "=") {
                const std::string name = m_stream.take().text;
                m_stream.take();
                call.namedArguments.emplace_back(name, conditional());
            } else {
                if (!call.namedArguments.empty())
                    m_stream.fail("an argument without a name after one with a name");
                call.arguments.push_back(conditional());
            }
        }
    }

    std::string dottedName(const char* what) {
        std::string name = m_stream.expectName(what).text;
        while (m_stream.skipSymbol(".")) name += "." + m_stream.expectName(what).text;
        return name;
    }

    ExpressionPointer test(ExpressionPointer value) {
        Expression test = make(Kind::test, m_stream.take());
        const bool negated = m_stream.skipName("not");
        const Token token = m_stream.current();
        test.text = dottedName("the name of a test");
        test.operands.push_back(std::move(value));
        if (m_stream.isSymbol("(")) {
            arguments(test);
        } else if (m_stream.is(Token::Kind::string) || m_stream.is(Token::Kind::integer) ||
                   m_stream.is(Token::Kind::number) || m_stream.isSymbol("[") || m_stream.isSymbol("{") ||
                   (m_stream.is(Token::Kind::name) && !m_stream.isName("else") && !m_stream.isName("or") &&
                    !m_stream.isName("and"))) {
            if (m_stream.isName("is")) m_stream.fail("a test right after a test");
            // `a is defined if b`: what follows is no argument of the test.
            if (!m_stream.isName("if") && !m_stream.isName("not") && !m_stream.isName("in"))
                test.arguments.push_back(postfix(primary()));
        }
        ExpressionPointer result = finished(m_stream, std::move(test));
        return negated ? combined(m_stream, Kind::negation, token, std::move(result), nullptr)
                       : std::move(result);
    }

    TokenStream& m_stream;
};

}  // namespace

Token TokenStream::take() {
    Token token = current();
    if (m_at + 1 < m_tokens.size()) ++m_at;
    return token;
}

bool TokenStream::skip(Token::Kind kind, std::string_view text) {
    if (!is(kind, text)) return false;
    take();
    return true;
}

Token TokenStream::expect(Token::Kind kind, std::string_view text, const char* what) {
    if (!is(kind, text))
        fail((text.empty() ? std::string(what) : "\"" + std::string(text) + "\"") + " was expected");
    return take();
}

void TokenStream::fail(const std::string& message) const {
    throw SyntaxFailure{message, current().position};
}

TokenStream::Nesting::Nesting(TokenStream& stream) : m_stream(stream) {
    if (stream.m_depth >= kMostNesting) stream.fail("brackets or blocks that are nested too deep");
    ++stream.m_depth;
}

ExpressionPointer parseExpression(TokenStream& stream) {
    return ExpressionParser(stream).conditional();
}
ExpressionPointer parseUnconditional(TokenStream& stream) {
    return ExpressionParser(stream).either();
}

ExpressionPointer parseTuple(TokenStream& stream, bool conditional) {
    const Token token = stream.current();
    const auto one = [&] { return conditional ? parseExpression(stream) : parseUnconditional(stream); };
    ExpressionPointer first = one();
    if (!stream.isSymbol(",")) return first;
    Expression tuple = make(Kind::tuple, token);
    tuple.operands.push_back(std::move(first));
    while (stream.skipSymbol(",") && !stream.is(Token::Kind::blockEnd) && !stream.is(Token::Kind::outputEnd))
        tuple.operands.push_back(one());
    return finished(stream, std::move(tuple));
}

ExpressionPointer parseFilterChain(TokenStream& stream) {
    ExpressionPointer input = finished(stream, make(Kind::captured, stream.current()));
    return ExpressionParser(stream).firstFilter(std::move(input));
}

}  // namespace edgechat::inference::jinja
