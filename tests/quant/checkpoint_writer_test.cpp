// What is written is a Hugging Face folder that means what was given to the writer.
#include "quant/output/checkpoint_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "inference/model/json_file.h"
#include "inference/model/shard_index.h"
#include "quant/output/output_names.h"
#include "tests/data/hf_folder.h"
#include "tests/data/test_files.h"
#include "tests/inference/parity/parity_models.h"
#include "tests/quant/written_model.h"

namespace edgechat::quant {
namespace {

namespace fs = std::filesystem;
using namespace inference;
using namespace testing;
using Kind = LinearForm::Kind;

std::unique_ptr<Checkpoint> opened(const fs::path& path) {
    Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(path);
    EXPECT_TRUE(checkpoint) << checkpoint.error().message();
    return checkpoint ? std::move(*checkpoint) : nullptr;
}

nlohmann::json jsonOf(const fs::path& path) {
    return nlohmann::json::parse(readFile(path), nullptr, false);
}

// The rows of an int4 tensor as codes, scales and zeros.
QuantizedMatrix codesOf(const Checkpoint& checkpoint, const TensorInfo& tensor) {
    QuantizedMatrix matrix{tensor.rows, tensor.columns, tensor.groupSize, {}, {}, {}};
    std::vector<std::byte> stored(tensor.bytes);
    EXPECT_TRUE(checkpoint.readRows(tensor, 0, tensor.rows, stored.data()));
    const size_t block = static_cast<size_t>(blockBytes(TensorType::int4, tensor.groupSize));
    for (size_t at = 0; at < stored.size(); at += block) {
        float pair[2];  // scale, zero
        std::memcpy(pair, stored.data() + at, sizeof pair);
        matrix.scales.push_back(floatToHalf(pair[0]));
        matrix.zeros.push_back(static_cast<uint8_t>(pair[1]));
        for (int i = 0; i < tensor.groupSize; ++i) {
            const auto byte = static_cast<unsigned>(stored[at + 8 + static_cast<size_t>(i) / 2]);
            matrix.codes.push_back(static_cast<uint8_t>(byte >> (i % 2 * 4) & 15));
        }
    }
    return matrix;
}

// Every folder of the parity models, with its variants of config.json.
std::vector<ParityModel> folderModels() {
    std::vector<ParityModel> models = parityModels();
    std::erase_if(models, [](const ParityModel& model) { return model.format == "gguf"; });
    return models;
}

class WrittenFolder : public ::testing::TestWithParam<ParityModel> {
  protected:
    void SetUp() override {
        m_source = opened(m_model.path());
        ASSERT_TRUE(m_source);
    }

    void write(Kind kind) {
        if (kind != Kind::int4 && m_source->tensors().layers[0].activationScale)
            GTEST_SKIP() << "divisors that only AWQ has a place for";
        m_form = formOf(*m_source, kind);
        const Result<void> written = writeModel(*m_source, m_folder.path() / "out", m_form);
        ASSERT_TRUE(written) << written.error().message();
    }

    ParityFolder m_model{GetParam()};
    std::unique_ptr<Checkpoint> m_source;
    TemporaryFolder m_folder;
    OutputForm m_form;
};

TEST_P(WrittenFolder, holdsTheCodesThatWereGiven) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::int4));
    const std::unique_ptr<Checkpoint> result = opened(m_folder.path() / "out");
    ASSERT_TRUE(result);
    for (int layer = 0; layer < m_source->config().layers; ++layer) {
        const OutputLayer given = roundedLayer(*m_source, layer, m_form);
        for (const auto& [role, linear] : given.linears) {
            const auto* wanted = std::get_if<QuantizedMatrix>(&linear.weight);
            if (!wanted) continue;
            const LinearTensors* found = linearOf(result->tensors().layers[static_cast<size_t>(layer)], role);
            ASSERT_EQ(found->weight.type, TensorType::int4);
            const QuantizedMatrix codes = codesOf(*result, found->weight);
            const auto label = ::testing::Message() << "layer " << layer << " " << linearRoleName(role);
            EXPECT_EQ(codes.groupSize, wanted->groupSize) << label;
            EXPECT_EQ(codes.codes, wanted->codes) << label;
            EXPECT_EQ(codes.scales, wanted->scales) << label;
            EXPECT_EQ(codes.zeros, wanted->zeros) << label;
        }
    }
}

