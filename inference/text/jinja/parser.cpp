// Statements of a template.
#include <algorithm>
#include <initializer_list>

#include "inference/text/jinja/expression_parser.h"

namespace edgechat::inference::jinja {

namespace {

using Kind = Statement::Kind;

class Parser {
  public:
    explicit Parser(std::vector<Token> tokens) : m_stream(std::move(tokens)) {}

    // Up to a block that begins with one of `ends`, whose name is then the current token; without `ends` up
    // to the end of the template.
    Body body(std::initializer_list<std::string_view> ends) {
        Body statements;
        for (;;) {
            const Token token = m_stream.current();
            switch (token.kind) {
                case Token::Kind::data:
                    statements.push_back(make(Kind::data, m_stream.take()));
                    statements.back().text = token.text;
                    break;
                case Token::Kind::outputBegin:
                    statements.push_back(make(Kind::output, m_stream.take()));
                    statements.back().expressions.push_back(parseTuple(m_stream, true));
                    m_stream.expect(Token::Kind::outputEnd, {}, "the end of the output");
                    break;
                case Token::Kind::blockBegin: {
                    m_stream.take();
                    const std::string name = m_stream.is(Token::Kind::name) ? m_stream.current().text : "";
                    if (std::find(ends.begin(), ends.end(), name) != ends.end()) return statements;
                    statements.push_back(statement());
                    break;
                }
                default:
                    if (ends.size() > 0)
                        m_stream.fail("the template ends before {% " + std::string(*(ends.end() - 1)) +
                                      " %}");
                    return statements;
            }
        }
    }

  private:
    static Statement make(Kind kind, const Token& token) {
        Statement statement;
        statement.kind = kind;
        statement.position = token.position;
        return statement;
    }
    void endBlock() { m_stream.expect(Token::Kind::blockEnd, {}, "the end of the block"); }
    void closing(std::string_view name) {
        m_stream.expect(Token::Kind::name, name, "");
        endBlock();
    }

    Statement statement() {
        const TokenStream::Nesting nesting(m_stream);
        const Token name = m_stream.expectName("the name of a statement");
        if (name.text == "if") return condition(name);
        if (name.text == "for") return loop(name);
        if (name.text == "set") return set(name);
        if (name.text == "macro") return macro(name);
        if (name.text == "with") return scope(name);
        if (name.text == "filter") {
            Statement filter = make(Kind::filter, name);
            filter.expressions.push_back(parseFilterChain(m_stream));
            endBlock();
            filter.bodies.push_back(body({"endfilter"}));
            closing("endfilter");
            return filter;
        }
        if (name.text == "generation") {  // transformers marks the assistant's tokens with it
            Statement block = make(Kind::block, name);
            endBlock();
            block.bodies.push_back(body({"endgeneration"}));
            closing("endgeneration");
            return block;
        }
        if (name.text == "break" || name.text == "continue") {
            if (m_loops == 0) m_stream.fail("{% " + name.text + " %} outside of a loop");
            Statement leave = make(name.text == "break" ? Kind::leaveLoop : Kind::nextRound, name);
            endBlock();
            return leave;
        }
        throw SyntaxFailure{"the statement {% " + name.text + " %} is not known here", name.position};
    }

    Statement condition(const Token& token) {
        Statement condition = make(Kind::condition, token);
        condition.expressions.push_back(parseTuple(m_stream, false));
        endBlock();
        for (;;) {
            condition.bodies.push_back(body({"elif", "else", "endif"}));
            if (m_stream.skipName("elif")) {
                condition.expressions.push_back(parseTuple(m_stream, false));
                endBlock();
            } else if (m_stream.skipName("else")) {
                endBlock();
                condition.bodies.push_back(body({"endif"}));
                break;
            } else {
                break;
            }
        }
        closing("endif");
        return condition;
    }

    Target target(bool withAttribute) {
        Target target;
        const bool bracket = m_stream.skipSymbol("(");
        target.names.push_back(variable());
        if (withAttribute && !bracket && m_stream.skipSymbol(".")) {
            target.attribute = m_stream.expectName("the name of an attribute").text;
            return target;
        }
        while (m_stream.skipSymbol(",")) {
            target.unpacks = true;
            if (!m_stream.is(Token::Kind::name) || m_stream.isName("in")) break;
            target.names.push_back(variable());
        }
        if (bracket) m_stream.expectSymbol(")");
        return target;
    }

    std::string variable() {
        Token token = m_stream.expectName("the name of a variable");
        for (const char* reserved : {"true", "false", "none", "True", "False", "None"}) {
            if (token.text == reserved) throw SyntaxFailure{token.text + " is no variable", token.position};
        }
        return std::move(token.text);
    }

    Statement loop(const Token& token) {
        Statement loop = make(Kind::loop, token);
        loop.target = target(false);
        m_stream.expect(Token::Kind::name, "in", "");
        loop.expressions.push_back(parseTuple(m_stream, false));
        loop.expressions.push_back(m_stream.skipName("if") ? parseExpression(m_stream) : nullptr);
        if (m_stream.isName("recursive")) m_stream.fail("recursive loops are not known here");
        endBlock();
        ++m_loops;
        loop.bodies.push_back(body({"else", "endfor"}));
        --m_loops;
        if (m_stream.skipName("else")) {
            endBlock();
            loop.bodies.push_back(body({"endfor"}));
        }
        closing("endfor");
        return loop;
    }

    Statement set(const Token& token) {
        Statement set = make(Kind::set, token);
        set.target = target(true);
        if (m_stream.skipSymbol("=")) {
            set.expressions.push_back(parseTuple(m_stream, true));
            endBlock();
            return set;
        }
        set.kind = Kind::setBlock;
        set.expressions.push_back(m_stream.skipSymbol("|") ? parseFilterChain(m_stream) : nullptr);
        endBlock();
        set.bodies.push_back(body({"endset"}));
        closing("endset");
        return set;
    }

    Statement macro(const Token& token) {
        Statement macro = make(Kind::macro, token);
        macro.text = variable();
        m_stream.expectSymbol("(");
        while (!m_stream.skipSymbol(")")) {
            if (!macro.parameters.empty()) m_stream.expectSymbol(",");
            macro.parameters.push_back(variable());
            macro.expressions.push_back(m_stream.skipSymbol("=") ? parseExpression(m_stream) : nullptr);
        }
        endBlock();
        const int loops = m_loops;
        m_loops = 0;
        macro.bodies.push_back(body({"endmacro"}));
        m_loops = loops;
        closing("endmacro");
        return macro;
    }

    Statement scope(const Token& token) {
        Statement scope = make(Kind::scope, token);
        while (!m_stream.is(Token::Kind::blockEnd)) {
            if (!scope.parameters.empty()) m_stream.expectSymbol(",");
            scope.parameters.push_back(variable());
            m_stream.expectSymbol("=");
            scope.expressions.push_back(parseExpression(m_stream));
        }
        endBlock();
        scope.bodies.push_back(body({"endwith"}));
        closing("endwith");
        return scope;
    }

    TokenStream m_stream;
    int m_loops = 0;  // around the current statement, within its macro
};

}  // namespace

Body parseTemplate(std::string_view normalizedSource) {
    return Parser(tokensOf(normalizedSource)).body({});
}

}  // namespace edgechat::inference::jinja
