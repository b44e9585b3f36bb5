// A source whose shards are on the disk one at a time: the same bytes come out as of one that lies there
// whole, and never more lies there than was said.
#include "quant/source_shards.h"

#include "quant/result_folder.h"
#include "tests/quant/quantize_job.h"

namespace edgechat::quant {
namespace {

using namespace testing;
using inference::Checkpoint;
using inference::Shards;
namespace fs = std::filesystem;

uint64_t bytesOf(const fs::path& folder) {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(folder)) bytes += entry.file_size();
    return bytes;
}

class SourceShards : public QuantizeJob {
  protected:
    SourceShards() { m_request.recipe.samples = 4; }

    fs::path all() const { return m_folder.path() / "all"; }

    /// The whole checkpoint in all(), and in source() what is there of it at the beginning: no shard.
    void write(const HfFolder& folder, size_t shards) {
        for (const fs::path& path : {all(), source()}) fs::remove_all(path);
        writeSource(folder, all(), shards);
        fs::create_directories(source());
        for (const auto& entry : fs::directory_iterator(all())) {
            const fs::path name = entry.path().filename();
            if (name.extension() != ".safetensors") {
                fs::copy(entry.path(), source() / name);
                continue;
            }
            const std::string content = readFile(entry.path());
            const uint64_t header = *inference::safetensorsHeaderBytes(content, name.string());
            std::ofstream(source() / (name.string() + ".header"), std::ios::binary)
                << content.substr(0, header);
            m_small += header;
        }
        m_small = bytesOf(source());
        m_headers = 0;
        for (const auto& entry : fs::directory_iterator(source()))
            m_headers += entry.path().extension() == ".header" ? entry.file_size() : 0;
    }

    std::unique_ptr<Checkpoint> open() const {
        Result<std::unique_ptr<Checkpoint>> checkpoint = Checkpoint::open(source(), Shards::onDemand);
        EXPECT_TRUE(checkpoint) << checkpoint.error().message();
        return checkpoint ? std::move(*checkpoint) : nullptr;
    }
    Result<QuantizationReport> runOnDemand(const QuantizeCallbacks& callbacks = {}) {
        const std::unique_ptr<Checkpoint> checkpoint = open();
        if (!checkpoint) return Error{};
        Result<std::unique_ptr<inference::Tokenizer>> tokenizer = inference::makeTokenizer(*checkpoint);
        if (!tokenizer) return tokenizer.error();
        return quantize(*checkpoint, **tokenizer, m_request, callbacks);
    }

    /// Bytes of the shards in source(), with their headers and what was taken out of them.
    void measure() { m_most = std::max(m_most, bytesOf(source()) - m_small + m_headers); }
    /// Puts the shard there that is needed next; false: none is.
    bool fetchNext() {
        const std::unique_ptr<Checkpoint> checkpoint = open();
        const std::vector<SourcePart> parts = partsLeft(*checkpoint, m_request.output);
        if (parts.empty()) return false;
        const std::vector<std::string> missing = missingShards(*checkpoint, parts.front());
        if (missing.empty()) return false;
        const Result<void> apart = takeApart(*checkpoint, parts.front(), missing.front());
        EXPECT_TRUE(apart) << apart.error().message();
        fs::copy(all() / missing.front(), source() / missing.front());
        m_fetched.push_back(missing.front());
        measure();
        return true;
    }
    static Error givenUp(const char* why) {
        Error error;
        error.what = why;
        return error;
    }
    /// To the end, a shard at a time.
    Result<QuantizationReport> finishOnDemand(const QuantizeCallbacks& callbacks = {}) {
        for (int turn = 0; turn < 100; ++turn) {
            Result<QuantizationReport> report = runOnDemand(callbacks);
            if (report || report.error().field != kShardField) return report;
            m_request.start = Start::resume;
            if (!fetchNext()) return givenUp("no shard is missing");
            while (fetchNext()) {
            }
        }
        return givenUp("no end");
    }
    std::map<std::string, std::string> plain() {
        const Result<QuantizationReport> report = run(all());
        EXPECT_TRUE(report) << report.error().message();
        auto content = contentOf(out());
        removeResult();
        return content;
    }
    void expectSame(const std::map<std::string, std::string>& expected) {
        const auto found = contentOf(out());
        ASSERT_EQ(found.size(), expected.size());
        for (const auto& [name, content] : expected) {
            ASSERT_EQ(found.count(name), 1u) << name;
            EXPECT_TRUE(found.at(name) == content) << name;
        }
    }

