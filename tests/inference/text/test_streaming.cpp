// What stands between tokens and the screen: whole characters, and stop texts.
#include <gtest/gtest.h>

#include "inference/text/stop_matcher.h"
#include "inference/text/utf8_assembler.h"

namespace edgechat::inference {
namespace {

std::string assemble(std::string_view bytes, size_t step) {
    Utf8Assembler assembler;
    std::string text;
    for (size_t i = 0; i < bytes.size(); i += step) text += assembler.push(bytes.substr(i, step));
    return text + assembler.flush();
}

TEST(Utf8Assembler, holdsBackAnUnfinishedCharacter) {
    Utf8Assembler assembler;
    EXPECT_EQ(assembler.push("a\xf0\x9f"), "a");
    EXPECT_EQ(assembler.push("\x98"), "");
    EXPECT_EQ(assembler.push("\x80z"), "\U0001f600z");
    EXPECT_EQ(assembler.flush(), "");
}

TEST(Utf8Assembler, flushReplacesAnUnfinishedCharacterOnce) {
    Utf8Assembler assembler;
    EXPECT_EQ(assembler.push("\xf0\x9f\x98"), "");
    EXPECT_EQ(assembler.flush(), "\ufffd");
    EXPECT_EQ(assembler.flush(), "");
    EXPECT_EQ(assembler.push("a"), "a");
}

TEST(Utf8Assembler, aByteThatDoesNotContinueFreesWhatWasHeld) {
    Utf8Assembler assembler;
    EXPECT_EQ(assembler.push("\xe2\x82"), "");
    EXPECT_EQ(assembler.push("A"),
              "\ufffd"
              "A");
}

// The Unicode Standard 3.9, tables 3-8 to 3-11: one U+FFFD for each maximal part that begins a character.
TEST(Utf8Assembler, replacesAsUnicodeRecommends) {
    const std::string r = "\ufffd";
    const std::pair<std::string, std::string> cases[] = {
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82"
         "A",
         r + r + r + r + r + r + r + r + "A"},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf"
         "A",
         r + r + r + r + r + r + r + r + "A"},
        {"\xf4\x91\x92\x93\xff"
         "A\x80\xbf"
         "B",
         r + r + r + r + r + "A" + r + r + "B"},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf"
         "A",
         r + r + r + r + "A"},
        {"\xf5\x80", r + r},
        {"\xc1\x81", r + r},
    };
    for (const auto& [bytes, expected] : cases) {
        for (size_t step : {1, 2, 3, 100}) EXPECT_EQ(assemble(bytes, step), expected);
    }
}

TEST(Utf8Assembler, keepsTheLimitsOfEachLength) {
    for (const std::string text :
         {"\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"}) {
        EXPECT_EQ(assemble(text, 1), text);
    }
}

// Everything that is shown when `text` comes in pieces of `step` bytes.
std::string shown(std::vector<std::string> stops, std::string_view text, size_t step,
                  bool* stopped = nullptr) {
    StopMatcher matcher(std::move(stops));
    std::string out;
    for (size_t i = 0; i < text.size(); i += step) out += matcher.push(text.substr(i, step));
    if (stopped) *stopped = matcher.stopped();
    return matcher.stopped() ? out : out + matcher.flush();
}

TEST(StopMatcher, endsAtAStopTextHoweverItArrives) {
    for (size_t step : {1, 2, 3, 5, 100}) {
        bool stopped = false;
        EXPECT_EQ(shown({"\nUser:"}, "Hello\nUser: hi", step, &stopped), "Hello") << step;
        EXPECT_TRUE(stopped);
    }
}

TEST(StopMatcher, holdsBackOnlyWhatCouldBecomeOne) {
    StopMatcher matcher({"\nUser:"});
    EXPECT_EQ(matcher.push("Hello\nUs"), "Hello");
    EXPECT_EQ(matcher.push("ually"), "\nUsually");
    EXPECT_EQ(matcher.push("\n"), "");
    EXPECT_EQ(matcher.push("\nUser"), "\n");
    EXPECT_FALSE(matcher.stopped());
    EXPECT_EQ(matcher.flush(), "\nUser");
    EXPECT_EQ(matcher.flush(), "");
}

TEST(StopMatcher, showsNothingAfterTheStop) {
    StopMatcher matcher({"END"});
    EXPECT_EQ(matcher.push("a END b"), "a ");
    EXPECT_EQ(matcher.push("more"), "");
    EXPECT_EQ(matcher.flush(), "");
    EXPECT_TRUE(matcher.stopped());
}

TEST(StopMatcher, theFirstOfSeveralWins) {
    for (size_t step : {1, 2, 100}) {
        EXPECT_EQ(shown({"<|user|>", "###"}, "a###b<|user|>", step), "a");
        EXPECT_EQ(shown({"###", "<|user|>"}, "a<|user|>b###", step), "a");
        // One inside the other: the one that is complete first; of two complete together the longer.
        EXPECT_EQ(shown({"abcd", "bc"}, "xabcdy", step), "xa");
        EXPECT_EQ(shown({"c", "abc"}, "xabcy", step), "x");
    }
}

TEST(StopMatcher, overlappingBeginningsAreFound) {
    for (size_t step : {1, 2, 3, 100}) EXPECT_EQ(shown({"aab"}, "aaaab!", step), "aa");
}

TEST(StopMatcher, withoutStopTextsEverythingPasses) {
    StopMatcher none({});
    EXPECT_EQ(none.push("abc"), "abc");
    StopMatcher empty({""});
    EXPECT_EQ(empty.push("abc"), "abc");
    EXPECT_FALSE(empty.stopped());
}

}  // namespace
}  // namespace edgechat::inference
