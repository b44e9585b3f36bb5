#include "quant/quantize.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

#include "quant/evaluation.h"
#include "quant/hidden_states.h"
#include "quant/kernels/kernels.h"
#include "quant/output/output_file.h"
#include "quant/perplexity.h"
#include "quant/report_file.h"
#include "quant/result_folder.h"
#include "quant/smoothquant.h"
#include "quant/source_shards.h"

namespace edgechat::quant {

using inference::Checkpoint;
using inference::ModelConfig;
namespace fs = std::filesystem;

namespace {

constexpr const char* kComputedWith = "computed with";  // of the journal's identity: DenseProduct::name()

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string megabytes(uint64_t bytes) {
    return std::to_string((bytes + 999'999) / 1'000'000) + " MB";
}

Error interrupted(const fs::path& folder) {
    return Error{ErrorCode::interrupted,
                 "the quantization was stopped",
                 folder.string(),
                 "",
                 "",
                 "--resume to go on from the last finished layer"};
}

/// Inputs up to here have squares, and sums of them, that fp32 holds.
constexpr float kLargestInput = 1e15f;

bool measurable(const std::map<InputSite, SiteStatistics>& statistics) {
    return std::all_of(statistics.begin(), statistics.end(), [](const auto& site) {
        const std::vector<float>& largest = site.second.largestAbsolute;
        return std::all_of(largest.begin(), largest.end(), [](float x) { return x <= kLargestInput; });
    });
}

/// What a result depends on beside the recipe: where the Gram matrices were cut for want of memory.
std::string partsText(const std::map<InputSite, int>& blocks) {
    std::string text;
    for (const auto& [site, parts] : blocks) {
        constexpr std::array<const char*, 4> kNames = {"attention", "output", "mlp", "down"};
        text += std::string(text.empty() ? "" : ", ") + kNames[static_cast<size_t>(site)] + " in " +
                std::to_string(parts) + " parts";
    }
    return text.empty() ? "for whole Gram matrices" : "for Gram matrices of " + text;
}

/// Bytes that files in a folder's file system may still take; 0: unknown.
uint64_t freeBytes(fs::path folder) {
    std::error_code error;
    while (!folder.empty() && !fs::exists(folder, error)) {
        const fs::path parent = folder.parent_path();
        if (parent == folder) break;
        folder = parent;
    }
    struct statvfs status = {};
    if (::statvfs(folder.empty() ? "." : folder.c_str(), &status) != 0) return 0;
    return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
}

class Job {
  public:
    Job(const Checkpoint& source, const inference::Tokenizer& tokenizer, const QuantizeRequest& request,
        const QuantizeCallbacks& callbacks)
        : m_source(source),
          m_tokenizer(tokenizer),
          m_request(request),
          m_callbacks(callbacks),
          m_config(source.config()),
          m_partial(partialPath(request.output)),
          m_work(workPath(request.output)),
          m_journalFile(journalPath(request.output)) {}

    Result<QuantizationReport> run() {
        const Clock::time_point begin = Clock::now();
        if (Result<void> ready = prepare(); !ready) return ready.error();
        Result<std::optional<QuantizationReport>> done = openFolder();
        if (!done) return done.error();
        if (*done) return std::move(**done);
        inference::cpu::ThreadPool pool(m_request.threads);
        const std::unique_ptr<DenseProduct> product = makeCublasProduct(makeDenseProduct(pool));
        if (Result<void> same = checkComputedWith(product->name()); !same) return same.error();
        Result<std::unique_ptr<CheckpointWriter>> writer =
            CheckpointWriter::create(m_source, m_partial, m_plan.form);
        if (!writer) return writer.error();
        const double before = m_journal.seconds;
        if (!(*writer)->resumed()) {
            if (!m_journal.layers.empty()) {
                std::error_code ignored;
                for (const fs::path& empty : weightsFiles(m_partial)) fs::remove(empty, ignored);
                return lostWeights();
            }
            if (!m_journal.written.empty()) {
                m_journal.written.clear();
                if (Result<void> saved = m_journal.save(m_journalFile); !saved) return saved.error();
            }
        }
        // First, so that what is wrong with them costs no hours; those that are not here later.
        if (Result<void> rest = writeRest(**writer, false); !rest) return rest.error();
        for (int layer = static_cast<int>(m_journal.layers.size()); layer < m_config.layers; ++layer) {
            if (Result<void> done = quantizeLayer(layer, **writer, pool, *product); !done)
                return done.error();
            m_journal.seconds = before + secondsSince(begin);
            if (Result<void> saved = m_journal.save(m_journalFile); !saved) return saved.error();
            std::error_code ignored;
            for (const Stream stream : streams()) fs::remove(hiddenFile(stream, layer), ignored);
            m_source.dropPageCache();
        }
        if (Result<void> rest = writeRest(**writer, true); !rest) return rest.error();
        if (!goOn("report")) return interrupted(m_partial);
        QuantizationReport report =
            makeReport((*writer)->outputBytes(), before + secondsSince(begin), *product);
        if (Result<void> evaluated = evaluate(report, pool, *product); !evaluated) return evaluated.error();
        if (Result<void> finished = finish(**writer, report); !finished) return finished.error();
        return report;
    }

  private:
    void say(const std::string& text) const {
        if (m_callbacks.onMessage) m_callbacks.onMessage(text);
    }

    bool goOn(const std::string& detail) const {
        return !m_callbacks.onProgress ||
               m_callbacks.onProgress(static_cast<int>(m_journal.layers.size()), m_config.layers, detail);
    }

    /// Residual streams that go through the layers side by side.
    enum class Stream {
        calibration,    ///< calibration windows in the source
        judgeSource,    ///< windows of the evaluation text in the source
        judgeQuantized  ///< the same in the quantized layers
    };

    std::vector<Stream> streams() const {
        std::vector<Stream> all = {Stream::calibration};
        if (m_judgeWindows.count() > 0) all.insert(all.end(), {Stream::judgeSource, Stream::judgeQuantized});
        return all;
    }

    const CalibrationWindows& windowsOf(Stream stream) const {
        return stream == Stream::calibration ? m_windows : m_judgeWindows;
    }

    /// The stream in front of a layer, or behind the last.
    fs::path hiddenFile(Stream stream, int layer) const {
        static constexpr const char* kNames[] = {"calibration", "judge-source", "judge-quantized"};
        return m_work /
               (std::string(kNames[static_cast<size_t>(stream)]) + "-" + std::to_string(layer) + ".f32");
    }

    Result<HiddenStates> openStream(Stream stream, int layer) const {
        return HiddenStates::open(hiddenFile(stream, layer),
                                  static_cast<int64_t>(windowsOf(stream).ids.size()), m_config.hidden);
    }

    Result<NewHiddenStates> createStream(Stream stream, int layer) const {
        return NewHiddenStates::create(hiddenFile(stream, layer), m_config.hidden);
    }

    int window() const { return std::min(m_request.recipe.window, m_config.context); }

    InputWeights inputWeights() const {
        const Recipe& recipe = m_request.recipe;
        return recipe.method != Method::smoothquant && recipe.ingredients.weights ? InputWeights::effect
                                                                                  : InputWeights::equal;
    }

    Result<void> prepare() {
        if (Result<void> dense = checkDense(m_source); !dense) return dense;
        const int64_t samples =
            m_request.recipe.samples > 0 ? m_request.recipe.samples : defaultSamples(m_config);
        Result<CalibrationWindows> windows =
            cutWindows(m_request.calibration, m_request.calibrationName, m_tokenizer, window(), samples,
                       m_request.recipe.seed);
        if (!windows) return windows.error();
        m_windows = std::move(*windows);
        if (m_request.recipe.method == Method::awq || m_request.recipe.method == Method::smoothquant) {
            for (const std::string& warning : m_windows.warnings) say("warning: " + warning);
        }
        if (!m_request.evaluation.empty()) {
            const std::vector<int> ids =
                m_tokenizer.encode(m_request.evaluation, inference::SpecialTokens::asText);
            m_judgeWindows.window = m_windows.window;
            m_judgeWindows.ids = evaluationWindows(
                ids, {Protocol::half, m_windows.window, m_tokenizer.addsBos() ? m_tokenizer.bos() : -1});
            if (m_judgeWindows.ids.empty()) {
                return Error{ErrorCode::badInput,
                             "the evaluation text is too short:",
                             m_request.evaluationName,
                             "",
                             std::to_string(ids.size()) + " tokens",
                             "at least a window of " + std::to_string(m_windows.window)};
            }
        }
        Result<Plan> plan = makePlan(m_source, m_request.recipe, m_windows.count(), m_windows.window,
                                     m_request.threads, m_request.memoryLimit);
        if (!plan) return plan.error();
        m_plan = std::move(*plan);
        for (const std::string& warning : m_plan.warnings) say("warning: " + warning);
        m_identity = identityOf(m_source, m_request.recipe, {m_windows, m_request.calibrationName},
                                {m_judgeWindows, m_request.evaluationName});
        m_identity["memory"] = partsText(m_plan.blocks);
        return {};
    }

    /// @param begun  --resume or --restart found files that are a part of the result, or go
    Result<void> checkDisk(bool begun) const {
        const uint64_t needed = m_plan.outputBytes + m_plan.workBytes;
        say("needs about " + megabytes(m_plan.memoryBytes) + " of memory, and on the disk " +
            megabytes(m_plan.outputBytes) + " for the result and " + megabytes(m_plan.workBytes) +
            " meanwhile");
        uint64_t have = freeBytes(m_partial);
        if (begun) have += m_plan.outputBytes;
        if (have != 0 && have < needed) {
            return Error{ErrorCode::doesNotFit,
                         "cannot quantize to",
                         m_request.output.string(),
                         "",
                         megabytes(have) + " free on the disk",
                         megabytes(needed)};
        }
        return {};
    }

    /// @return the report, where --resume finds what it was to make; an error where something else is
    Result<std::optional<QuantizationReport>> checkOutput() const {
        std::error_code error;
        const fs::path& output = m_request.output;
        const fs::file_status status = fs::symlink_status(output, error);
        if (!fs::exists(status) || (fs::is_directory(status) && fs::is_empty(output, error)))
            return std::optional<QuantizationReport>();
        std::string found = "something that is there already";
        std::optional<Finished> finished;
        if (m_request.start == Start::resume && fs::is_directory(status)) finished = readFinished(output);
        if (finished) {
            const Result<void> same = checkSame(finished->identity, m_identity, output);
            if (same && weightsBytes(output) == m_plan.outputBytes) {
                say("finished already: " + output.string());
                return std::optional(std::move(finished->report));
            }
            if (!same) found = "a finished quantization with another " + same.error().field;
        }
        return Error{ErrorCode::badInput,
                     "cannot quantize to",
                     output.string(),
                     "",
                     found,
                     "a folder that does not exist yet"};
    }

    /// Takes the folder and makes it ready for the next layer.
    /// @return the report, where nothing is left to do
    Result<std::optional<QuantizationReport>> openFolder() {
        if (auto done = checkOutput(); !done || *done) return done;
        Result<PartialFolder> folder = PartialFolder::take(m_request.output);
        if (!folder) return folder.error();
        m_folder = std::move(*folder);
        // Another program may have finished it meanwhile.
        if (auto done = checkOutput(); !done || *done) return done;
        const bool begun = !m_folder->empty();
        if (begun && m_request.start == Start::fresh) {
            return Error{ErrorCode::badInput,
                         "cannot quantize to",
                         m_request.output.string(),
                         "",
                         "an unfinished quantization in " + m_partial.string(),
                         "--resume or --restart"};
        }
        if (begun && m_request.start == Start::resume) {
            if (std::optional<Finished> finished = readFinished(m_partial)) return publish(*finished);
        }
        if (Result<void> room = checkDisk(begun); !room) return room.error();
        std::error_code error;
        const bool resumes = begun && m_request.start == Start::resume && fs::exists(m_journalFile, error);
        if (Result<void> ready = resumes ? readJournal() : beginAnew(); !ready) return ready.error();
        return std::optional<QuantizationReport>();
    }

    /// What is left to do with a folder that has everything.
    Result<std::optional<QuantizationReport>> publish(const Finished& finished) {
        if (Result<void> same = checkSame(finished.identity, m_identity, m_partial / kReportName); !same)
            return same.error();
        if (weightsBytes(m_partial) != m_plan.outputBytes) return lostWeights();
        if (Result<void> published = m_folder->publish(); !published) return published.error();
        return std::optional(finished.report);
    }

    Result<void> readJournal() {
        Result<Journal> journal = Journal::load(m_journalFile);
        if (!journal) return journal.error();
        Identity began = journal->identity;
        began.erase(kComputedWith);
        if (Result<void> same = checkSame(began, m_identity, m_journalFile); !same) return same;
        if (journal->layers.size() > static_cast<size_t>(m_config.layers)) {
            return Error{ErrorCode::badInput,
                         "cannot go on with",
                         m_journalFile.string(),
                         "layers",
                         std::to_string(journal->layers.size()),
                         "at most " + std::to_string(m_config.layers)};
        }
        if (!journal->layers.empty() && weightsBytes(m_partial) != m_plan.outputBytes) return lostWeights();
        m_journal = std::move(*journal);
        // What a kill behind the last layer's line in the journal left.
        std::error_code ignored;
        const int done = static_cast<int>(m_journal.layers.size());
        for (const Stream stream : streams()) fs::remove(hiddenFile(stream, done - 1), ignored);
        if (!m_journal.layers.empty())
            say("goes on after layer " + std::to_string(m_journal.layers.size()) + " of " +
                std::to_string(m_config.layers));
        return {};
    }

    /// Dense products of another make round differently, so layers that are done would not fit those to come.
    Result<void> checkComputedWith(const std::string& name) {
        std::string& began = m_journal.identity[kComputedWith];
        if (began.empty() || m_journal.layers.empty()) began = name;
        if (began == name) return {};
        return checkSame({{kComputedWith, began}}, {{kComputedWith, name}}, m_journalFile);
    }

    Result<void> beginAnew() {
        if (Result<void> cleared = m_folder->clear(); !cleared) return cleared;
        if (Result<void> made = makeFolder(m_work); !made) return made;
        m_journal.identity = m_identity;
        if (Result<void> embedded = embed(); !embedded) return embedded;
        return m_journal.save(m_journalFile);
    }

    /// What is in no layer, as far as it is here and not written yet.
    /// @param all  nothing may be missing
    Result<void> writeRest(CheckpointWriter& writer, bool all) {
        for (const RestPart part : kRestParts) {
            if (m_journal.written.count(restPartName(part)) > 0) continue;
            const SourcePart read = restPart(m_source, part);
            if (all) {
                if (Result<void> here = checkHere(read); !here) return here;
            } else if (!missingShards(m_source, read).empty()) {
                continue;
            }
            Result<void> written =
                writer.writeRestPart(part, [this](uint64_t, uint64_t) { return goOn("embedding and head"); });
            if (!written && written.error().code == ErrorCode::interrupted) return interrupted(m_partial);
            if (!written) return written;
            m_journal.written.insert(restPartName(part));
            if (Result<void> saved = m_journal.save(m_journalFile); !saved) return saved;
        }
        return {};
    }

    /// Before anything of a part is read.
    Result<void> checkHere(const SourcePart& part) const {
        const std::vector<std::string> missing = missingShards(m_source, part);
        if (missing.empty()) return {};
        return Error{ErrorCode::badInput,
                     "cannot go on with the quantization in",
                     m_partial.string(),
                     kShardField,
                     "no " + missing.front() + " for the " + part.name,
                     "that file in " + m_source.path().string() + "; --resume goes on"};
    }

    /// The layers that the journal counts are not there.
    Error lostWeights() const {
        return Error{
            ErrorCode::badInput, "cannot go on with the quantization in", m_partial.string(),
            "model.safetensors", "other weights files than it had begun", "those; --restart begins anew"};
    }

    Result<void> embed() {
        if (Result<void> here = checkHere(restPart(m_source, RestPart::embedding)); !here) return here;
        for (const Stream stream : streams()) {
            Result<NewHiddenStates> states = createStream(stream, 0);
            if (!states) return states.error();
            if (Result<void> embedded = embedTokens(m_source, windowsOf(stream), *states); !embedded)
                return embedded;
            if (Result<void> kept = states->keep(); !kept) return kept;
        }
        return {};
    }

    Result<void> quantizeLayer(int index, CheckpointWriter& writer, inference::cpu::ThreadPool& pool,
                               DenseProduct& product) {
        if (Result<void> here = checkHere(layerPart(m_source, index)); !here) return here;
        Result<LayerWeights> layer = readLayer(m_source, index);
        if (!layer) return layer.error();
        if (m_request.recipe.method != Method::smoothquant) {
            if (Result<void> fits = checkHalf(*layer, m_source.path()); !fits) return fits;
        }
        const std::string name = "layer " + std::to_string(index + 1);

        StatisticsPlan statisticsPlan;
        statisticsPlan.windows = m_windows.count();
        statisticsPlan.window = m_windows.window;
        statisticsPlan.heldOutWindows = std::max<int64_t>(1, m_windows.count() / 8);
        statisticsPlan.blocks = m_plan.blocks;
        statisticsPlan.gram = m_request.recipe.method != Method::smoothquant;
        StatisticsCollector collector(statisticsPlan, product);
        LayerForward pass(m_config, m_windows.window, pool, product);
        if (Result<void> passed = calibrate(index, *layer, collector, pass); !passed) return passed;
        if (!goOn(name + ": weights")) return interrupted(m_partial);
        std::map<InputSite, SiteStatistics> statistics = collector.finish();
        if (!measurable(statistics)) {
            return Error{ErrorCode::badInput,
                         "cannot quantize",
                         m_source.path().string(),
                         "layer " + std::to_string(index),
                         "activations beyond 1e15 on the calibration text",
                         "weights that compute sensible numbers; the model is damaged"};
        }
        const std::function<bool()> stopped = [this, &name] { return !goOn(name + ": weights"); };
        Result<QuantizedLayer> quantized =
            m_request.recipe.method == Method::smoothquant
                ? quantizeLayerInt8(m_config, *layer, std::move(statistics), pool, product)
                : quantizeLayerInt4(m_config, *layer, std::move(statistics), m_request.recipe, m_plan.form,
                                    pool, product, stopped);
        if (!quantized) {
            return quantized.error().code == ErrorCode::interrupted ? interrupted(m_partial)
                                                                    : quantized.error();
        }
        if (Result<void> written = writer.writeLayer(index, quantized->output); !written) return written;
        if (Result<void> followed = follow(index, *layer, quantized->output, pass); !followed)
            return followed;
        m_journal.layers.push_back(std::move(quantized->report));
        double error = 0, rtn = 0;
        for (const LinearReport& linear : m_journal.layers.back()) {
            error += linear.error;
            rtn += linear.rtnError;
        }
        char detail[96];
        std::snprintf(detail, sizeof detail, "%s: error %.4f, %.4f by rounding to nearest", name.c_str(),
                      error, rtn);
        // A stop now is seen at the next call.
        (void)goOn(detail);
        return {};
    }

    /// Takes the calibration windows through the source's layer and collects what its linear layers read.
    Result<void> calibrate(int index, const LayerWeights& layer, StatisticsCollector& collector,
                           LayerForward& pass) {
        return advance(Stream::calibration, index, layer, pass,
                       [&](const SiteInputs& inputs) { collector.add(inputs); });
    }

    /// One stream through one layer.
    Result<void> advance(Stream stream, int index, const LayerWeights& layer, LayerForward& pass,
                         const InputVisitor& visit) {
        Result<HiddenStates> before = openStream(stream, index);
        if (!before) return before.error();
        Result<NewHiddenStates> after = createStream(stream, index + 1);
        if (!after) return after.error();
        const CalibrationWindows& windows = windowsOf(stream);
        const int64_t atOnce = windowsAtOnce(windows.window);
        std::vector<float> x(static_cast<size_t>(atOnce * windows.window * m_config.hidden));
        for (int64_t first = 0; first < windows.count(); first += atOnce) {
            const int64_t count = std::min(atOnce, windows.count() - first);
            const int64_t firstToken = first * windows.window, tokens = count * windows.window;
            if (Result<void> read = before->read(firstToken, tokens, x.data()); !read) return read;
            InputVisitor visitor;
            if (visit) {
                visitor = [&](SiteInputs inputs) {
                    inputs.firstToken += firstToken;
                    visit(inputs);
                };
            }
            const bool finite = pass.run(layer, count, x.data(), visitor, inputWeights());
            if (!finite) {
                return Error{ErrorCode::badInput,
                             "cannot quantize",
                             m_source.path().string(),
                             "layer " + std::to_string(index),
                             "activations that are no finite numbers",
                             "weights that compute finite numbers; the model is damaged"};
            }
            if (Result<void> written = after->write(firstToken, tokens, x.data()); !written) return written;
            if (!goOn("layer " + std::to_string(index + 1) + ": reading")) return interrupted(m_partial);
        }
        return after->keep();
    }

    /// Takes the evaluation's streams through the layer.
    Result<void> follow(int index, const LayerWeights& layer, const OutputLayer& output, LayerForward& pass) {
        if (m_judgeWindows.count() == 0) return {};
        if (Result<void> passed = advance(Stream::judgeSource, index, layer, pass, {}); !passed)
            return passed;
        return advance(Stream::judgeQuantized, index, asWeights(output), pass, {});
    }

    Result<void> evaluate(QuantizationReport& report, inference::cpu::ThreadPool& pool,
                          DenseProduct& product) {
        if (m_judgeWindows.count() == 0) return {};
        Result<HiddenStates> exact = openStream(Stream::judgeSource, m_config.layers);
        if (!exact) return exact.error();
        Result<HiddenStates> ours = openStream(Stream::judgeQuantized, m_config.layers);
        if (!ours) return ours.error();
        Result<Evaluation> evaluation = evaluateStreams(m_source, m_judgeWindows, *exact, *ours, pool,
                                                        product, [this] { return !goOn("evaluation"); });
        if (!evaluation) {
            return evaluation.error().code == ErrorCode::interrupted ? interrupted(m_partial)
                                                                     : evaluation.error();
        }
        evaluation->text = m_request.evaluationName;
        report.evaluation = std::move(*evaluation);
        return {};
    }

    QuantizationReport makeReport(uint64_t outputBytes, double seconds, const DenseProduct& product) const {
        QuantizationReport report;
        report.method = methodName(m_request.recipe.method);
        report.sourceName = m_source.path().filename().string();
        report.sourceBytes = m_source.fileBytes();
        report.outputBytes = outputBytes;
        report.seconds = seconds;
        report.calibration = m_request.calibrationName;
        report.calibrationTokens = static_cast<int64_t>(m_windows.ids.size());
        report.computedWith = std::string(product.name()) + ", " + quantizerKernels().name;
        report.layers = m_journal.layers;
        return report;
    }

    Result<void> finish(CheckpointWriter& writer, const QuantizationReport& report) {
        if (Result<void> finished = writer.finish(); !finished) return finished;
        if (Result<void> marked = markFinished(m_partial, {m_identity, report}); !marked) return marked;
        return m_folder->publish();
    }

    const Checkpoint& m_source;
    const inference::Tokenizer& m_tokenizer;
    const QuantizeRequest& m_request;
    const QuantizeCallbacks& m_callbacks;
    const ModelConfig& m_config;
    const fs::path m_partial, m_work, m_journalFile;
    CalibrationWindows m_windows, m_judgeWindows;
    Plan m_plan;
    Identity m_identity;
    Journal m_journal;
    std::optional<PartialFolder> m_folder;
};

}  // namespace

Result<QuantizationReport> quantize(const Checkpoint& source, const inference::Tokenizer& tokenizer,
                                    const QuantizeRequest& request, const QuantizeCallbacks& callbacks) {
    return Job(source, tokenizer, request, callbacks).run();
}

}  // namespace edgechat::quant