TEST_P(WrittenFolder, computesWhatItsValuesSay) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::int4));
    const std::vector<int> ids = someIds(*m_source, 24);
    const std::vector<float> expected = logitsOf(dequantized(*m_source, m_form), ids);
    ASSERT_FALSE(expected.empty());
    EXPECT_EQ(logitsOf(m_folder.path() / "out", ids), expected);
}

TEST_P(WrittenFolder, computesTheSameInPlainHalves) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::dense));
    if (IsSkipped()) return;
    const std::vector<int> ids = someIds(*m_source, 24);
    const std::vector<float> expected = logitsOf(dequantized(*m_source, m_form), ids);
    ASSERT_FALSE(expected.empty());
    EXPECT_EQ(logitsOf(m_folder.path() / "out", ids), expected);
    EXPECT_FALSE(jsonOf(m_folder.path() / "out" / "config.json").contains("quantization_config"));
}

TEST_P(WrittenFolder, saysWhatTheSourceSaid) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::int4));
    const nlohmann::json source = jsonOf(m_model.path() / "config.json");
    const nlohmann::json result = jsonOf(m_folder.path() / "out" / "config.json");
    for (const auto& [key, value] : source.items()) {
        if (key == "torch_dtype" || key == "dtype" || key == "quantization_config") continue;
        EXPECT_EQ(result.value(key, nlohmann::json("absent")), value) << key;
    }
    EXPECT_EQ(result["torch_dtype"], "float16");
    EXPECT_EQ(result["quantization_config"]["quant_method"], "awq");
    for (const char* name : {"tokenizer.json", "tokenizer.model", "tokenizer_config.json",
                             "special_tokens_map.json", "generation_config.json", "added_tokens.json"}) {
        EXPECT_EQ(fs::exists(m_folder.path() / "out" / name), fs::exists(m_model.path() / name)) << name;
        EXPECT_EQ(readFile(m_folder.path() / "out" / name), readFile(m_model.path() / name)) << name;
    }
}

TEST_P(WrittenFolder, hasTheBytesThatWereForetold) {
    const OutputForm form = formOf(*m_source, Kind::int4);
    const Result<uint64_t> bytes = outputBytes(*m_source, form);
    ASSERT_TRUE(bytes);
    EXPECT_FALSE(fs::exists(m_folder.path() / "out"));
    ASSERT_NO_FATAL_FAILURE(write(Kind::int4));
    EXPECT_EQ(fs::file_size(m_folder.path() / "out" / "model.safetensors"), *bytes);
}

// int-quantized has no reader among the checkpoint's: the file is read as it lies there.
TEST_P(WrittenFolder, holdsTheBytesOfInt8) {
    ASSERT_NO_FATAL_FAILURE(write(Kind::int8));
    if (IsSkipped()) return;
    const Result<StoredWeights> weights = openWeights(m_folder.path() / "out");
    ASSERT_TRUE(weights) << weights.error().message();
    std::map<std::string, const StoredTensor*> byName;
    for (const StoredTensor& tensor : weights->tensors) byName.emplace(tensor.name, &tensor);
    const auto bytesOf = [](const StoredTensor& tensor, auto& values) {
        EXPECT_TRUE(tensor.file->read(tensor.offset, tensor.bytes,
                                      reinterpret_cast<std::byte*>(values.data()), tensor.name));
    };
    const bool falcon = m_source->config().architecture == "falcon";
    const int last = m_source->config().layers - 1;
    const std::string module = (falcon ? "transformer.h." : "model.layers.") + std::to_string(last) +
                               (falcon ? ".mlp.dense_4h_to_h" : ".mlp.down_proj");
    const OutputLayer given = roundedLayer(*m_source, last, m_form);
    const auto& wanted = std::get<Int8Matrix>(given.linears.at(LinearRole::down).weight);
    const StoredTensor* weight = byName[module + ".weight"];
    const StoredTensor* scale = byName[module + ".weight_scale"];
    ASSERT_TRUE(weight && scale);
    EXPECT_EQ(weight->dtype, "I8");
    EXPECT_EQ(weight->shape, (std::vector<uint64_t>{static_cast<uint64_t>(wanted.rows),
                                                    static_cast<uint64_t>(wanted.columns)}));
    EXPECT_EQ(scale->dtype, "F32");
    EXPECT_EQ(scale->shape, (std::vector<uint64_t>{static_cast<uint64_t>(wanted.rows), 1}));
    std::vector<int8_t> codes(wanted.codes.size());
    std::vector<float> scales(wanted.scales.size());
    bytesOf(*weight, codes);
    bytesOf(*scale, scales);
    EXPECT_EQ(codes, wanted.codes);
    EXPECT_EQ(scales, wanted.scales);
    const nlohmann::json config = jsonOf(m_folder.path() / "out" / "config.json")["quantization_config"];
    EXPECT_EQ(config["format"], "int-quantized");
    EXPECT_EQ(config["config_groups"]["group_0"]["weights"]["num_bits"], 8);
}