    uint64_t m_small = 0, m_headers = 0, m_most = 0;
    std::vector<std::string> m_fetched;
};

TEST_F(SourceShards, giveTheSameBytesAndTakeAsMuchRoomAsWasSaid) {
    for (const SmallFamily family : kSmallFamilies) {
        for (const size_t shards : {3, 4}) {
            SCOPED_TRACE(std::string(nameOf(family)) + ", " + std::to_string(shards) + " shards");
            m_request.recipe.method = family == SmallFamily::falcon11b ? Method::smoothquant : Method::awq;
            m_request.start = Start::fresh;
            m_most = 0;
            m_fetched.clear();
            write(layerByLayer(smallSource(family, "BF16", 4)), shards);
            const auto expected = plain();
            const uint64_t said = mostShardBytes(*open());
            const Result<QuantizationReport> report = finishOnDemand();
            ASSERT_TRUE(report) << report.error().message();
            ASSERT_NO_FATAL_FAILURE(expectSame(expected));
            // Every shard once, in its order.
            ASSERT_EQ(m_fetched.size(), shards);
            EXPECT_TRUE(std::is_sorted(m_fetched.begin(), m_fetched.end()));
            EXPECT_LE(m_most, said);
            EXPECT_LT(said, bytesOf(all()) * 3 / 4) << "something was gained";
            uint64_t whole = 0;
            for (const auto& entry : fs::directory_iterator(all()))
                whole += entry.path().extension() == ".safetensors" ? entry.file_size() : 0;
            EXPECT_EQ(report->sourceBytes, whole);
            removeResult();
        }
    }
}

/// Names in the order of the alphabet, as some programs store them, and the head in front: a layer's tensors
/// are all over the shards.
TEST_F(SourceShards, inAnyOrder) {
    HfFolder folder = smallSource(SmallFamily::llama, "F16", 11);
    std::vector<SafetensorsWriter::Tensor>& tensors = folder.weights.tensors;
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    ASSERT_EQ(tensors.front().name, "lm_head.weight");
    write(folder, 4);
    const auto expected = plain();
    const uint64_t said = mostShardBytes(*open());
    ASSERT_TRUE(finishOnDemand());
    ASSERT_NO_FATAL_FAILURE(expectSame(expected));
    EXPECT_LE(m_most, said);
    EXPECT_GT(m_fetched.size(), 4u) << "some come twice";
    EXPECT_LE(m_fetched.size(), 8u);

    removeResult();
    std::reverse(tensors.begin(), tensors.end());
    write(folder, 5);
    m_request.start = Start::fresh;
    m_most = 0;
    const uint64_t saidOfTheOther = mostShardBytes(*open());
    ASSERT_TRUE(finishOnDemand());
    ASSERT_NO_FATAL_FAILURE(expectSame(expected));
    EXPECT_LE(m_most, saidOfTheOther);
}

/// Where the disk has room for all of them nothing goes.
TEST_F(SourceShards, mayAllBeHere) {
    write(layerByLayer(smallSource(SmallFamily::mistral, "F16", 3)), 3);
    const auto expected = plain();
    for (const auto& entry : fs::directory_iterator(all())) {
        if (entry.path().extension() == ".safetensors")
            fs::copy(entry.path(), source() / entry.path().filename());
    }
    ASSERT_TRUE(runOnDemand());
    ASSERT_NO_FATAL_FAILURE(expectSame(expected));
}

TEST_F(SourceShards, aStopAtAnyCallIsGoneOnWith) {
    write(layerByLayer(smallSource(SmallFamily::llama, "F16", 3)), 3);
    const auto expected = plain();
    int calls = 0;
    QuantizeCallbacks counting;
    counting.onProgress = [&calls](int, int, const std::string&) { return ++calls > 0; };
    ASSERT_TRUE(finishOnDemand(counting));
    for (int call = 0; call < calls; call += std::max(1, calls / 30)) {
        SCOPED_TRACE("call " + std::to_string(call));
        removeResult();
        write(layerByLayer(smallSource(SmallFamily::llama, "F16", 3)), 3);
        m_request.start = Start::fresh;
        const Result<QuantizationReport> stopped = finishOnDemand(stopAt(call));
        ASSERT_FALSE(stopped);
        ASSERT_EQ(stopped.error().code, ErrorCode::interrupted) << stopped.error().message();
        m_request.start = Start::resume;
        const Result<QuantizationReport> report = finishOnDemand();
        ASSERT_TRUE(report) << report.error().message();
        ASSERT_NO_FATAL_FAILURE(expectSame(expected));
    }
}

TEST_F(SourceShards, theErrorNamesTheShardAndThePart) {
    write(layerByLayer(smallSource(SmallFamily::llama, "F16", 4)), 3);
    const Result<QuantizationReport> none = runOnDemand();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::badInput);
    EXPECT_EQ(none.error().field, kShardField);
    EXPECT_NE(none.error().message().find("no model-00001-of-00003.safetensors for the embedding"),
              std::string::npos)
        << none.error().message();
    EXPECT_FALSE(fs::exists(journalPath(out())));
    m_request.start = Start::resume;
    ASSERT_TRUE(fetchNext());
    const Result<QuantizationReport> first = runOnDemand();
    ASSERT_FALSE(first);
    EXPECT_NE(first.error().message().find("no model-00002-of-00003.safetensors for the layer 2"),
              std::string::npos)
        << first.error().message();
    EXPECT_EQ(Journal::load(journalPath(out()))->layers.size(), 1u);
}

