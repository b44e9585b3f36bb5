// inspect on a quantized folder: edgechat.json is shown when it is whole, and never in the way when it is
// not.
#include "tests/app/cli/command_line.h"

namespace edgechat::testing {
namespace {

namespace fs = std::filesystem;

class Report : public CommandLine {
  protected:
    void SetUp() override {
        CommandLine::SetUp();
        fs::copy(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/awq_g32", folder(),
                 fs::copy_options::recursive);
    }
    std::string folder() const { return path("quantized"); }
    void writeReport(const std::string& content) const {
        std::ofstream(folder() + "/edgechat.json", std::ios::binary) << content;
    }

    /// As quantize writes it: two linear layers, one of which took a simpler way.
    static nlohmann::json report() {
        const nlohmann::json linear = {{"name", "model.layers.0.self_attn.q_proj.weight"},
                                       {"group_size", 32},
                                       {"rtn_error", 0.03},
                                       {"error", 0.01},
                                       {"method", "gptq"},
                                       {"scale", "activation 0.55"},
                                       {"fallback", nullptr}};
        nlohmann::json simpler = linear;
        simpler["rtn_error"] = 0.01;
        simpler["error"] = 0.01;
        simpler["fallback"] = "no inputs reached it";
        return {{"method", "awq"},
                {"source", "small\x1b[31m"},
                {"source_bytes", 5'000'000},
                {"output_bytes", 1'500'000},
                {"seconds", 12},
                {"calibration", "letters.txt"},
                {"calibration_tokens", 65536},
                {"computed_with", "OpenBLAS, avx2"},
                {"layers", {linear, simpler}}};
    }
    static std::string file(const nlohmann::json& report) {
        return nlohmann::json{{"format", 1}, {"quantization", report}}.dump();
    }

    /// The rest is there, and one warning that holds `mentioned`, in both forms.
    void expectWarning(const std::string& mentioned) const {
        const Outcome outcome = run({"inspect", folder(), "--json"});
        EXPECT_EQ(outcome.code, 0) << outcome.errors;
        const nlohmann::json json = object(outcome);
        EXPECT_TRUE(json["quantization_report"].is_null());
        EXPECT_EQ(json["architecture"], "llama");
        ASSERT_EQ(json["warnings"].size(), 1u) << json["warnings"];
        const std::string warning = json["warnings"][0].get<std::string>();
        EXPECT_NE(warning.find("edgechat.json"), std::string::npos) << warning;
        EXPECT_NE(warning.find(mentioned), std::string::npos) << warning;
        EXPECT_NE(outcome.errors.find(mentioned), std::string::npos) << outcome.errors;
        const Outcome plain = run({"inspect", folder()});
        EXPECT_EQ(plain.code, 0);
        EXPECT_NE(plain.output.find(mentioned), std::string::npos) << plain.output;
        EXPECT_EQ(plain.output.find("calibration "), std::string::npos) << plain.output;
    }
};

TEST_F(Report, isPartOfTheDescription) {
    nlohmann::json whole = report();
    whole["evaluation"] = {{"perplexity", 12.5},  {"source_perplexity", 12.25},
                           {"mean_kld", 0.03125}, {"same_top", 0.9375},
                           {"tokens", 5000},      {"text", "other.txt"}};
    writeReport(file(whole));
    const nlohmann::json shown = object(run({"inspect", folder(), "--json"}))["quantization_report"];
    for (const auto& item : whole.items()) EXPECT_EQ(shown[item.key()], item.value()) << item.key();

    const Outcome outcome = run({"inspect", folder()});
    EXPECT_EQ(outcome.errors, "");
    for (const char* line : {"\nquantized     awq by EdgeChat, from small", " of 5.0 MB\n",
                             "\ncalibration   65536 tokens of letters.txt\n",
                             "\nerror         0.01000 of a linear layer's output, 0.02000 by rounding",
                             "\nfallbacks     1 of 2 linear layers took a simpler way\n",
                             "\nperplexity    12.5000, 12.2500 before\n",
                             "\nmean KL       0.03125 nats, same best token 93.75 %\n"})
        EXPECT_NE(outcome.output.find(line), std::string::npos) << line << "\n" << outcome.output;
    EXPECT_EQ(outcome.output.find('\x1b'), std::string::npos) << "a control character reaches the terminal";
}

TEST_F(Report, isNullWhereThereIsNone) {
    const auto expectNone = [this] {
        const Outcome outcome = run({"inspect", folder(), "--json"});
        const nlohmann::json json = object(outcome);
        EXPECT_TRUE(json.contains("quantization_report"));
        EXPECT_TRUE(json["quantization_report"].is_null());
        EXPECT_EQ(json["warnings"], nlohmann::json::array());
        EXPECT_EQ(run({"inspect", folder()}).output.find("by EdgeChat"), std::string::npos);
    };
    expectNone();
    writeReport("{}");
    expectNone();
    // The store's own record has a name under this key.
    writeReport(R"({"version": 2, "quantization": "AWQ INT4 g32"})");
    expectNone();
    EXPECT_TRUE(object(run({"inspect", model(), "--json"}))["quantization_report"].is_null());
}

TEST_F(Report, isReadFromARecordOfTheStore) {
    writeReport(
        nlohmann::json{{"version", 2}, {"quantization", "AWQ INT4 g32"}, {"quantizationReport", report()}}
            .dump());
    EXPECT_EQ(object(run({"inspect", folder(), "--json"}))["quantization_report"]["calibration_tokens"],
              65536);
}

TEST_F(Report, ofAnotherShapeIsAWarning) {
    const auto warned = [this](const std::string& content, const std::string& mentioned) {
        SCOPED_TRACE(content.substr(0, 100));
        writeReport(content);
        expectWarning(mentioned);
    };
    warned("", "edgechat.json");
    warned("{\"quantization\":", "edgechat.json");
    warned("[]", "array");
    warned(R"({"quantization": 4})", "quantization");
    warned(std::string(100'000, '['), "edgechat.json");
    const nlohmann::json whole = report();
    for (const auto& item : whole.items()) {
        nlohmann::json changed = whole;
        changed[item.key()] = nlohmann::json::object();
        warned(file(changed), "quantization");
        changed.erase(item.key());
        warned(file(changed), "quantization");
    }
    for (const nlohmann::json& wrong : {nlohmann::json(1e300), nlohmann::json(-1), nlohmann::json(1.5)}) {
        nlohmann::json changed = whole;
        changed["source_bytes"] = wrong;
        warned(file(changed), "quantization");
        changed = whole;
        changed["layers"][1]["group_size"] = wrong;
        warned(file(changed), "quantization");
    }
    nlohmann::json evaluated = report();
    evaluated["evaluation"] = {{"perplexity", "12"}};
    warned(file(evaluated), "quantization");
}

TEST_F(Report, thatIsTooLargeIsNotRead) {
    writeReport("");
    fs::resize_file(folder() + "/edgechat.json", (64u << 20) + 1);  // sparse
    expectWarning("67108865 bytes");
}

TEST_F(Report, thatIsNoFileIsAWarning) {
    fs::create_directory(folder() + "/edgechat.json");
    expectWarning("edgechat.json");
}

}  // namespace
}  // namespace edgechat::testing
