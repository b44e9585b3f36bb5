// A quantization that was stopped goes on to the same bytes, and only with the same source, recipe and text.
#include "tests/quant/quantize_job.h"

namespace edgechat::quant {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class Resume : public QuantizeJob {
  protected:
    Resume() {
        m_request.recipe.samples = 6;
        writeSource(smallSource(SmallFamily::llama, "F16", 3), source());
    }

    /// The result without an interruption, and how many times progress was reported on the way.
    std::map<std::string, std::string> undisturbed(int* calls = nullptr) {
        int count = 0;
        QuantizeCallbacks callbacks;
        callbacks.onProgress = [&count](int, int, const std::string&) {
            ++count;
            return true;
        };
        std::map<std::string, std::string> content = finished(callbacks);
        removeResult();
        if (calls) *calls = count;
        return content;
    }
    void expectSameBytes(const std::map<std::string, std::string>& expected,
                         const std::map<std::string, std::string>& found) {
        ASSERT_EQ(found.size(), expected.size());
        for (const auto& [name, content] : expected) EXPECT_TRUE(found.at(name) == content) << name;
    }
    /// The same run again is refused, names what is not as it was, and leaves everything as it is.
    void expectNotResumed(const std::string& mentioned) {
        m_request.start = Start::resume;
        const auto before = contentOf(partial());
        expectRefused(mentioned);
        EXPECT_TRUE(contentOf(partial()) == before);
    }
};

/// At every point at which it can be stopped.
TEST_F(Resume, givesTheSameBytesWhereverItWasStopped) {
    for (const Method method : {Method::awq, Method::rtn, Method::smoothquant}) {
        m_request.recipe.method = method;
        int calls = 0;
        const auto expected = undisturbed(&calls);
        ASSERT_GT(calls, 6);
        const int step = method == Method::awq ? 1 : std::max(1, calls / 5);
        for (int call = 0; call < calls; call += std::max(step, calls / 40)) {
            SCOPED_TRACE(std::string(methodName(method)) + " call " + std::to_string(call));
            m_request.start = Start::fresh;
            const Result<QuantizationReport> stopped = run(stopAt(call));
            if (!stopped) {
                ASSERT_EQ(stopped.error().code, ErrorCode::interrupted) << stopped.error().message();
                ASSERT_FALSE(fs::exists(out()));
                ASSERT_FALSE(fs::exists(partial() / "config.json")) << "it must not look like a model";
                m_request.start = Start::resume;
                const Result<QuantizationReport> resumed = run();
                ASSERT_TRUE(resumed) << resumed.error().message();
                EXPECT_EQ(resumed->layers.size(), 3u);
            }
            ASSERT_NO_FATAL_FAILURE(expectSameBytes(expected, contentOf(out())));
            removeResult();
        }
    }
}

TEST_F(Resume, afterEveryLayerInTurn) {
    const auto expected = undisturbed();
    for (int layers = 1; layers <= 3; ++layers) {
        interruptAfter(layers);
        m_request.start = Start::resume;
    }
    QuantizeCallbacks callbacks;
    callbacks.onProgress = [](int done, int, const std::string&) {
        EXPECT_EQ(done, 3) << "nothing is computed twice";
        return true;
    };
    ASSERT_NO_FATAL_FAILURE(expectSameBytes(expected, finished(callbacks)));
}

TEST_F(Resume, beginsWhereThereIsNothing) {
    const auto expected = undisturbed();
    m_request.start = Start::resume;
    ASSERT_NO_FATAL_FAILURE(expectSameBytes(expected, finished()));
}

TEST_F(Resume, isNotDoneUnlessItIsAskedFor) {
    const auto expected = undisturbed();
    interruptAfter(1);
    const auto before = contentOf(partial());
    expectRefused("--resume");
    EXPECT_TRUE(contentOf(partial()) == before);
    m_request.start = Start::restart;
    ASSERT_NO_FATAL_FAILURE(expectSameBytes(expected, finished()));
}

TEST_F(Resume, aRestartMayDiffer) {
    interruptAfter(1);
    m_request.recipe.method = Method::smoothquant;
    m_request.start = Start::restart;
    EXPECT_EQ(run()->method, "smoothquant");
    EXPECT_FALSE(fs::exists(partial()));
}

TEST_F(Resume, aChangedSourceIsRefused) {
    interruptAfter(1);
    const fs::path weights = source() / "model.safetensors";
    const auto time = fs::last_write_time(weights);
    fs::last_write_time(weights, time + std::chrono::seconds(1));
    expectNotResumed("model.safetensors");
    fs::last_write_time(weights, time);
    fs::last_write_time(source() / "config.json", time + std::chrono::seconds(5));
    expectNotResumed("config.json");
}

TEST_F(Resume, anotherSourceIsRefused) {
    interruptAfter(1);
    fs::remove_all(source());
    writeSource(smallSource(SmallFamily::llama, "F16", 3, 2), source(), 2);
    expectNotResumed("source file");
}

TEST_F(Resume, aChangedRecipeIsRefused) {
    interruptAfter(1);
    const Recipe recipe = m_request.recipe;
    const auto refused = [&](const char* named, auto change) {
        m_request.recipe = recipe;
        change(m_request.recipe);
        expectNotResumed(named);
    };
    refused("method", [](Recipe& r) { r.method = Method::rtn; });
    refused("group size", [](Recipe& r) { r.groupSize = 32; });
    refused("samples", [](Recipe& r) { r.samples = 5; });
    refused("samples", [](Recipe& r) { r.window = 16; });
    refused("seed", [](Recipe& r) { r.seed = 1; });
    refused("left out", [](Recipe& r) { r.ingredients.gptq = false; });
    m_request.recipe = recipe;
    EXPECT_TRUE(run());
}

TEST_F(Resume, aChangedTextIsRefused) {
    interruptAfter(1);
    const std::string text = m_request.calibration;
    m_request.calibration[0] ^= 1;  // in the first window or not: its place is drawn
    m_request.calibration[text.size() / 2] ^= 1;
    for (char& c : m_request.calibration) c = c == 'e' ? 'o' : c;
    expectNotResumed("calibration text");
    m_request.calibration = text;
    EXPECT_TRUE(run());
}

TEST_F(Resume, aChangedEvaluationTextIsRefused) {
    const std::string text = m_request.calibration.substr(0, 2000);
    m_request.evaluation = text;
    m_request.evaluationName = "text";
    interruptAfter(1);
    const auto refused = [this] { expectNotResumed("evaluation text"); };
    std::swap(m_request.evaluation[1000], m_request.evaluation[1001]);
    const Result<std::unique_ptr<inference::Checkpoint>> checkpoint = inference::Checkpoint::open(source());
    ASSERT_TRUE(checkpoint);
    const Result<std::unique_ptr<inference::Tokenizer>> tokenizer = inference::makeTokenizer(**checkpoint);
    ASSERT_TRUE(tokenizer);
    const auto tokens = [&](const std::string& some) {
        return cutWindows(some, "", **tokenizer, m_request.recipe.window, INT64_MAX, 0)->ids.size();
    };
    ASSERT_EQ(tokens(m_request.evaluation), tokens(text)) << "the same length";
    refused();
    m_request.evaluation = text;
    m_request.evaluationName = "another name";
    refused();
    m_request.evaluation.clear();
    refused();
    m_request.evaluation = text;
    m_request.evaluationName = "text";
    EXPECT_TRUE(run());
}

TEST_F(Resume, noEvaluationCanBeAddedLater) {
    interruptAfter(1);
    m_request.evaluation = m_request.calibration.substr(0, 2000);
    m_request.evaluationName = "text";
    expectNotResumed("evaluation text");
}

/// Also behind the last layer, while it is evaluated.
TEST_F(Resume, givesTheSameEvaluationWhereverItWasStopped) {
    m_request.evaluation = m_request.calibration.substr(0, 2000);
    m_request.evaluationName = "text";
    int calls = 0;
    QuantizeCallbacks callbacks;
    callbacks.onProgress = [&calls](int, int, const std::string&) {
        ++calls;
        return true;
    };
    const Result<QuantizationReport> whole = run(callbacks);
    ASSERT_TRUE(whole) << whole.error().message();
    ASSERT_TRUE(whole->evaluation);
    const nlohmann::json expected = toJson(*whole)["evaluation"];
    removeResult();
    const int step = std::max(1, calls / 20);
    for (int call = calls - 1; call >= 0; call -= call > calls - 5 ? 1 : step) {
        SCOPED_TRACE("call " + std::to_string(call) + " of " + std::to_string(calls));
        m_request.start = Start::fresh;
        const Result<QuantizationReport> stopped = run(stopAt(call));
        ASSERT_FALSE(stopped);
        ASSERT_EQ(stopped.error().code, ErrorCode::interrupted) << stopped.error().message();
        m_request.start = Start::resume;
        const Result<QuantizationReport> resumed = run();
        ASSERT_TRUE(resumed) << resumed.error().message();
        EXPECT_EQ(toJson(*resumed)["evaluation"], expected);
        removeResult();
    }
}

/// Fewer parts of a Gram matrix know more: another limit is another result.
TEST_F(Resume, aMemoryLimitThatChangesTheResultIsRefused) {
    HfFolder wide = smallSource(SmallFamily::llama, "F16", 2);
    wide.config["intermediate_size"] = 1024;
    for (SafetensorsWriter::Tensor& tensor : wide.weights.tensors) {
        for (size_t i = 0; i < tensor.shape.size(); ++i) {
            if (tensor.shape[i] != 128) continue;
            tensor.shape[i] = 1024;
            const std::string data = tensor.data;
            for (int more = 1; more < 8; ++more) tensor.data += data;
        }
    }
    fs::remove_all(source());
    writeSource(wide, source());
    m_request.memoryLimit = 1;
    const Result<QuantizationReport> refused = run();
    ASSERT_FALSE(refused);
    ASSERT_EQ(refused.error().code, ErrorCode::doesNotFit);
    EXPECT_FALSE(fs::exists(partial()));
    const std::string expected = refused.error().expected;
    m_request.memoryLimit = std::stoull(expected.substr(expected.find_first_of("0123456789")));
    interruptAfter(1);
    m_request.memoryLimit = kDefaultMemoryLimit;
    expectNotResumed("memory");
}

TEST_F(Resume, whatIsThereAlreadyIsNotTouched) {
    fs::create_directories(out());
    const auto refused = [this] {
        for (const Start start : {Start::fresh, Start::resume, Start::restart}) {
            m_request.start = start;
            const Result<QuantizationReport> report = run();
            ASSERT_FALSE(report);
            EXPECT_EQ(report.error().code, ErrorCode::badInput);
            EXPECT_NE(report.error().message().find(out().string()), std::string::npos);
            EXPECT_FALSE(fs::exists(partial()));
        }
    };
    std::ofstream(out() / "a letter") << "dear";
    refused();
    EXPECT_EQ(readFile(out() / "a letter"), "dear");
    fs::remove_all(out());
    std::ofstream(out()) << "a file";
    refused();
    EXPECT_EQ(readFile(out()), "a file");
    // an empty folder is as good as none
    fs::remove(out());
    fs::create_directories(out());
    m_request.start = Start::fresh;
    EXPECT_TRUE(run());
}

TEST_F(Resume, aDamagedJournalIsRefused) {
    interruptAfter(2);
    const fs::path file = partial() / "work/journal.json";
    const std::string journal = readFile(file);
    ASSERT_FALSE(journal.empty());
    const auto refused = [&](const std::string& content) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
        expectNotResumed("journal");
    };
    refused("");
    refused("[1, 2]");
    refused(journal.substr(0, journal.size() / 2));
    nlohmann::json object = nlohmann::json::parse(journal);
    for (const auto& [name, value] : object.items()) {
        if (name == "seconds") continue;
        nlohmann::json other = object;
        other[name] = 7;
        refused(other.dump());
        if (name == "written") continue;  // which the journals of an older program lack
        other.erase(name);
        refused(other.dump());
    }
    nlohmann::json other = object;
    other["layers"][0][0].erase("name");
    refused(other.dump());
    other = object;
    for (int i = 0; i < 3; ++i) other["layers"].push_back(object["layers"][0]);
    refused(other.dump());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << journal;
    EXPECT_TRUE(run());
}

