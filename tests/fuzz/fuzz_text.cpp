// Any bytes as text: through both tokenizers, the UTF-8 assembler and the stop matcher. The first three bytes
// choose the sizes of pieces and the stop texts.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>

#include "inference/text/stop_matcher.h"
#include "inference/text/tokenizer.h"
#include "inference/text/utf8.h"
#include "inference/text/utf8_assembler.h"
#include "tests/data/gguf_writer.h"

namespace {

using namespace edgechat::inference;

void require(bool condition) {
    if (!condition) std::abort();
}

std::unique_ptr<Tokenizer> load(const edgechat::testing::GgufWriter& writer) {
    const std::string bytes = writer.bytes();
    const int file = memfd_create("gguf", MFD_CLOEXEC);
    require(file >= 0 && write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    auto checkpoint = Checkpoint::openVocabulary("/proc/self/fd/" + std::to_string(file));
    require(static_cast<bool>(checkpoint));
    auto tokenizer = makeTokenizer(**checkpoint);
    require(static_cast<bool>(tokenizer));
    close(file);
    return std::move(*tokenizer);
}

std::unique_ptr<Tokenizer> scoredBpe() {
    edgechat::testing::GgufWriter writer;
    std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
    std::vector<int32_t> types = {2, 3, 3};
    for (int byte = 0; byte < 256; ++byte) {
        constexpr const char* kDigits = "0123456789ABCDEF";
        tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
        types.push_back(6);
    }
    std::vector<float> scores(tokens.size(), 0.0f);
    for (const char* piece :
         {"\u2581", "a", "b", "ab", "\u2581a", "\u2581\u2581", "aa", "aaaa", "\u00e9", "b\u00e9"}) {
        tokens.emplace_back(piece);
        types.push_back(1);
        scores.push_back(-static_cast<float>(tokens.size() % 7));
    }
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", tokens);
    writer.i32s("tokenizer.ggml.token_type", types);
    writer.f32s("tokenizer.ggml.scores", scores);
    return load(writer);
}

void roundTrip(const Tokenizer& tokenizer, const std::string& text) {
    const std::vector<int> ids = tokenizer.encode(text, SpecialTokens::asText);
    for (int id : ids) require(id >= 0 && id < tokenizer.vocabulary() && !tokenizer.isControl(id));
    require(tokenizer.decode(ids, false) == text);
    for (int id : tokenizer.encode(text, SpecialTokens::parse))
        require(id >= 0 && id < tokenizer.vocabulary());
}

template <class Stage>
std::string inPieces(Stage stage, const std::string& text, size_t piece) {
    std::string out;
    for (size_t i = 0; i < text.size(); i += piece)
        out += stage.push(std::string_view(text).substr(i, piece));
    return out + stage.flush();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const auto byteLevel = load(edgechat::testing::tinyModel());
    static const auto scored = scoredBpe();
    if (size < 3) return 0;
    const size_t piece = 1 + data[0] % 7;
    const std::string text(reinterpret_cast<const char*>(data) + 3, size - 3);

    roundTrip(*byteLevel, text);
    // SentencePiece cannot tell U+2581 from a space.
    if (text.find("\u2581") == std::string::npos) roundTrip(*scored, text);

    const std::string whole = inPieces(Utf8Assembler(), text, text.size() + 1);
    require(inPieces(Utf8Assembler(), text, piece) == whole);
    require(validUtf8Prefix(whole) == whole.size());
    require(validUtf8Prefix(text) != text.size() || whole == text);

    // Stop texts cut out of the text itself, so that they occur.
    const std::vector<std::string> stops = {text.substr(text.size() * data[1] / 256, data[2] % 6),
                                            text.substr(text.size() * data[2] / 256, data[1] % 6), "\nUser:"};
    const std::string shown = inPieces(StopMatcher(stops), text, text.size() + 1);
    require(inPieces(StopMatcher(stops), text, piece) == shown);
    require(text.starts_with(shown));
    for (const std::string& stop : stops) require(stop.empty() || shown.find(stop) == std::string::npos);
    return 0;
}
