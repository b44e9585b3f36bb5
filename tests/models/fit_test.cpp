// What is planned before a download is what the engine plans when the model is here, to the byte.
#include "models/fit.h"

#include <gtest/gtest.h>

#include "inference/text/tokenizer.h"
#include "quant/quantize.h"
#include "tests/data/gguf_writer.h"
#include "tests/quant/small_source.h"

namespace edgechat::models {
namespace {

using inference::Checkpoint;
using inference::KvKind;
using inference::MemoryPlan;
using testing::HfFolder;
using testing::Int4Form;
using testing::SmallFamily;
using testing::TemporaryFolder;

/// What a Hub would list of a folder.
std::vector<RepositoryFile> listingOf(const std::filesystem::path& folder) {
    std::vector<RepositoryFile> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        files.push_back({QString::fromStdString(entry.path().filename().string()), entry.file_size(), {}});
    return files;
}

QByteArray contentOf(const std::filesystem::path& file) {
    return QByteArray::fromStdString(testing::readFile(file));
}

/// From nothing but names, sizes and config.json.
Result<PlannedModel> planFolder(const std::filesystem::path& folder,
                                const std::optional<quant::Recipe>& recipe = {}) {
    const Result<std::vector<ModelFiles>> models = modelsOf(listingOf(folder), QStringLiteral("org/name"));
    if (!models) return models.error();
    return planModel(models->front(), contentOf(folder / "config.json"), {}, recipe);
}

/// Memory as planned beforehand and as the engine plans it for the same model on the disk.
void expectTruth(const PlannedModel& planned, const std::filesystem::path& folder) {
    const auto checkpoint = Checkpoint::open(folder);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    ASSERT_TRUE(planned.loaded);
    for (const int context : {64, 100, 2048}) {
        for (const KvKind kv : {KvKind::fp16, KvKind::int8}) {
            const MemoryPlan truth = inference::planMemory(**checkpoint, context, kv);
            const MemoryFit fit = memoryFit(planned, context, kv, uint64_t{1} << 40);
            EXPECT_EQ(fit.weights, truth.weights);
            EXPECT_EQ(fit.kv, truth.kv);
            EXPECT_EQ(fit.scratch, truth.scratch);
            EXPECT_TRUE(fit.exact);
        }
    }
    EXPECT_EQ(planned.loaded->config().parameters, (*checkpoint)->config().parameters);
    EXPECT_EQ(planned.loaded->config().quantization, (*checkpoint)->config().quantization);
}

void writeSource(SmallFamily family, const TemporaryFolder& folder, const std::string& dtype = "F16") {
    testing::writeSource(testing::smallSource(family, dtype), folder.path());
}

TEST(Fit, anUnquantizedFolderIsPlannedAsItIsLoaded) {
    for (const SmallFamily family : testing::kSmallFamilies) {
        SCOPED_TRACE(testing::nameOf(family));
        const TemporaryFolder folder;
        writeSource(family, folder);
        const Result<PlannedModel> planned = planFolder(folder.path());
        ASSERT_TRUE(planned) << planned.error().message();
        EXPECT_FALSE(planned->quantizes);
        expectTruth(*planned, folder.path());
    }
}

TEST(Fit, fp32IsSeenByTheSizes) {
    const TemporaryFolder folder;
    writeSource(SmallFamily::llama, folder, "F32");
    const Result<PlannedModel> planned = planFolder(folder.path());
    ASSERT_TRUE(planned) << planned.error().message();
    EXPECT_EQ(planned->loaded->tensors().embedding.type, inference::TensorType::f32);
    expectTruth(*planned, folder.path());
}

TEST(Fit, anAwqFolderIsPlannedAsItIsLoaded) {
    for (const Int4Form form : {Int4Form::gemm, Int4Form::compressed}) {
        for (const int groupSize : {32, 64}) {
            const TemporaryFolder folder;
            HfFolder model = testing::tinyLlamaFolder();
            testing::quantizeFolder(model, form, groupSize);
            model.writeTo(folder);
            const Result<PlannedModel> planned = planFolder(folder.path(), quant::Recipe{});
            ASSERT_TRUE(planned) << planned.error().message();
            EXPECT_FALSE(planned->quantizes) << "it is quantized already";
            EXPECT_EQ(planned->outputBytes, 0u);
            expectTruth(*planned, folder.path());
        }
    }
}

/// Quantizes a folder with the real quantizer.
void quantize(const std::filesystem::path& source, const std::filesystem::path& output,
              const quant::Recipe& recipe) {
    const auto checkpoint = Checkpoint::open(source);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const auto tokenizer = inference::makeTokenizer(**checkpoint);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message();
    quant::QuantizeRequest request;
    request.output = output;
    request.recipe = recipe;
    request.calibration = testing::readFile(std::filesystem::path(EDGECHAT_TESTS_DATA) / "plain_text.txt");
    request.calibrationName = "plain_text.txt";
    const auto report = quant::quantize(**checkpoint, **tokenizer, request, {});
    ASSERT_TRUE(report) << report.error().message();
}

TEST(Fit, whatTheQuantizerMakesIsPlannedBeforeItRuns) {
    for (const SmallFamily family : testing::kSmallFamilies) {
        for (const quant::Method method : {quant::Method::rtn, quant::Method::smoothquant}) {
            // The forms of int8 differ with the family's way to name its matrices alone.
            if (method == quant::Method::smoothquant && family != SmallFamily::llama &&
                family != SmallFamily::falcon7b)
                continue;
            SCOPED_TRACE(std::string(testing::nameOf(family)) + " " + quant::methodName(method));
            const TemporaryFolder folder;
            const std::filesystem::path source = folder.path() / "source", output = folder.path() / "out";
            testing::writeSource(testing::smallSource(family), source);
            quant::Recipe recipe;
            recipe.method = method;
            recipe.window = 32, recipe.samples = 4;
            const Result<PlannedModel> planned = planFolder(source, recipe);
            ASSERT_TRUE(planned) << planned.error().message();
            EXPECT_TRUE(planned->quantizes);
            ASSERT_NO_FATAL_FAILURE(quantize(source, output, recipe));
            expectTruth(*planned, output);
            uint64_t weights = 0;
            for (const RepositoryFile& file : listingOf(output))
                weights += file.path.endsWith(QLatin1String(".safetensors")) ? file.bytes : 0;
            uint64_t companions = 0;
            for (const RepositoryFile& file : listingOf(source))
                companions += file.path.endsWith(QLatin1String(".safetensors")) ? 0 : file.bytes;
            EXPECT_EQ(planned->outputBytes, weights + companions);
        }
    }
}

TEST(Fit, filesOfAnotherSizeMakeAnEstimate) {
    const TemporaryFolder folder;
    writeSource(SmallFamily::llama, folder);
    Result<std::vector<ModelFiles>> models = modelsOf(listingOf(folder.path()), QStringLiteral("org/name"));
    ASSERT_TRUE(models);
    const QByteArray config = contentOf(folder.path() / "config.json");
    const Result<PlannedModel> right = planModel(models->front(), config, {}, {});
    ASSERT_TRUE(right);
    EXPECT_TRUE(right->exact);
    EXPECT_TRUE(right->notes.isEmpty());
    // 40 MB that no tensor of this shape accounts for.
    models->front().weights[0].bytes += 40'000'000;
    nlohmann::json quantized = nlohmann::json::parse(config.toStdString());
    quantized["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 32}};
    const Result<PlannedModel> odd =
        planModel(models->front(), QByteArray::fromStdString(quantized.dump()), {}, {});
    ASSERT_TRUE(odd) << odd.error().message();
    EXPECT_FALSE(odd->exact);
    EXPECT_FALSE(odd->notes.isEmpty());
    EXPECT_GT(odd->otherWeights, 39'000'000u);
    EXPECT_FALSE(memoryFit(*odd, 256, KvKind::fp16, uint64_t{1} << 40).exact);
}

TEST(Fit, largestContextIsTheLastThatFits) {
    const TemporaryFolder folder;
    writeSource(SmallFamily::llama, folder);
    const Result<PlannedModel> planned = planFolder(folder.path());
    ASSERT_TRUE(planned);
    const auto total = [&](int context) { return memoryFit(*planned, context, KvKind::fp16, 0).total(); };
    // The model was trained for 256 tokens; contexts below are not offered.
    EXPECT_EQ(memoryFit(*planned, 256, KvKind::fp16, total(256)).largestContext, 256);
    EXPECT_EQ(memoryFit(*planned, 256, KvKind::fp16, total(256) - 1).largestContext, 0);
    EXPECT_TRUE(memoryFit(*planned, 256, KvKind::fp16, total(256)).fits());
    EXPECT_FALSE(memoryFit(*planned, 256, KvKind::fp16, total(256) - 1).fits());
}

TEST(Fit, ggufIsJudgedByItsFile) {
    ModelFiles files;
    files.kind = ModelFiles::Kind::gguf;
    files.variant = QStringLiteral("a-Q8_0");
    files.weights = {{QStringLiteral("a-Q8_0.gguf"), 1'000'000'000, {}}};
    const Result<PlannedModel> q8 = planModel(files, {}, {}, quant::Recipe{});
    ASSERT_TRUE(q8);
    const MemoryFit alone = memoryFit(*q8, 4096, KvKind::fp16, 2'000'000'000);
    EXPECT_EQ(alone.weights, 1'000'000'000u) << "INT8 is kept as it is stored";
    EXPECT_FALSE(alone.exact);
    EXPECT_FALSE(alone.contextKnown);
    EXPECT_EQ(alone.kv, 0u);
    EXPECT_TRUE(alone.fits());

    files.variant = QStringLiteral("a-Q6_K");
    const Result<PlannedModel> q6 = planModel(files, {}, {}, {});
    ASSERT_TRUE(q6);
    // 6.5625 bits become 8.5.
    EXPECT_EQ(q6->otherWeights, 1'295'238'095u);

    const QByteArray config = QByteArray::fromStdString(testing::tinyLlamaFolder().config.dump());
    const Result<PlannedModel> withShape = planModel(files, config, {}, {});
    ASSERT_TRUE(withShape);
    const MemoryFit known = memoryFit(*withShape, 128, KvKind::fp16, 2'000'000'000);
    EXPECT_TRUE(known.contextKnown);
    EXPECT_EQ(known.kv, 2u * 2 * 128 * 32 * 2) << "keys and values of 2 layers, 2 heads of 16, 2 bytes";
    EXPECT_EQ(known.weights, 1'295'238'095u);

    files.variant = QStringLiteral("a-IQ3_XXS");
    EXPECT_FALSE(planModel(files, {}, {}, {}));
}

TEST(Fit, ggufOfTheTinyModelTakesAtMostWhatIsSaid) {
    const testing::TemporaryFile file(testing::tinyModel({}).bytes());
    const auto checkpoint = Checkpoint::open(file.path());
    ASSERT_TRUE(checkpoint);
    ModelFiles files;
    files.kind = ModelFiles::Kind::gguf;
    files.variant = QStringLiteral("tiny-Q4_1");
    files.weights = {{QStringLiteral("tiny-Q4_1.gguf"), std::filesystem::file_size(file.path()), {}}};
    const Result<PlannedModel> planned = planModel(files, {}, {}, {});
    ASSERT_TRUE(planned);
    EXPECT_GE(planned->otherWeights, inference::planMemory(**checkpoint, 64, KvKind::fp16).weights);
}

TEST(Fit, diskHoldsSourceAndResultOrAFileAtATime) {
    PlannedModel model;
    model.sourceBytes = 14'000, model.sourceAtOnce = 5'000, model.outputBytes = 4'000, model.workBytes = 300;
    EXPECT_EQ(diskFit(model, 18'300).needed(), 18'300u);
    EXPECT_TRUE(diskFit(model, 18'300).fits());
    EXPECT_FALSE(diskFit(model, 18'300).fileByFile());
    EXPECT_EQ(diskFit(model, 18'299).needed(), 9'300u);
    EXPECT_TRUE(diskFit(model, 18'299).fileByFile());
    EXPECT_TRUE(diskFit(model, 9'300).fits());
    EXPECT_FALSE(diskFit(model, 9'299).fits());
    EXPECT_EQ(diskFit(model, 0).needed(), 18'300u) << "nothing is known of the disk";
    EXPECT_EQ(diskFit(model, 0, 10'000).needed(), 8'300u) << "what is here is not fetched again";
    EXPECT_EQ(diskFit(model, 0, 20'000).source, 0u);
    EXPECT_TRUE(diskFit(model, 300, 9'000).fits()) << "4,000 go and 4,000 come";
    EXPECT_FALSE(diskFit(model, 299, 9'000).fits());
    model.sourceAtOnce = 0;
    EXPECT_FALSE(diskFit(model, 18'299).fits()) << "one file, or no result: nothing can be deleted";
}

TEST(Fit, refusesByNameWhatTheEngineDoesNotRun) {
    ModelFiles files;
    files.weights = {{QStringLiteral("model.safetensors"), 1000, {}}};
    const auto field = [&files](const QByteArray& config) {
        const Result<PlannedModel> planned = planModel(files, config, {}, {});
        EXPECT_FALSE(planned);
        return planned ? std::string() : planned.error().field;
    };
    EXPECT_EQ(field(R"({"architectures":["BertModel"],"model_type":"bert"})"), "model_type");
    nlohmann::json config = testing::tinyLlamaFolder().config;
    config["quantization_config"] = {{"quant_method", "gptq"}, {"bits", 4}};
    EXPECT_EQ(field(QByteArray::fromStdString(config.dump())), "quantization_config.quant_method");
    config["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 48}};
    EXPECT_EQ(field(QByteArray::fromStdString(config.dump())), "group_size");
    for (const char* text : {"", "{", "[]"}) EXPECT_FALSE(planModel(files, text, {}, {}));
}

TEST(Fit, freeDiskOfAFolderThatIsNotThereYet) {
    EXPECT_GT(freeDiskBytes(QStringLiteral("/tmp/not/there/yet")), 0u);
}

}  // namespace
}  // namespace edgechat::models
