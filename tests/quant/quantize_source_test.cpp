// Sources that cannot be quantized: a clear refusal, and never a folder that looks finished.
#include <cmath>

#include "tests/inference/parity/parity_models.h"
#include "tests/quant/quantize_job.h"

namespace edgechat::quant {
namespace {

using namespace testing;
namespace fs = std::filesystem;

class BadSource : public QuantizeJob {
  protected:
    /// Refused whatever the method is.
    void expectAllRefused(const std::string& mentioned) {
        for (const Method method : {Method::awq, Method::rtn, Method::smoothquant}) {
            SCOPED_TRACE(methodName(method));
            m_request.recipe.method = method;
            m_request.start = Start::restart;
            expectRefused(mentioned);
        }
    }
    void expectAllRefused(const HfFolder& folder, const std::string& mentioned) {
        fs::remove_all(source());
        writeSource(folder, source());
        expectAllRefused(mentioned);
    }
};

TEST_F(BadSource, valuesThatAreNoNumbers) {
    float value = NAN;
    for (const char* dtype : {"F16", "BF16", "F32"}) {
        for (const char* tensor :
             {"model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight",
              "model.layers.1.input_layernorm.weight", "model.norm.weight", "lm_head.weight"}) {
            value = std::isnan(value) ? -INFINITY : NAN;
            SCOPED_TRACE(std::string(dtype) + " " + tensor);
            HfFolder folder = smallSource(SmallFamily::llama, dtype);
            setElement(folder, tensor, 37, value);
            fs::remove_all(source());
            writeSource(folder, source());
            m_request.start = Start::restart;
            expectRefused(tensor);
        }
    }
}

/// Before hours are spent on the layers.
TEST_F(BadSource, whatIsNoLayerIsSeenFirst) {
    for (const char* tensor : {"model.norm.weight", "lm_head.weight", "model.embed_tokens.weight"}) {
        HfFolder folder = smallSource(SmallFamily::llama, "F32");
        setElement(folder, tensor, 37, 1e5f);
        fs::remove_all(source());
        writeSource(folder, source());
        m_request.start = Start::restart;
        QuantizeCallbacks callbacks;
        callbacks.onProgress = [](int, int, const std::string& detail) {
            EXPECT_EQ(detail.find("layer"), std::string::npos) << detail;
            return true;
        };
        const Result<QuantizationReport> report = run(callbacks);
        ASSERT_FALSE(report);
        EXPECT_NE(report.error().message().find(tensor), std::string::npos) << report.error().message();
    }
}

TEST_F(BadSource, anEmbeddingThatIsNoNumber) {
    HfFolder folder = smallSource(SmallFamily::llama);
    setElement(folder, "model.embed_tokens.weight", 100, INFINITY);
    expectAllRefused(folder, "model.embed_tokens.weight");
}

TEST_F(BadSource, valuesThatHalvesCannotHold) {
    for (const char* tensor : {"model.norm.weight", "lm_head.weight", "model.embed_tokens.weight"}) {
        SCOPED_TRACE(tensor);
        HfFolder folder = smallSource(SmallFamily::llama, "BF16");
        setElement(folder, tensor, 63, 1e5f);
        expectAllRefused(folder, tensor);
    }
    // in a layer, where no scale of the search can make it small enough
    HfFolder folder = smallSource(SmallFamily::llama, "F32");
    setElement(folder, "model.layers.1.post_attention_layernorm.weight", 5, 1e6f);
    fs::remove_all(source());
    writeSource(folder, source());
    m_request.start = Start::restart;
    m_request.recipe.method = Method::rtn;  // smoothing may bring it into range
    expectRefused("model.layers.1.post_attention_layernorm.weight");
    folder = smallSource(SmallFamily::falconRw, "F32");
    setElement(folder, "transformer.h.1.self_attention.dense.bias", 5, 1e6f);
    expectAllRefused(folder, "transformer.h.1.self_attention.dense.bias");
}

/// No scale in fp16 reaches them, or, where the matrix stays as it is, fp16 itself does not.
TEST_F(BadSource, weightsThatTheFormCannotHold) {
    HfFolder folder = smallSource(SmallFamily::llama, "F32");
    setElement(folder, "model.layers.1.self_attn.o_proj.weight", 5, 1e8f);
    fs::remove_all(source());
    writeSource(folder, source());
    for (const Method method : {Method::awq, Method::rtn}) {
        m_request.recipe.method = method;
        m_request.start = Start::restart;
        expectRefused("model.layers.1.self_attn.o_proj");
    }
}

TEST_F(BadSource, activationsWhoseSquaresOverflow) {
    HfFolder folder = smallSource(SmallFamily::llama, "F32");
    setElement(folder, "model.layers.1.post_attention_layernorm.weight", 5, 1e12f);
    expectAllRefused(folder, "layer 1");
}

TEST_F(BadSource, activationsThatOverflow) {
    HfFolder folder = smallSource(SmallFamily::llama, "F32");
    setElement(folder, "model.layers.0.post_attention_layernorm.weight", 5, 1e25f);
    expectAllRefused(folder, "layer 0");
}

TEST_F(BadSource, aWrongShape) {
    HfFolder folder = smallSource(SmallFamily::llama);
    SafetensorsWriter::Tensor& tensor = folder.weights.tensor("model.layers.1.mlp.up_proj.weight");
    tensor.shape = {64, 128};
    expectAllRefused(folder, "up_proj");
}

TEST_F(BadSource, aMissingTensorAndAMissingShard) {
    HfFolder folder = smallSource(SmallFamily::llama);
    folder.weights.remove("model.layers.1.mlp.up_proj.weight");
    expectAllRefused(folder, "up_proj");
    fs::remove_all(source());
    writeSource(smallSource(SmallFamily::llama), source(), 3);
    fs::remove(source() / "model-00002-of-00003.safetensors");
    expectAllRefused("model-00002-of-00003.safetensors");
}

TEST_F(BadSource, aFileThatWasCutShort) {
    writeSource(smallSource(SmallFamily::llama), source());
    const fs::path file = source() / "model.safetensors";
    fs::resize_file(file, fs::file_size(file) - 1000);
    expectAllRefused("model.safetensors");
}

/// While it runs: mapped memory would end the program.
TEST_F(BadSource, aFileThatIsCutShortWhileItRuns) {
    writeSource(smallSource(SmallFamily::llama), source());
    const fs::path file = source() / "model.safetensors";
    QuantizeCallbacks callbacks;
    callbacks.onProgress = [&file](int done, int, const std::string&) {
        if (done == 1) fs::resize_file(file, 20000);
        return true;
    };
    const Result<QuantizationReport> report = run(callbacks);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::badInput);
    EXPECT_NE(report.error().message().find("model.safetensors"), std::string::npos)
        << report.error().message();
    EXPECT_FALSE(fs::exists(out()));
}

TEST_F(BadSource, oneThatIsQuantizedAlready) {
    const fs::path tiny = m_folder.path() / "tiny.gguf";
    ASSERT_TRUE(writeTinyModel(tiny));
    std::vector<fs::path> sources = {tiny};
    for (const char* name : {"awq_g32", "awq_gemv_fast", "ct_symmetric", "falcon_awq",
                             "gguf_llama_k_quants.gguf", "gguf_smollm_split-00001-of-00002.gguf"})
        sources.push_back(fs::path(EDGECHAT_TESTS_DATA) / "parity/models" / name);
    for (const fs::path& path : sources) {
        const Result<QuantizationReport> report = run(path);
        ASSERT_FALSE(report) << path;
        EXPECT_EQ(report.error().code, ErrorCode::badInput);
        EXPECT_NE(report.error().message().find("quantized already"), std::string::npos)
            << report.error().message();
        EXPECT_FALSE(fs::exists(out()));
        EXPECT_FALSE(fs::exists(partial()));
    }
    // and one that this program made
    writeSource(smallSource(SmallFamily::llama), source());
    for (const Method method : {Method::awq, Method::smoothquant}) {
        m_request.recipe.method = method;
        ASSERT_TRUE(run());
        fs::rename(out(), m_folder.path() / "made");
        EXPECT_FALSE(run(m_folder.path() / "made"));
        EXPECT_FALSE(fs::exists(out()));
        fs::remove_all(m_folder.path() / "made");
    }
}

TEST_F(BadSource, aTextThatIsTooShort) {
    writeSource(smallSource(SmallFamily::llama), source());
    m_request.calibration = "Hello.";
    expectAllRefused("plain_text.txt");
    EXPECT_FALSE(fs::exists(partial()));
}

TEST_F(BadSource, aGroupSizeThatDoesNotDivide) {
    writeSource(smallSource(SmallFamily::llama), source());
    m_request.recipe.groupSize = 128;
    expectRefused("model.layers.0.self_attn.q_proj.weight");
    EXPECT_FALSE(fs::exists(partial()));
}

TEST_F(BadSource, aPlaceThatCannotBeWritten) {
    writeSource(smallSource(SmallFamily::llama), source());
    std::ofstream(m_folder.path() / "a file") << "x";
    m_request.output = m_folder.path() / "a file" / "out";
    const Result<QuantizationReport> report = run();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::badInput);
    EXPECT_NE(report.error().message().find("a file"), std::string::npos);
}

/// A name is bytes, and the journal is JSON.
TEST_F(BadSource, namesThatAreNoUtf8AreNoHindrance) {
    writeSource(smallSource(SmallFamily::llama), m_folder.path() / "caf\xe9");
    m_request.calibrationName = "th\xe9.txt";
    EXPECT_FALSE(run(m_folder.path() / "caf\xe9", stopAfterLayers(1)));
    m_request.start = Start::resume;
    const Result<QuantizationReport> report = run(m_folder.path() / "caf\xe9");
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_TRUE(fs::exists(out() / "edgechat.json"));
}

}  // namespace
}  // namespace edgechat::quant