INSTANTIATE_TEST_SUITE_P(Models, WrittenFolder, ::testing::ValuesIn(folderModels()),
                         [](const auto& entry) { return entry.param.name; });

// A LLaMA of the tests' own, written once and again.
class CheckpointWriterTest : public ::testing::Test {
  protected:
    void open(const HfFolder& model) {
        model.writeTo(m_model);
        m_source = opened(m_model.path());
        ASSERT_TRUE(m_source);
        m_form = formOf(*m_source, Kind::int4);
    }
    void SetUp() override { ASSERT_NO_FATAL_FAILURE(open(tinyLlamaFolder())); }
    fs::path out() const { return m_folder.path() / "out"; }

    std::unique_ptr<CheckpointWriter> create(uint64_t shardBytes = kShardBytes) {
        Result<std::unique_ptr<CheckpointWriter>> writer =
            CheckpointWriter::create(*m_source, out(), m_form, shardBytes);
        EXPECT_TRUE(writer) << writer.error().message();
        return writer ? std::move(*writer) : nullptr;
    }
    Error refusal() {
        Result<std::unique_ptr<CheckpointWriter>> writer = CheckpointWriter::create(*m_source, out(), m_form);
        EXPECT_FALSE(writer);
        return writer ? Error{} : writer.error();
    }

    TemporaryFolder m_model, m_folder;
    std::unique_ptr<Checkpoint> m_source;
    OutputForm m_form;
};

TEST_F(CheckpointWriterTest, beginsTensorsWhereTheirElementsAreAligned) {
    for (const Kind kind : {Kind::int4, Kind::int8, Kind::dense}) {
        m_form = formOf(*m_source, kind);
        ASSERT_TRUE(writeModel(*m_source, out(), m_form));
        const Result<StoredWeights> weights = openWeights(out());
        ASSERT_TRUE(weights);
        for (const StoredTensor& tensor : weights->tensors) {
            const uint64_t size = tensor.dtype == "I8" ? 1 : tensor.dtype == "F16" ? 2 : 4;
            EXPECT_EQ(tensor.offset % size, 0u) << tensor.name;
        }
        uint64_t header = 0;
        std::memcpy(&header, readFile(out() / "model.safetensors").data(), sizeof header);
        EXPECT_EQ(header % 8, 0u);
    }
}

TEST_F(CheckpointWriterTest, writesShardsThatComputeTheSame) {
    const std::vector<int> ids = someIds(*m_source, 16);
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    const std::vector<float> whole = logitsOf(out(), ids);
    ASSERT_FALSE(whole.empty());
    ASSERT_TRUE(writeModel(*m_source, out(), m_form, 9000));
    EXPECT_FALSE(fs::exists(out() / "model.safetensors"));  // a reader would take it before the shards
    EXPECT_EQ(logitsOf(out(), ids), whole);
    const nlohmann::json index = jsonOf(out() / "model.safetensors.index.json");
    uint64_t bytes = 0;
    const Result<StoredWeights> weights = openWeights(out());
    ASSERT_TRUE(weights);
    EXPECT_GT(weights->files.size(), 4u);
    for (const StoredTensor& tensor : weights->tensors) bytes += tensor.bytes;
    EXPECT_EQ(index["metadata"]["total_size"], bytes);
    EXPECT_EQ(index["weight_map"].size(), weights->tensors.size());
    for (const auto& file : weights->files) {
        uint64_t ofFile = 0;
        for (const StoredTensor& tensor : weights->tensors) ofFile += tensor.file == file ? tensor.bytes : 0;
        EXPECT_LE(ofFile, 9000u) << file->path();
    }
    // And back to one file, without the shards.
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    EXPECT_FALSE(fs::exists(out() / "model.safetensors.index.json"));
    EXPECT_FALSE(fs::exists(weights->files[0]->path()));
}