/// What a crash leaves between the steps of taking apart.
TEST_F(SourceShards, aCrashWhileAShardIsTakenApart) {
    write(layerByLayer(smallSource(SmallFamily::llama, "F16", 4)), 3);
    const auto expected = plain();
    m_request.start = Start::resume;
    ASSERT_TRUE(fetchNext());
    ASSERT_FALSE(runOnDemand());
    const std::string shard = "model-00001-of-00003.safetensors";
    // The rest is half written; then it is there, and the shard still is, too.
    std::ofstream(source() / (shard + ".rest.part")) << "half";
    ASSERT_TRUE(fetchNext());
    ASSERT_TRUE(fs::exists(source() / (shard + ".rest")));
    EXPECT_FALSE(fs::exists(source() / (shard + ".rest.part")));
    fs::copy(all() / shard, source() / shard);
    fs::remove(source() / "model-00002-of-00003.safetensors");
    ASSERT_TRUE(fetchNext());
    EXPECT_FALSE(fs::exists(source() / shard));
    const Result<QuantizationReport> report = finishOnDemand();
    ASSERT_TRUE(report) << report.error().message();
    ASSERT_NO_FATAL_FAILURE(expectSame(expected));
}

TEST_F(SourceShards, anotherSourceIsNotResumed) {
    write(layerByLayer(smallSource(SmallFamily::llama, "F16", 4)), 3);
    m_request.start = Start::resume;
    ASSERT_TRUE(fetchNext());
    ASSERT_FALSE(runOnDemand());
    // The time of a file says nothing here, where files come and go.
    const fs::path header = source() / "model-00003-of-00003.safetensors.header";
    fs::last_write_time(header, fs::last_write_time(header) + std::chrono::seconds(5));
    EXPECT_EQ(runOnDemand().error().field, kShardField);
    // A header that says the same in eight bytes more.
    std::string other = readFile(header);
    ASSERT_LT(static_cast<unsigned char>(other[0]), 248);
    other[0] = static_cast<char>(other[0] + 8);
    std::ofstream(header, std::ios::binary) << other << "        ";
    const Result<QuantizationReport> refused = runOnDemand();
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().field.find("source file model-00003-of-00003.safetensors"), std::string::npos)
        << refused.error().message();
}

TEST_F(SourceShards, aShardThatIsNotTheHeadersIsRefused) {
    write(layerByLayer(smallSource(SmallFamily::llama, "F16", 4)), 3);
    const std::string shard = "model-00002-of-00003.safetensors";
    const auto expectRefusal = [this](const char* found) {
        const Result<std::unique_ptr<Checkpoint>> opened = Checkpoint::open(source(), Shards::onDemand);
        ASSERT_FALSE(opened);
        EXPECT_NE(opened.error().message().find(found), std::string::npos) << opened.error().message();
    };
    for (const char* name : {"", ".rest"}) {
        fs::copy(all() / "model-00003-of-00003.safetensors", source() / (shard + name));
        expectRefusal("other tensors than in model-00002-of-00003.safetensors.header");
        fs::remove(source() / (shard + name));
    }
    std::ofstream(source() / shard, std::ios::binary) << readFile(all() / shard).substr(0, 9000);
    expectRefusal("is the download complete?");
    fs::remove(source() / shard);
    const std::string header = readFile(source() / (shard + ".header"));
    std::ofstream(source() / (shard + ".header"), std::ios::binary) << header.substr(0, header.size() - 10);
    expectRefusal("a header inside the file");
    std::ofstream(source() / (shard + ".header"), std::ios::binary) << header << "more";
    expectRefusal("the header's");
    fs::remove(source() / (shard + ".header"));
    expectRefusal("the header of a safetensors file");
}

/// Weights that are away cannot be read by mistake.
TEST_F(SourceShards, awayIsAnErrorAndNotZeros) {
    write(layerByLayer(smallSource(SmallFamily::llama, "F16", 2)), 2);
    const std::unique_ptr<Checkpoint> checkpoint = open();
    EXPECT_FALSE(checkpoint->readVector(checkpoint->tensors().outputNorm.weight));
    EXPECT_FALSE(checkpoint->readVector(checkpoint->tensors().embedding));
}

TEST_F(SourceShards, anOlderJournalCountsWhatItHadToHaveWritten) {
    Journal journal;
    journal.layers.emplace_back();
    const fs::path file = m_folder.path() / "journal.json";
    ASSERT_TRUE(journal.save(file));
    EXPECT_TRUE(Journal::load(file)->written.empty());
    nlohmann::json json = nlohmann::json::parse(readFile(file));
    json.erase("written");
    std::ofstream(file) << json;
    EXPECT_EQ(Journal::load(file)->written.size(), 3u);
    json["layers"] = nlohmann::json::array();
    std::ofstream(file) << json;
    EXPECT_TRUE(Journal::load(file)->written.empty());
    json["written"] = {1};
    std::ofstream(file) << json;
    EXPECT_FALSE(Journal::load(file));
}

}  // namespace
}  // namespace edgechat::quant
