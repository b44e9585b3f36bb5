// A string that remembers which of its bytes a template wrote and which came out of a message, so that a
// control token can only ever be spelled by the template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edgechat::inference::jinja {

/// Who wrote a piece of text: the template (its literals, the special tokens, the roles), or the message of a
/// person or of the model.
enum class Origin : uint8_t { literal, content, answer };

class Text {
  public:
    struct Run {
        std::string_view bytes;
        Origin origin;
    };

    Text() = default;
    explicit Text(std::string_view bytes, Origin origin = Origin::literal) { append(bytes, origin); }

    const std::string& bytes() const { return m_bytes; }
    size_t size() const { return m_bytes.size(); }
    bool empty() const { return m_bytes.empty(); }
    /// Maximal pieces of one origin each, in order; views into this text.
    std::vector<Run> runs() const;
    /// `literal` only if every byte is; what a text derived from this one as a whole must be taken for.
    Origin weakestOrigin() const;

    void append(std::string_view bytes, Origin origin);
    void append(const Text& other);
    /// Bytes [begin, begin + count), cut to what there is.
    Text slice(size_t begin, size_t count = std::string::npos) const;

  private:
    struct Mark {
        size_t end;  // byte after the run
        Origin origin;
    };
    std::string m_bytes;
    std::vector<Mark> m_marks;
};

/// Bytes of the first character, one for a byte that is not UTF-8. `text` is not empty.
size_t characterLength(std::string_view text);
/// Number of characters.
size_t characterCount(std::string_view text);
/// Bytes of the white space character (as Python's str.isspace() has it) that `text` begins with; 0 if none.
size_t whitespaceLength(std::string_view text);
/// Begin and end, in bytes, of `text` without white space at the chosen ends.
struct Span {
    size_t begin, end;
};
Span trimmedSpan(std::string_view text, bool left = true, bool right = true);
Text trimmed(const Text& text, bool left = true, bool right = true);

}  // namespace edgechat::inference::jinja
