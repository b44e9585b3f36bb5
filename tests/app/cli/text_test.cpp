// tokenize, detokenize, template: ids by hand from the tiny vocabulary, where 3 + b is the byte b, 0 to 2 are
// control tokens and 259 on are merged ones.
#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

using Tokenize = CommandLine;
using Detokenize = CommandLine;
using Template = CommandLine;

std::vector<int> byteIds(const std::string& text) {
    std::vector<int> ids;
    for (const char c : text) ids.push_back(3 + static_cast<unsigned char>(c));
    return ids;
}

std::vector<int> joined(std::initializer_list<std::vector<int>> parts) {
    std::vector<int> ids;
    for (const std::vector<int>& part : parts) ids.insert(ids.end(), part.begin(), part.end());
    return ids;
}

TEST_F(Tokenize, writesAnArrayOfIds) {
    const Outcome outcome = run({"tokenize", model()}, "hello the");
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "[267,262]\n");  // "hello", " the"
}

TEST_F(Tokenize, readsAVocabularyThatHasNoWeights) {
    GgufWriter writer = tinyModel();
    writer.tensors.clear();
    writer.text("general.architecture", "starcoder2");
    ASSERT_TRUE(writer.write(path("vocabulary.gguf")));
    EXPECT_EQ(run({"tokenize", path("vocabulary.gguf")}, "hello the").output, "[267,262]\n");
    EXPECT_EQ(run({"inspect", path("vocabulary.gguf")}).code, 3);
}

TEST_F(Tokenize, takesEveryByteOfStdin) {
    const std::string bytes("x\0y\n", 4);
    EXPECT_EQ(nlohmann::json::parse(run({"tokenize", model()}, bytes).output), byteIds(bytes));
    EXPECT_EQ(run({"tokenize", model()}, "").output, "[]\n");
}

TEST_F(Tokenize, controlTokensAreTextUnlessAskedFor) {
    const std::string text = "<|im_end|>";
    EXPECT_EQ(nlohmann::json::parse(run({"tokenize", model()}, text).output), byteIds(text));
    EXPECT_EQ(run({"tokenize", model(), "--special"}, text).output, "[2]\n");
}

TEST_F(Tokenize, putsBosInFrontWhenAskedFor) {
    EXPECT_EQ(run({"tokenize", model(), "--bos"}, "x").output, "[1,123]\n");
}

TEST_F(Tokenize, withJsonHasIdsAndPieces) {
    const nlohmann::json json =
        object(run({"tokenize", model(), "--special", "--json"}, "hello<|im_end|> the"));
    EXPECT_EQ(json,
              (nlohmann::json{{"ids", {267, 2, 262}}, {"pieces", {"hello", "<|im_end|>", "\u0120the"}}}));
}

TEST_F(Detokenize, givesBackTheExactBytes) {
    std::string bytes;
    for (int byte = 255; byte >= 0; byte--) bytes += static_cast<char>(byte);
    bytes += "hello the <|im_end|>\n\n";
    for (const bool special : {false, true}) {
        std::vector<std::string> words = {"tokenize", model()};
        if (special) words.push_back("--special");
        const Outcome ids = run(words, bytes);
        const Outcome outcome = run({"detokenize", model()}, ids.output);
        EXPECT_EQ(outcome.code, 0) << outcome.errors;
        EXPECT_EQ(outcome.output, bytes);
    }
}

TEST_F(Detokenize, brokenCharactersAreStillJson) {
    const nlohmann::json json = object(run({"detokenize", model(), "--json"}, "[258, 123]"));  // 0xff, "x"
    EXPECT_EQ(json, (nlohmann::json{{"text", "\uFFFDx"}}));
}

TEST_F(Detokenize, refusesWhatIsNoArrayOfIds) {
    expectError({"detokenize", model()}, 3, "stdin", "[1, 2");
    expectError({"detokenize", model()}, 3, "array", "{\"ids\": [1]}");
    expectError({"detokenize", model()}, 3, "[1]", "[1, 268]");  // the vocabulary ends at 267
    expectError({"detokenize", model()}, 3, "[0]", "[-1]");
    expectError({"detokenize", model()}, 3, "[0]", "[1.5]");
    expectError({"detokenize", model()}, 3, "[0]", "[\"1\"]");
    expectError({"detokenize", model()}, 3, "[0]", "[99999999999999999999]");
    expectError({"detokenize", model()}, 3, "stdin", "[1\xff]");
}

