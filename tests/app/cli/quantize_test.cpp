// quantize: what it says, what it refuses, and that its results run.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "tests/app/cli/command_line.h"
#include "tests/quant/small_source.h"

namespace edgechat::testing {
namespace {

namespace fs = std::filesystem;

class QuantizeCommand : public CommandLine {
  protected:
    void SetUp() override {
        ASSERT_NO_FATAL_FAILURE(CommandLine::SetUp());
        write("text.txt", readFile(fs::path(EDGECHAT_TESTS_DATA) / "plain_text.txt"));
    }
    std::string source() const { return path("source"); }
    std::string out() const { return path("out"); }

    std::vector<std::string> words(std::vector<std::string> more = {}) const {
        std::vector<std::string> all = {
            "quantize",  source(), "--output",  out(), "--calibration", path("text.txt"), "--samples", "8",
            "--context", "32",     "--threads", "1",   "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    /// The command fails late: messages, then one line that names something; one object on stdout; no folder.
    void expectRefused(const std::vector<std::string>& command, int code, const std::string& mentioned) {
        const Outcome outcome = run(command);
        EXPECT_EQ(outcome.code, code) << outcome.errors << outcome.signal;
        const nlohmann::json json = object(outcome);
        ASSERT_TRUE(json.contains("error")) << outcome.output;
        const std::string line = "edgechat: " + json["error"]["message"].get<std::string>() + "\n";
        EXPECT_TRUE(outcome.errors.ends_with(line)) << outcome.errors;
        EXPECT_NE(line.find(mentioned), std::string::npos) << line;
        EXPECT_FALSE(fs::exists(out()));
    }
    nlohmann::json quantize(const std::vector<std::string>& more = {}) const {
        const Outcome outcome = run(words(more));
        EXPECT_EQ(outcome.code, 0) << outcome.errors;
        return object(outcome);
    }
    double perplexityOf(const std::string& model, const std::string& text) const {
        const Outcome outcome =
            run({"perplexity", model, "--text", text, "--context", "64", "--threads", "1", "--json"});
        EXPECT_EQ(outcome.code, 0) << outcome.errors;
        return object(outcome).value("perplexity", 0.0);
    }
    void expectGenerates(const std::string& model) const {
        for (const char* device : {"cpu", "reference"}) {
            const Outcome outcome =
                run({"generate", model, "--raw", "--prompt", "the sea and the", "--max-tokens", "6",
                     "--temperature", "0", "--threads", "1", "--device", device, "--json"});
            ASSERT_EQ(outcome.code, 0) << outcome.errors;
            const nlohmann::json json = object(outcome);
            EXPECT_GE(json["generated_tokens"].get<int>(), 1);
            EXPECT_EQ(json["token_ids"].size(), json["generated_tokens"].get<size_t>());
        }
    }
};

TEST_F(QuantizeCommand, shardsMayComeOneAtATime) {
    writeSource(layerByLayer(smallSource(SmallFamily::llama, "F16", 3)), source(), 3);
    ASSERT_EQ(quantize()["method"], "awq");
    const auto expected = contentOf(out());
    fs::remove_all(out());
    std::vector<fs::path> shards;
    for (const auto& entry : fs::directory_iterator(source())) {
        if (entry.path().extension() == ".safetensors") shards.push_back(entry.path());
    }
    std::sort(shards.begin(), shards.end());
    ASSERT_EQ(shards.size(), 3u);
    for (const fs::path& shard : shards) {
        const std::string content = readFile(shard);
        const size_t header = 8 + static_cast<unsigned char>(content[0]) +
                              256 * static_cast<size_t>(static_cast<unsigned char>(content[1]));
        std::ofstream(shard.string() + ".header", std::ios::binary) << content.substr(0, header);
        fs::rename(shard, shard.string() + ".away");
    }
    for (const fs::path& shard : shards) {
        const Outcome outcome = run(words({"--shards-on-demand", "--resume"}));
        EXPECT_EQ(outcome.code, 3) << outcome.errors;
        const nlohmann::json error = object(outcome)["error"];
        EXPECT_EQ(error["field"], "shard") << outcome.output;
        EXPECT_NE(error["message"].get<std::string>().find("no " + shard.filename().string() + " for the "),
                  std::string::npos)
            << outcome.errors;
        fs::rename(shard.string() + ".away", shard);
    }
    quantize({"--shards-on-demand", "--resume"});
    EXPECT_TRUE(contentOf(out()) == expected);
    fs::remove_all(out());
    const Outcome both = run(words({"--shards-on-demand", "--evaluate", path("text.txt")}));
    EXPECT_EQ(both.code, 2);
    EXPECT_NE(both.errors.find("--evaluate"), std::string::npos) << both.errors;
}

TEST_F(QuantizeCommand, saysWhatItMade) {
    writeSource(smallSource(SmallFamily::llama), source());
    const nlohmann::json json = quantize();
    for (const char* key :
         {"output", "method", "seconds", "peak_rss_bytes", "source_bytes", "output_bytes", "layers"})
        EXPECT_TRUE(json.contains(key)) << key;
    EXPECT_EQ(json["output"], out());
    EXPECT_EQ(json["method"], "awq");
    EXPECT_GT(json["seconds"].get<double>(), 0);
    EXPECT_GT(json["peak_rss_bytes"].get<uint64_t>(), 1'000'000u);
    EXPECT_EQ(json["source_bytes"].get<uint64_t>(), fs::file_size(fs::path(source()) / "model.safetensors"));
    EXPECT_EQ(json["output_bytes"].get<uint64_t>(), fs::file_size(fs::path(out()) / "model.safetensors"));
    ASSERT_EQ(json["layers"].size(), 14u);
    for (const nlohmann::json& layer : json["layers"]) {
        EXPECT_TRUE(layer["name"].is_string());
        EXPECT_EQ(layer["group_size"], 64);
        EXPECT_LE(layer["error"].get<double>(), layer["rtn_error"].get<double>());
        EXPECT_TRUE(layer["fallback"].is_null() || layer["fallback"].is_string());
    }
    EXPECT_FALSE(fs::exists(out() + ".partial"));
}

TEST_F(QuantizeCommand, tellsPeopleInWords) {
    writeSource(smallSource(SmallFamily::llama), source());
    std::vector<std::string> command = words();
    std::erase(command, "--json");
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_NE(outcome.output.find(out()), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.errors.find("memory"), std::string::npos) << outcome.errors;
    EXPECT_EQ(outcome.errors.find('\r'), std::string::npos) << "no bar where there is no terminal";
}

TEST_F(QuantizeCommand, progressIsOneObjectALine) {
    writeSource(smallSource(SmallFamily::llama), source());
    const Outcome outcome = run(words({"--progress", "json"}));
    ASSERT_EQ(outcome.code, 0) << outcome.errors;
    std::istringstream lines(outcome.errors);
    int count = 0;
    nlohmann::json last;
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("edgechat: ", 0) == 0) continue;
        const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
        ASSERT_TRUE(json.is_object()) << line;
        for (const char* key : {"stage", "done", "total", "unit", "eta_seconds"})
            EXPECT_TRUE(json.contains(key)) << line;
        ++count;
        last = json;
    }
    ASSERT_GE(count, 2) << outcome.errors;
    EXPECT_EQ(last["done"], 2);
    EXPECT_EQ(last["total"], 2);
}

TEST_F(QuantizeCommand, whatItMadeRuns) {
    for (const SmallFamily family : kSmallFamilies) {
        for (const char* method : {"awq", "smoothquant", "rtn"}) {
            if (std::string(method) == "rtn" && family != SmallFamily::llama) continue;
            SCOPED_TRACE(std::string(nameOf(family)) + " " + method);
            fs::remove_all(source());
            fs::remove_all(out());
            writeSource(smallSource(family), source());
            EXPECT_EQ(quantize({"--method", method})["method"], method);
            ASSERT_NO_FATAL_FAILURE(expectGenerates(out()));
        }
    }
}

TEST_F(QuantizeCommand, itReadsNearlyAsWellAsItsSource) {
    const std::string text = path("text.txt");
    write("text.txt", read(text).substr(0, 4000));
    for (const char* name : {"tinyllama", "llama_biases", "mistral_window", "falcon_7b", "falcon_rw16"}) {
        SCOPED_TRACE(name);
        const fs::path model = fs::path(EDGECHAT_TESTS_DATA) / "parity/models" / name;
        const double before = perplexityOf(model.string(), text);
        for (const char* method : {"awq", "smoothquant"}) {
            fs::remove_all(out());
            std::vector<std::string> command = words({"--method", method});
            command[1] = model.string();
            const Outcome outcome = run(command);
            ASSERT_EQ(outcome.code, 0) << outcome.errors;
            const double after = perplexityOf(out(), text);
            EXPECT_NEAR(after / before, 1, 0.06) << before << " " << after;
        }
    }
}

TEST_F(QuantizeCommand, anInterruptionCanBeResumed) {
    writeSource(smallSource(SmallFamily::falcon40b, "F16", 4), source());
    quantize();
    const auto expected = contentOf(out());
    fs::remove_all(out());
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        SCOPED_TRACE(signal);
        ProcessOptions options;
        options.interruptAt = "\"done\"";
        options.interruptSignal = signal;
        const Outcome stopped = run(words({"--progress", "json"}), options);
        EXPECT_EQ(stopped.code, 130) << stopped.errors;
        EXPECT_EQ(object(stopped)["error"]["code"], "interrupted");
        EXPECT_NE(stopped.errors.find("--resume"), std::string::npos) << stopped.errors;
        EXPECT_FALSE(fs::exists(out()));
        expectRefused(words(), 3, "--resume");
        quantize({"--resume"});
        EXPECT_TRUE(contentOf(out()) == expected);
        fs::remove_all(out());
    }
}

/// As nohup wants it.
TEST_F(QuantizeCommand, aHangUpThatIsIgnoredStopsNothing) {
    writeSource(smallSource(SmallFamily::llama), source());
    ProcessOptions options;
    options.interruptAt = "\"done\"";
    options.interruptSignal = SIGHUP;
    options.ignoredSignal = SIGHUP;
    const Outcome outcome = run(words({"--progress", "json"}), options);
    EXPECT_EQ(outcome.code, 0) << outcome.errors << outcome.signal;
}

TEST_F(QuantizeCommand, aFolderHasOneProgramAtATime) {
    writeSource(smallSource(SmallFamily::llama), source());
    ProcessOptions options;
    options.interruptAt = "\"done\"";
    EXPECT_EQ(run(words({"--progress", "json"}), options).code, 130);
    const auto before = contentOf(out() + ".partial");
    const int folder = ::open((out() + ".partial").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ASSERT_GE(folder, 0);
    ASSERT_EQ(::flock(folder, LOCK_EX | LOCK_NB), 0);
    expectRefused(words(), 3, "another program");
    expectRefused(words({"--resume"}), 3, "another program");
    expectRefused(words({"--restart"}), 3, "another program");
    EXPECT_TRUE(contentOf(out() + ".partial") == before);
    ::close(folder);
    EXPECT_EQ(quantize({"--resume"})["method"], "awq");
}

TEST_F(QuantizeCommand, whatIsFinishedIsFinishedAlready) {
    writeSource(smallSource(SmallFamily::llama), source());
    const nlohmann::json made = quantize();
    const Outcome again = run(words({"--resume"}));
    EXPECT_EQ(again.code, 0);
    EXPECT_NE(again.errors.find("finished already"), std::string::npos) << again.errors;
    nlohmann::json said = object(again);
    said["peak_rss_bytes"] = made["peak_rss_bytes"];  // of another process
    EXPECT_EQ(said, made);
    EXPECT_EQ(run(words()).code, 3);
    EXPECT_EQ(run(words({"--restart"})).code, 3);
}

/// The engine's own protocol on the written folder and its source, with and without BOS.
TEST_F(QuantizeCommand, evaluatesAsPerplexityDoes) {
    write("judge.txt", read(path("text.txt")).substr(3000, 3000));
    for (const SmallFamily family : {SmallFamily::llama, SmallFamily::falcon40b}) {
        SCOPED_TRACE(nameOf(family));
        fs::remove_all(out());
        fs::remove_all(source());
        writeSource(smallSource(family), source());
        const nlohmann::json report = quantize({"--evaluate", path("judge.txt")});
        const Outcome outcome =
            run({"perplexity", out(), "--text", path("judge.txt"), "--context", "32", "--protocol", "half",
                 "--reference", source(), "--threads", "1", "--device", "reference", "--json"});
        ASSERT_EQ(outcome.code, 0) << outcome.errors;
        const nlohmann::json measured = object(outcome), &said = report["evaluation"];
        EXPECT_EQ(said["tokens"], measured["tokens"]);
        EXPECT_NEAR(said["perplexity"].get<double>() / measured["perplexity"].get<double>(), 1, 1e-3);
        EXPECT_NEAR(said["source_perplexity"].get<double>() / measured["reference_perplexity"].get<double>(),
                    1, 1e-3);
        EXPECT_NEAR(said["mean_kld"].get<double>() / measured["mean_kld"].get<double>(), 1, 0.02);
        EXPECT_NEAR(said["same_top"].get<double>(), measured["same_top"].get<double>(), 0.01);
        EXPECT_EQ(said["text"], path("judge.txt"));
    }
    write("judge.txt", "too short");
    fs::remove_all(out());
    expectRefused(words({"--evaluate", path("judge.txt")}), 3, "evaluation text");
    expectRefused(words({"--evaluate", path("missing.txt")}), 3, "missing.txt");
}

TEST_F(QuantizeCommand, usage) {
    writeSource(smallSource(SmallFamily::llama), source());
    const auto refused = [this](std::vector<std::string> more, const std::string& mentioned) {
        more.insert(more.begin(), {"quantize", source()});
        expectError(more, 2, mentioned);
    };
    refused({}, "--output");
    refused({"--output", ""}, "--output");
    refused({"--output", out(), "--group-size", "48"}, "--group-size");
    refused({"--output", out(), "--method", "gptq"}, "--method");
    refused({"--output", out(), "--samples", "1"}, "--samples");
    refused({"--output", out(), "--seed", "-1"}, "--seed");
    refused({"--output", out(), "--memory-limit", "0"}, "--memory-limit");
    refused({"--output", out(), "--resume", "--restart"}, "--restart");
    refused({"--output", out(), "--without", "gptq,salt"}, "salt");
    expectError({"quantize", "--output", out()}, 2, "SOURCE");
    EXPECT_FALSE(fs::exists(out()));
}

TEST_F(QuantizeCommand, refusals) {
    writeSource(smallSource(SmallFamily::llama), source());
    expectRefused(words({"--calibration", path("missing.txt")}), 3, "missing.txt");
    expectRefused(words({"--group-size", "128"}), 3, "q_proj");
    expectRefused(words({"--memory-limit", "1000"}), 4, "--memory-limit");
    std::vector<std::string> command = words();
    command[1] = model();
    expectRefused(command, 3, "quantized already");
    command[1] = path("nowhere");
    expectRefused(command, 3, "nowhere");
    EXPECT_FALSE(fs::exists(out() + ".partial"));
    HfFolder bad = smallSource(SmallFamily::llama);
    setElement(bad, "model.layers.1.mlp.up_proj.weight", 3, NAN);
    writeSource(bad, source());
    expectRefused(words(), 3, "model.layers.1.mlp.up_proj.weight");
    write("out", "something");
    writeSource(smallSource(SmallFamily::llama), source());
    const Outcome outcome = run(words({"--restart"}));
    EXPECT_EQ(outcome.code, 3);
    EXPECT_NE(outcome.errors.find("is there already"), std::string::npos) << "before any work";
    EXPECT_EQ(read(out()), "something");
}

TEST_F(QuantizeCommand, theBuiltInTextDoes) {
    writeSource(smallSource(SmallFamily::llama, "F16", 1), source());
    const Outcome outcome =
        run({"quantize", source(), "--output", out() + "/", "--samples", "8", "--context", "64", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.errors;
    EXPECT_EQ(object(outcome)["output"], out());
}

}  // namespace
}  // namespace edgechat::testing