TEST_F(CheckpointWriterTest, givesATensorThatIsLargerThanAShardAFileOfItsOwn) {
    ASSERT_TRUE(writeModel(*m_source, out(), m_form, 1));
    const Result<StoredWeights> weights = openWeights(out());
    ASSERT_TRUE(weights);
    EXPECT_EQ(weights->files.size(), weights->tensors.size());
}

TEST_F(CheckpointWriterTest, keepsWhatAnEarlierRunWrote) {
    const std::vector<int> ids = someIds(*m_source, 16);
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    const std::vector<float> whole = logitsOf(out(), ids);
    fs::remove_all(out());
    {
        const auto first = create();
        ASSERT_TRUE(first);
        EXPECT_FALSE(first->resumed());
        ASSERT_TRUE(first->writeLayer(0, roundedLayer(*m_source, 0, m_form)));
    }
    EXPECT_FALSE(Checkpoint::open(out()));  // not a model yet
    const auto second = create();
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->resumed());
    ASSERT_TRUE(second->writeLayer(1, roundedLayer(*m_source, 1, m_form)));
    ASSERT_TRUE(second->writeRest());
    ASSERT_TRUE(second->finish());
    EXPECT_EQ(logitsOf(out(), ids), whole);
}

TEST_F(CheckpointWriterTest, beginsAnewWhereThePlanIsAnother) {
    ASSERT_TRUE(create());
    m_form = formOf(*m_source, Kind::int4, 16);
    const auto other = create();
    ASSERT_TRUE(other);
    EXPECT_FALSE(other->resumed());
    fs::resize_file(out() / "model.safetensors", 100);
    EXPECT_FALSE(create()->resumed());
    EXPECT_TRUE(create()->resumed());
}

TEST_F(CheckpointWriterTest, listsLinearsThatStayDense) {
    m_form.linears[LinearRole::down] = {Kind::dense, 0};
    m_form.linears[LinearRole::query].groupSize = 16;
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    const nlohmann::json config = jsonOf(out() / "config.json")["quantization_config"];
    EXPECT_EQ(config, (nlohmann::json{{"quant_method", "awq"},
                                      {"bits", 4},
                                      {"group_size", 32},
                                      {"zero_point", true},
                                      {"version", "gemm"},
                                      {"modules_to_not_convert", {"down_proj", "lm_head"}}}));
    const std::vector<int> ids = someIds(*m_source, 16);
    EXPECT_EQ(logitsOf(out(), ids), logitsOf(dequantized(*m_source, m_form), ids));
}

TEST_F(CheckpointWriterTest, addsTheCallersKeysToTheConfiguration) {
    const auto writer = create();
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->finish({{"edgechat", {{"method", "awq"}}}}));
    EXPECT_EQ(jsonOf(out() / "config.json")["edgechat"]["method"], "awq");
}

TEST_F(CheckpointWriterTest, leavesATiedHeadOut) {
    HfFolder model = tinyLlamaFolder();
    model.config["tie_word_embeddings"] = true;
    ASSERT_NO_FATAL_FAILURE(open(model));
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    const Result<StoredWeights> weights = openWeights(out());
    ASSERT_TRUE(weights);
    for (const StoredTensor& tensor : weights->tensors) EXPECT_NE(tensor.name, "lm_head.weight");
    EXPECT_EQ(jsonOf(out() / "config.json")["tie_word_embeddings"], true);
}

TEST_F(CheckpointWriterTest, refusesWhatHalvesCannotHold) {
    const auto writer = create();
    ASSERT_TRUE(writer);
    OutputLayer layer = roundedLayer(*m_source, 1, m_form);
    layer.mlpNorm->weight[5] = 65505;
    const Result<void> written = writer->writeLayer(1, layer);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::badInput);
    EXPECT_EQ(written.error().message(),
              "cannot write the model tensor model.layers.1.post_attention_layernorm.weight: found 65505 as "
              "element 5, expected finite numbers of at most 65504 in size, which fp16 can hold");
    layer.mlpNorm->weight[5] = NAN;
    EXPECT_FALSE(writer->writeLayer(1, layer));
    layer.mlpNorm->weight[5] = -65504;
    EXPECT_TRUE(writer->writeLayer(1, layer));
    std::get<QuantizedMatrix>(layer.linears[LinearRole::up].weight).scales[3] = 0x7c00;
    const Result<void> infinite = writer->writeLayer(1, layer);
    ASSERT_FALSE(infinite);
    EXPECT_EQ(infinite.error().field, "tensor model.layers.1.mlp.up_proj.scales");
}