TEST_F(Template, isWhatTheModelWouldBeGiven) {
    const std::string file =
        write("m.json", R"([{"role":"system","content":"x"},{"role":"user","content":"y"}])");
    const nlohmann::json json = object(run({"template", model(), "--messages", file, "--json"}));
    EXPECT_EQ(json["text"],
              "<|im_start|>system\nx<|im_end|>\n<|im_start|>user\ny<|im_end|>\n<|im_start|>assistant\n");
    EXPECT_EQ(json["source"], "chatml");
    // "er" of "user" is one token.
    EXPECT_EQ(json["ids"], joined({{1},
                                   byteIds("system\nx"),
                                   {2},
                                   byteIds("\n"),
                                   {1},
                                   byteIds("us"),
                                   {263},
                                   byteIds("\ny"),
                                   {2},
                                   byteIds("\n"),
                                   {1},
                                   byteIds("assistant\n")}));
    EXPECT_EQ(keys(json), (std::set<std::string>{"ids", "text", "source"}));
}

TEST_F(Template, canEndWithoutTheAnswersBeginning) {
    const std::string file =
        write("m.json", R"([{"role":"system","content":"x"},{"role":"user","content":"y"}])");
    const Outcome outcome = run({"template", model(), "--messages", file, "--no-generation-prompt"});
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(outcome.output, "<|im_start|>system\nx<|im_end|>\n<|im_start|>user\ny<|im_end|>\n\n");
}

TEST_F(Template, aUserCannotTypeAControlToken) {
    const std::string file =
        write("m.json", R"([{"role":"system","content":""},{"role":"user","content":"<|im_end|>"}])");
    const nlohmann::json ids = object(run({"template", model(), "--messages", file, "--json"}))["ids"];
    int ends = 0;
    for (const nlohmann::json& id : ids) ends += id == 2 ? 1 : 0;
    EXPECT_EQ(ends, 2);  // the two that the template wrote
}

// A model with another template than the usual one.
std::string modelWith(const std::string& path, const std::string& chatTemplate) {
    TinyModelOptions options;
    options.chatTemplate = chatTemplate;
    EXPECT_TRUE(writeTinyModel(path, options));
    return path;
}

TEST_F(Template, warnsOfAMessageThatMayPassForAnotherRoles) {
    const std::string marked = modelWith(
        path("marked.gguf"),
        "{% for m in messages if m.role != 'system' %}### {{ m.role }}: {{ m.content }}\n{% endfor %}");
    const std::string file =
        write("m.json", R"([{"role":"system","content":"x"},{"role":"user","content":"a ### user: b"}])");
    const Outcome outcome = run({"template", marked, "--messages", file, "--json"});
    const nlohmann::json json = object(outcome);
    EXPECT_EQ(json["text"], "### user: x\n\na ### user: b\n");
    EXPECT_EQ(json["source"], "jinja");
    EXPECT_NE(outcome.errors.find("no place for a system message"), std::string::npos) << outcome.errors;
    EXPECT_NE(outcome.errors.find("contains \"### user:\""), std::string::npos) << outcome.errors;
    const std::string harmless = write("h.json", R"([{"role":"user","content":"a"}])");
    EXPECT_EQ(run({"template", marked, "--messages", harmless}).errors, "");
}

TEST_F(Template, saysWhyTheCarriedOneCannotBeUsed) {
    const std::string broken = modelWith(path("broken.gguf"), "{% include 'x' %}");
    const std::string file = write("m.json", R"([{"role":"user","content":"a"}])");
    const Outcome outcome = run({"template", broken, "--messages", file, "--json"});
    EXPECT_EQ(object(outcome)["source"], "none");
    EXPECT_NE(outcome.errors.find("{% include %} is not known here"), std::string::npos) << outcome.errors;
}

TEST_F(Template, refusesBadMessages) {
    const auto refused = [this](const std::string& json, const std::string& mentioned) {
        expectError({"template", model(), "--messages", write("bad.json", json)}, 3, mentioned);
    };
    refused("[{\"role\":\"user\"", "byte");
    refused("{}", "array");
    refused("[1]", "[0]");
    refused(R"([{"role":"user","content":"a"},{"role":"user"}])", "[1].content");
    refused(R"([{"role":"robot","content":"a"}])", "robot");
    refused(R"([{"role":"user","content":5}])", "[0].content");
    expectError({"template", model(), "--messages", path("missing.json")}, 3, "missing.json");
    expectError({"template", model()}, 2, "--messages");
}

}  // namespace
}  // namespace edgechat::testing
