// Expressions of a template: recursive descent with Jinja's order of operators.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/text/jinja/lexer.h"
#include "inference/text/jinja/syntax.h"

namespace edgechat::inference::jinja {

/// The tokens from the current one on. Every member that expects something throws SyntaxFailure without it.
class TokenStream {
  public:
    explicit TokenStream(std::vector<Token> tokens) : m_tokens(std::move(tokens)) {}

    const Token& current() const { return m_tokens[m_at]; }
    const Token& following() const { return m_tokens[m_at + 1 < m_tokens.size() ? m_at + 1 : m_at]; }
    bool is(Token::Kind kind, std::string_view text = {}) const {
        return current().kind == kind && (text.empty() || current().text == text);
    }
    bool isSymbol(std::string_view text) const { return is(Token::Kind::symbol, text); }
    bool isName(std::string_view text) const { return is(Token::Kind::name, text); }
    Token take();
    bool skip(Token::Kind kind, std::string_view text);
    bool skipSymbol(std::string_view text) { return skip(Token::Kind::symbol, text); }
    bool skipName(std::string_view text) { return skip(Token::Kind::name, text); }
    Token expect(Token::Kind kind, std::string_view text, const char* what);
    Token expectSymbol(std::string_view text) { return expect(Token::Kind::symbol, text, ""); }
    Token expectName(const char* what) { return expect(Token::Kind::name, {}, what); }
    [[noreturn]] void fail(const std::string& message) const;

    /// Counts nested brackets and blocks while it lives.
    class Nesting {
      public:
        explicit Nesting(TokenStream& stream);
        ~Nesting() { --m_stream.m_depth; }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;

      private:
        TokenStream& m_stream;
    };

  private:
    std::vector<Token> m_tokens;
    size_t m_at = 0;
    int m_depth = 0;
};

ExpressionPointer parseExpression(TokenStream& stream);
/// Without `a if b` at the top, which a for loop has another meaning for.
ExpressionPointer parseUnconditional(TokenStream& stream);
/// One expression, or several with commas between them, which make a tuple.
ExpressionPointer parseTuple(TokenStream& stream, bool conditional);
/// A chain of filters without their input, which is what a filter block encloses.
ExpressionPointer parseFilterChain(TokenStream& stream);

}  // namespace edgechat::inference::jinja