TEST_F(CheckpointWriterTest, namesTheElementOfTheEmbeddingThatIsTooLarge) {
    HfFolder model = tinyLlamaFolder();
    SafetensorsWriter::Tensor& embedding = model.weights.tensor("model.embed_tokens.weight");
    embedding.dtype = "F32";
    embedding.data.clear();
    for (int i = 0; i < 40 * 64; ++i)
        embedding.data += littleEndian(std::bit_cast<uint32_t>(i == 39 * 64 + 7 ? -1e5f : 0.5f));
    ASSERT_NO_FATAL_FAILURE(open(model));
    const auto writer = create();
    ASSERT_TRUE(writer);
    const Result<void> written = writer->writeRest();
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().field, "tensor model.embed_tokens.weight");
    EXPECT_EQ(written.error().found, "-100000 as element " + std::to_string(39 * 64 + 7));
}

TEST_F(CheckpointWriterTest, stopsWhenItIsAskedTo) {
    const auto writer = create();
    ASSERT_TRUE(writer);
    const Result<void> written = writer->writeRest([](uint64_t, uint64_t) { return false; });
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::interrupted);
    uint64_t last = 0, all = 0;
    EXPECT_TRUE(writer->writeRest([&](uint64_t done, uint64_t total) {
        last = done;
        all = total;
        return true;
    }));
    EXPECT_EQ(last, all);
    EXPECT_EQ(all, 2u * 2 * 40 * 64);  // embedding and head in fp16
}

TEST_F(CheckpointWriterTest, refusesFormsThatNoFolderHas) {
    m_form.linears[LinearRole::down].groupSize = 48;
    EXPECT_EQ(refusal().field, "mlp.down_proj");
    m_form = formOf(*m_source, Kind::int4);
    m_form.linears[LinearRole::down].kind = Kind::int8;
    EXPECT_EQ(refusal().found, "4-bit and 8-bit linears");
    m_form = formOf(*m_source, Kind::int4);
    m_form.linears.erase(LinearRole::gate);
    EXPECT_EQ(refusal().field, "mlp.gate_proj");
    EXPECT_FALSE(fs::exists(out()));
}

TEST_F(CheckpointWriterTest, refusesPartsOfAFusedMatrixWithSeveralGroupSizes) {
    ASSERT_NO_FATAL_FAILURE(open(tinyFalconFolder(TinyFalcon::multiQuery)));
    m_form.linears[LinearRole::key].groupSize = 16;
    EXPECT_EQ(refusal().field, "self_attention.query_key_value");
}

TEST_F(CheckpointWriterTest, namesAllOfAFalconsModuleWhereDenseAloneWouldMatchOthers) {
    ASSERT_NO_FATAL_FAILURE(open(tinyFalconFolder(TinyFalcon::multiQuery)));
    m_form.linears[LinearRole::output] = {Kind::dense, 0};
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    EXPECT_EQ(jsonOf(out() / "config.json")["quantization_config"]["modules_to_not_convert"],
              (nlohmann::json{"self_attention.dense", "lm_head"}));
}

TEST_F(CheckpointWriterTest, refusesALayerThatIsNotThePlannedOne) {
    const auto writer = create();
    ASSERT_TRUE(writer);
    const OutputLayer right = roundedLayer(*m_source, 0, m_form);
    EXPECT_FALSE(writer->writeLayer(2, right));
    OutputLayer layer = right;
    layer.linears.erase(LinearRole::up);
    EXPECT_FALSE(writer->writeLayer(0, layer));
    layer = right;
    layer.linears[LinearRole::up].bias.resize(128);
    EXPECT_FALSE(writer->writeLayer(0, layer));
    layer = right;
    std::get<QuantizedMatrix>(layer.linears[LinearRole::up].weight).codes[9] = 16;
    EXPECT_FALSE(writer->writeLayer(0, layer));
    layer = right;
    layer.activationScale.assign(128, 1.0f);
    EXPECT_FALSE(writer->writeLayer(0, layer));
    layer = right;
    layer.attentionNorm.weight.pop_back();
    EXPECT_FALSE(writer->writeLayer(0, layer));
}

