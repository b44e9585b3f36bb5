// A SentencePiece `.model` file through Google's library.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "inference/text/utf8.h"
#include "inference/text/vocabulary_tokenizer.h"

namespace edgechat::inference {

namespace {

// The library turns a byte that is not UTF-8 into U+FFFD. To keep the byte, it is encoded as this character,
// which no text uses and no vocabulary has, and whose byte tokens are then replaced.
constexpr std::string_view kStandIn = "\xef\xb7\x90";  // U+FDD0, a noncharacter

constexpr uintmax_t kMaxModelBytes = 64u << 20;

class SentencePieceModel final : public VocabularyTokenizer {
  public:
    SentencePieceModel(TokenizerData data, std::unique_ptr<sentencepiece::SentencePieceProcessor> processor)
        : VocabularyTokenizer(std::move(data)), m_processor(std::move(processor)) {
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
    void encodeText(std::string_view text, std::vector<int>& ids) const override {
        std::string whole;           // `text` with stand-ins
        std::vector<int> standsFor;  // for each U+FDD0 in it: the byte, or -1 where the text itself has one
        for (std::string_view rest = text; !rest.empty();) {
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

TokenType pieceType(const sentencepiece::SentencePieceProcessor& processor, int id) {
    if (processor.IsUnknown(id)) return TokenType::unknown;
    if (processor.IsControl(id)) return TokenType::control;
    if (processor.IsByte(id)) return TokenType::byte;
    if (processor.IsUnused(id)) return TokenType::unused;
    return TokenType::normal;  // user-defined pieces too: the library itself finds them in text
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> openSentencePiece(const std::filesystem::path& path) {
    const auto failed = [&path](std::string found) {
        return Error{ErrorCode::badInput, "cannot read the tokenizer", path.string(), "",
                     std::move(found),    "a SentencePiece model"};
    };
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return failed(error ? error.message() : "something that is not a file");
    if (const uintmax_t size = std::filesystem::file_size(path, error); error || size > kMaxModelBytes) {
        return failed(error ? error.message() : std::to_string(size) + " bytes");
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (!file) return failed("a file that cannot be read");
    const std::string bytes = content.str();

    auto processor = std::make_unique<sentencepiece::SentencePieceProcessor>();
    if (bytes.empty() || !processor->LoadFromSerializedProto(bytes).ok()) return failed("something else");
    TokenizerData data;
    data.model = "llama";
    data.preTokenizer = "default";
    for (int id = 0; id < processor->GetPieceSize(); ++id) {
        data.tokens.push_back(processor->IdToPiece(id));
        data.types.push_back(pieceType(*processor, id));
    }
    data.bos = processor->bos_id();
    data.eos = processor->eos_id();
    data.unknown = processor->unk_id();
    data.padding = processor->pad_id();
    data.addBos = data.bos >= 0;
    return std::unique_ptr<Tokenizer>(
        std::make_unique<SentencePieceModel>(std::move(data), std::move(processor)));
}

}  // namespace edgechat::inference
