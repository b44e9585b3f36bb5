// A SentencePiece `.model` file through Google's library.
#include "inference/text/sentencepiece_model.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>

#include "inference/model/json_file.h"

#include "inference/text/utf8.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

namespace {

// The library turns a byte that is not UTF-8 into U+FFFD. To keep the byte, it is encoded as this character,
// which no text uses and no vocabulary has, and whose byte tokens are then replaced.
constexpr std::string_view kStandIn = "\xef\xb7\x90";  // U+FDD0, a noncharacter

constexpr const char* kWhat = "cannot read the tokenizer";
constexpr const char* kExpected = "a SentencePiece model";

class SentencePieceModel final : public VocabularyTokenizer {
  public:
    SentencePieceModel(TokenizerData data, const std::vector<AddedToken>& added,
                       std::unique_ptr<sentencepiece::SentencePieceProcessor> processor)
        : VocabularyTokenizer(std::move(data), added), m_processor(std::move(processor)) {
        m_prefixesSpace = true;  // as in every LLaMA and Mistral model
        m_byteTokens.fill(-1);
        for (int id = 0; id < vocabulary(); ++id) {
            if (type(id) != TokenType::byte) continue;
            const int byte = byteOfSpelling(m_data.tokens[static_cast<size_t>(id)]);
            if (byte >= 0) m_byteTokens[static_cast<size_t>(byte)] = id;
        }
        m_bytesKept = find(kStandIn) < 0 &&
                      std::find(m_byteTokens.begin(), m_byteTokens.end(), -1) == m_byteTokens.end();
    }

    std::string tokenBytes(int id) const override {
        if (!valid(id) || isControl(id) || type(id) == TokenType::unused) return {};
        const std::string& piece = m_data.tokens[static_cast<size_t>(id)];
        if (type(id) != TokenType::byte) return spacesForMarks(piece);
        const int byte = byteOfSpelling(piece);
        return byte < 0 ? std::string() : std::string(1, static_cast<char>(byte));
    }

  protected:
    void encodePiece(const Piece& piece, std::vector<int>& ids) const override {
        std::string whole;           // the text with stand-ins
        std::vector<int> standsFor;  // for each U+FDD0 in it: the byte, or -1 where the text itself has one
        for (std::string_view rest = piece.text; !rest.empty();) {
            const Utf8Step step = nextUtf8(rest);
            if (step.kind == Utf8Kind::character || !m_bytesKept) {
                if (rest.starts_with(kStandIn)) standsFor.push_back(-1);
                whole += rest.substr(0, step.length);
            } else {
                for (char byte : rest.substr(0, step.length)) {
                    standsFor.push_back(static_cast<unsigned char>(byte));
                    whole += kStandIn;
                }
            }
            rest.remove_prefix(step.length);
        }
        std::vector<int> encoded;
        // Fails only on a processor without a model.
        if (!m_processor->Encode(whole, &encoded).ok()) return;
        size_t next = 0;
        for (size_t i = 0; i < encoded.size(); ++i) {
            if (!m_bytesKept || next == standsFor.size() || !isStandIn(encoded, i)) {
                ids.push_back(encoded[i]);
            } else if (const int byte = standsFor[next++]; byte >= 0) {
                ids.push_back(m_byteTokens[static_cast<size_t>(byte)]);
                i += kStandIn.size() - 1;
            } else {
                ids.insert(ids.end(), encoded.begin() + static_cast<std::ptrdiff_t>(i),
                           encoded.begin() + static_cast<std::ptrdiff_t>(i + kStandIn.size()));
                i += kStandIn.size() - 1;
            }
        }
    }

  private:
    bool isStandIn(const std::vector<int>& ids, size_t at) const {
        if (ids.size() - at < kStandIn.size()) return false;
        for (size_t i = 0; i < kStandIn.size(); ++i) {
            if (ids[at + i] != m_byteTokens[static_cast<unsigned char>(kStandIn[i])]) return false;
        }
        return true;
    }

    std::unique_ptr<sentencepiece::SentencePieceProcessor> m_processor;
    std::array<int, 256> m_byteTokens{};
    bool m_bytesKept = false;
};

// Reads a protocol buffer's fields in place (Protocol Buffers, "Encoding").
class ProtoCursor {
  public:
    explicit ProtoCursor(std::string_view bytes, size_t begin, size_t end)
        : m_bytes(bytes), m_at(begin), m_end(end) {}