TEST_F(CheckpointWriterTest, refusesTheSourceItself) {
    const std::string before = readFile(m_model.path() / "model.safetensors");
    EXPECT_FALSE(CheckpointWriter::create(*m_source, m_model.path() / ".", m_form));
    EXPECT_EQ(readFile(m_model.path() / "model.safetensors"), before);
}

TEST_F(CheckpointWriterTest, saysWhereItCannotWrite) {
    m_folder.write("out", "a file");
    EXPECT_EQ(refusal().file, out().string());
    fs::remove(out());
    fs::create_directories(out() / "model.safetensors");
    EXPECT_EQ(refusal().file, (out() / "model.safetensors").string());
    if (geteuid() == 0) GTEST_SKIP() << "root writes everywhere";
    fs::remove_all(out());
    fs::create_directory(out());
    fs::permissions(out(), fs::perms::owner_read | fs::perms::owner_exec);
    EXPECT_EQ(refusal().file, (out() / "model.safetensors").string());
    fs::permissions(out(), fs::perms::owner_all);
}

TEST_F(CheckpointWriterTest, saysWhenTheSourceHasGone) {
    m_model.write("tokenizer_config.json", "{}");
    fs::resize_file(m_model.path() / "model.safetensors", 2000);
    const auto writer = create();
    ASSERT_TRUE(writer);
    const Result<void> rest = writer->writeRest();
    ASSERT_FALSE(rest);
    EXPECT_EQ(rest.error().file, (m_model.path() / "model.safetensors").string());
    fs::remove(m_model.path() / "tokenizer_config.json");
    const Result<void> finished = writer->finish();
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().file, (m_model.path() / "tokenizer_config.json").string());
    EXPECT_FALSE(fs::exists(out() / "config.json"));
}

// In a child, whose limit on the size of files stands for a full disk.
template <class Work>
int exitCodeUnderLimit(uint64_t bytes, const Work& work) {
    const pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{bytes, bytes};
        _exit(setrlimit(RLIMIT_FSIZE, &limit) == 0 ? work() : 99);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(CheckpointWriterTest, saysWhenTheDiskIsFullBeforeAnythingIsComputed) {
    const int code = exitCodeUnderLimit(8192, [this] {
        Result<std::unique_ptr<CheckpointWriter>> writer = CheckpointWriter::create(*m_source, out(), m_form);
        if (writer) return 1;
        if (writer.error().file != (out() / "model.safetensors").string()) return 2;
        return writer.error().code == ErrorCode::doesNotFit ? 0 : 3;
    });
    EXPECT_EQ(code, 0);
    EXPECT_FALSE(fs::exists(out() / "model.safetensors"));  // what did not fit is taken away
}

TEST_F(CheckpointWriterTest, saysWhenTheDiskIsFullForAFileBesideTheWeights) {
    m_model.write("tokenizer.json", std::string(100000, ' '));
    const uint64_t weights = *outputBytes(*m_source, m_form);
    ASSERT_LT(weights, 90000u);
    const int code = exitCodeUnderLimit(90000, [this] {
        Result<std::unique_ptr<CheckpointWriter>> writer = CheckpointWriter::create(*m_source, out(), m_form);
        if (!writer) return 1;
        const Result<void> finished = (*writer)->finish();
        if (finished || finished.error().code != ErrorCode::doesNotFit) return 2;
        return finished.error().file.find("tokenizer.json") != std::string::npos ? 0 : 3;
    });
    EXPECT_EQ(code, 0);
    EXPECT_FALSE(fs::exists(out() / "tokenizer.json"));
    EXPECT_FALSE(fs::exists(out() / "config.json"));  // and so the folder is no model
}

TEST_F(CheckpointWriterTest, copiesTheFilesOfTokenizerAndLicenceAndNoOthers) {
    for (const char* name : {"tokenizer.json", "chat_template.jinja", "LICENSE.txt", "NOTICE", "USE.md",
                             "modeling_llama.py", "quant_config.json"})
        m_model.write(name, std::string("of ") + name);
    fs::create_directory(out());
    std::ofstream(out() / "tokenizer.model") << "of another model";
    ASSERT_TRUE(writeModel(*m_source, out(), m_form));
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(out())) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    EXPECT_EQ(names, (std::vector<std::string>{"LICENSE.txt", "NOTICE", "chat_template.jinja", "config.json",
                                               "model.safetensors", "tokenizer.json"}));
    EXPECT_EQ(readFile(out() / "NOTICE"), "of NOTICE");
}

}  // namespace
}  // namespace edgechat::quant
