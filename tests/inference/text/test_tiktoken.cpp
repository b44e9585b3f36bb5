// Files of ranks, small and wrong ones. The real one is among the vocabularies of test_tokenizer_vectors.cpp.
#include <gtest/gtest.h>

#include "inference/text/tiktoken.h"

namespace edgechat::inference {
namespace {

using Ids = std::vector<int>;

std::string base64(const std::string& bytes) {
    constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; ++j) {
            bits = (bits << 8) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
        }
        for (size_t j = 0; j < 4; ++j) {
            text += i + j <= bytes.size() ? kDigits[(bits >> (18 - 6 * j)) & 63] : '=';
        }
    }
    return text;
}

// Byte b is rank b; then the given tokens.
std::string ranks(const std::vector<std::string>& tokens) {
    std::string file;
    for (int byte = 0; byte < 256; ++byte) {
        file += base64(std::string(1, static_cast<char>(byte))) + " " + std::to_string(byte) + "\n";
    }
    int rank = 256;
    for (const std::string& token : tokens) file += base64(token) + " " + std::to_string(rank++) + "\n";
    return file;
}

Result<std::unique_ptr<Tokenizer>> make(const std::string& file) {
    return makeRankTokenizer(file, "tokenizer.model", {});
}

TEST(Tiktoken, joinsTheLowestRankFirst) {
    const auto tokenizer = make(ranks({"bc", "ab", "abc", "cd", "hello"}));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    const auto encode = [&](const char* text) { return (*tokenizer)->encode(text, SpecialTokens::asText); };
    EXPECT_EQ(encode("ab"), (Ids{257}));
    EXPECT_EQ(encode("abc"), (Ids{258}));        // a word that is a token
    EXPECT_EQ(encode("abcd"), (Ids{258, 'd'}));  // "bc", then "a" + "bc"
    EXPECT_EQ(encode("xbcdx"), (Ids{'x', 256, 'd', 'x'}));
    EXPECT_EQ(encode("hello"), (Ids{260}));  // though nothing joins to it
    EXPECT_EQ(encode("xhello"), (Ids{'x', 'h', 'e', 'l', 'l', 'o'}));
    EXPECT_EQ((*tokenizer)->vocabulary(), 261 + 256);
    EXPECT_EQ((*tokenizer)->bos(), 261);
    EXPECT_EQ((*tokenizer)->controlToken("<|eot_id|>"), 261 + 9);
}

TEST(Tiktoken, refusesWrongFiles) {
    const std::string good = ranks({});
    const std::pair<std::string, const char*> files[] = {
        {"", "no token for the byte 0"},
        {"IQ==\n", "\"IQ==\""},
        {"IQ== x\n", "\"IQ== x\""},
        {"IQ== 0 0\n", "\"IQ== 0 0\""},
        {"IQ= 0\n", "\"IQ= 0\""},
        {"I=== 0\n", "\"I=== 0\""},
        {"IQ== 1\n", "rank 1"},
        {"IQ== -1\n", "rank -1"},
        {"IQ== 99999999999999\n", "\"IQ== 99999999999999\""},
        {"IQ== 0\nIQ== 1\n", "\"!\" a second time"},
        {"IQ== 0\n\nIg== 1\n", "\"\""},
        {good.substr(0, good.size() - 9), "no token for the byte 255"},
    };
    for (const auto& [file, found] : files) {
        const auto tokenizer = make(file);
        ASSERT_FALSE(tokenizer) << file;
        EXPECT_EQ(tokenizer.error().found, found) << file;
        EXPECT_EQ(tokenizer.error().file, "tokenizer.model");
    }
}

TEST(Tiktoken, isToldFromSentencePiece) {
    EXPECT_TRUE(looksLikeRanks("IQ== 0\nIg== 1\n"));
    EXPECT_FALSE(looksLikeRanks(""));
    EXPECT_FALSE(looksLikeRanks("\n\x0e\n\x05<unk>"));
    EXPECT_FALSE(looksLikeRanks("{\"a\": 1}"));
}

}  // namespace
}  // namespace edgechat::inference
