// chat with a pipe: each line is one user message.
#include <algorithm>

#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

class Chat : public CommandLine {
  protected:
    Outcome chat(const std::string& input, std::vector<std::string> more = {}) const {
        std::vector<std::string> words = {"chat", model(), "--temperature", "0", "--max-tokens", "4"};
        words.insert(words.end(), more.begin(), more.end());
        return run(words, input);
    }
};

TEST_F(Chat, answersEachLineAndEndsAtTheEndOfTheInput) {
    const Outcome one = chat("hello\n");
    EXPECT_EQ(one.code, 0) << one.errors;
    EXPECT_EQ(one.errors, "");  // no prompt where nobody types
    EXPECT_FALSE(one.output.empty());
    const Outcome two = chat("hello\nin");  // the last newline may be missing
    EXPECT_EQ(two.code, 0) << two.errors;
    EXPECT_EQ(two.output.substr(0, one.output.size()), one.output);
    EXPECT_GT(two.output.size(), one.output.size());
}

TEST_F(Chat, remembersTheConversation) {
    // The second answer alone and after a first turn: the model sees another prompt, so it says something
    // else.
    const std::string first = chat("hello\n").output, both = chat("hello\nin the\n").output;
    const std::string alone = chat("in the\n").output;
    EXPECT_NE(both.substr(first.size()), alone);
}

TEST_F(Chat, saysNothingToEmptyLines) {
    EXPECT_EQ(chat("\n  \n\r\n").output, "");
    EXPECT_EQ(chat("").code, 0);
}

TEST_F(Chat, leavesOutTheOldestTurnsWhenTheContextIsFull) {
    std::string lines;
    for (int turn = 0; turn < 12; turn++) lines += "the hello in the hello\n";
    const Outcome outcome = chat(lines, {"--context", "128"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_NE(outcome.errors.find("oldest turns were left out"), std::string::npos) << outcome.errors;
}

TEST_F(Chat, aMessageLargerThanTheContextIsBadInput) {
    const Outcome outcome = chat(std::string(600, 'x') + "\n");
    EXPECT_EQ(outcome.code, 3);
    EXPECT_NE(outcome.errors.find("edgechat: "), std::string::npos);
}

TEST_F(Chat, hasNoJson) {
    const Outcome outcome = run({"chat", model(), "--json"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(object(outcome)["error"]["code"], "usage");
}

}  // namespace
}  // namespace edgechat::testing