/// The journal says that layers are done; where they are gone the result would be zeros.
TEST_F(Resume, lostWeightsAreNoticed) {
    const auto expected = undisturbed();
    interruptAfter(2);
    const fs::path weights = partial() / "model.safetensors";
    const std::string content = readFile(weights);
    fs::remove(weights);
    m_request.start = Start::resume;
    expectRefused("model.safetensors");
    std::ofstream(weights, std::ios::binary) << content.substr(0, content.size() / 2);
    expectRefused("model.safetensors");
    std::ofstream(weights, std::ios::binary) << std::string(content.size(), '\0');
    expectRefused("model.safetensors");
    expectRefused("model.safetensors");
    m_request.start = Start::restart;
    ASSERT_NO_FATAL_FAILURE(expectSameBytes(expected, finished()));
}

TEST_F(Resume, lostHiddenStatesAreNoticed) {
    interruptAfter(2);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(partial() / "work")) {
        if (entry.path().extension() == ".f32") files.push_back(entry.path());
    }
    ASSERT_FALSE(files.empty());
    for (const fs::path& file : files) fs::resize_file(file, fs::file_size(file) - 4);
    expectNotResumed(".f32");
    for (const fs::path& file : files) fs::remove(file);
    expectNotResumed(".f32");
}

}  // namespace
}  // namespace edgechat::quant