    /// Goes to the next field. Its value is [begin, end) of the bytes. False at the end, or at what is none.
    bool next() {
        uint64_t tag = 0, length = 0;
        if (m_at >= m_end || !varint(tag)) return false;
        field = tag >> 3;
        begin = m_at;
        switch (tag & 7) {
            case 0:
                if (!varint(length)) return false;
                break;
            case 1:
                m_at += 8;
                break;
            case 2:
                if (!varint(length) || length > m_end - m_at) return false;
                begin = m_at;
                m_at += length;
                break;
            case 5:
                m_at += 4;
                break;
            default:
                return false;
        }
        end = m_at;
        return m_at <= m_end;
    }
    uint64_t field = 0;
    size_t begin = 0, end = 0;

  private:
    bool varint(uint64_t& value) {
        value = 0;
        for (unsigned shift = 0; shift < 64 && m_at < m_end; shift += 7) {
            const auto byte = static_cast<unsigned char>(m_bytes[m_at++]);
            value |= static_cast<uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return true;
        }
        return false;
    }
    std::string_view m_bytes;
    size_t m_at, m_end;
};

// Changes the type of user-defined pieces with these ids, in ascending order, in the serialized model: field
// 1 is a piece, and field 3 of that its type, USER_DEFINED = 4 and CONTROL = 3. Returns whether there were
// any.
bool makePiecesControl(std::string& model, const std::vector<int>& ids) {
    bool changed = false;
    auto next = ids.begin();
    ProtoCursor pieces(model, 0, model.size());
    for (int id = 0; next != ids.end() && pieces.next();) {
        if (pieces.field != 1) continue;
        if (id++ != *next) continue;
        ++next;
        ProtoCursor piece(model, pieces.begin, pieces.end);
        while (piece.next()) {
            if (piece.field != 3 || piece.end != piece.begin + 1 || model[piece.begin] != 4) continue;
            model[piece.begin] = 3;
            changed = true;
        }
    }
    return changed;
}

TokenType pieceType(const sentencepiece::SentencePieceProcessor& processor, int id) {
    if (processor.IsUnknown(id)) return TokenType::unknown;
    if (processor.IsControl(id)) return TokenType::control;
    if (processor.IsByte(id)) return TokenType::byte;
    if (processor.IsUnused(id)) return TokenType::unused;
    return TokenType::normal;  // user-defined pieces too: the library itself finds them in text
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> makeSentencePiece(std::string model, const std::string& fileName,
                                                     std::vector<AddedToken> added,
                                                     const TokenizerSettings& settings) {
    auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
    if (model.empty() || !processor->LoadFromSerializedProto(model).ok()) {
        return Error{ErrorCode::badInput, kWhat, fileName, "", "something else", kExpected};
    }
    TokenizerData data;
    data.model = "llama";
    for (int id = 0; id < processor->GetPieceSize(); ++id) {
        data.tokens.push_back(processor->IdToPiece(id));
        data.types.push_back(pieceType(*processor, id));
    }
    data.bos = processor->bos_id();
    data.eos = processor->eos_id();
    data.unknown = processor->unk_id();
    data.padding = processor->pad_id();
    data.addBos = data.bos >= 0;
    JsonProblems problems(kWhat, fileName);
    const std::vector<AddedToken> found = completeVocabulary(data, std::move(added), settings, problems);
    if (!problems.ok()) return problems.error();

    // The library finds the pieces that its model calls user-defined in any text: those that are control
    // tokens must not be.
    std::vector<int> control;
    for (int id = 0; id < processor->GetPieceSize(); ++id) {
        if (data.types[static_cast<size_t>(id)] == TokenType::control) control.push_back(id);
    }
    if (makePiecesControl(model, control) && !processor->LoadFromSerializedProto(model).ok()) {
        return Error{ErrorCode::badInput, kWhat, fileName, "", "something else", kExpected};
    }
    return std::unique_ptr<Tokenizer>(
        std::make_unique<SentencePieceModel>(std::move(data), found, std::move(processor)));
}

Result<std::unique_ptr<Tokenizer>> openSentencePiece(const std::filesystem::path& path) {
    Result<std::string> model = readSmallFile(path, kMostSentencePieceBytes, kWhat, kExpected);
    if (!model) return model.error();
    return makeSentencePiece(std::move(*model), path.string(), {}, {});
}

}  // namespace edgechat::inference
