#include "tests/gpu/model_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "inference/cuda/cuda_backend.h"
#include "inference/forward.h"
#include "tests/data/random_values.h"
#include "tests/gpu/timed_runtime.h"

namespace edgechat::gpu {

using namespace inference;
using nlohmann::ordered_json;

std::vector<Map> mapsOf(const ModelConfig& config) {
    return {{"queries, keys, values", config.queryWidth() + 2 * config.kvWidth(), config.hidden},
            {"output", config.hidden, config.queryWidth()},
            {"up", config.gatedMlp ? 2 * config.ffn : config.ffn, config.hidden},
            {"down", config.hidden, config.ffn},
            {"head", config.vocab, config.hidden, true}};
}

namespace {

using Times = std::map<std::string, TimedRuntime::Kernel>;

double secondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// Weights, scales of fp16 and zero points of 4 bits.
double int4Bytes(const Map& map, int group) {
    return map.weights() * (0.5 + 2.5 / group);
}

/// The operation whose kernel computes a map: an operation that starts nothing has left it to another one.
std::string computedBy(const std::string& map, const Times& times) {
    if (times.count(map) > 0) return map;
    return map == "up" ? "queries, keys, values" : "down";
}

/// Where in the results there is a number that is none; "" where all are.
std::string notANumber(const ordered_json& json, const std::string& at) {
    if (json.is_number_float() && !std::isfinite(json.get<double>())) return at;
    for (const auto& [key, value] : json.items()) {
        if (!json.is_structured()) break;
        if (std::string found = notANumber(value, at + "/" + key); !found.empty()) return found;
    }
    return "";
}

class ModelBench {
  public:
    ModelBench(const Shape& shape, const DeviceSpeed& device, bool quick)
        : m_shape(shape), m_config(shape.config), m_device(device), m_quick(quick) {}

    Result<ordered_json> run() {
        if (Result<void> loaded = load(); !loaded) return loaded.error();
        m_json["weight_bytes"] = m_backend->weightBytes();
        m_json["bytes_per_token"] = m_backend->bytesPerToken();
        m_json["cache_bytes"] = m_backend->cacheBytes();
        m_json["scratch_bytes"] = m_backend->scratchBytes();
        const int denseFrom = m_backend->measureDenseFrom();
        if (denseFrom > 0) m_json["cublas_from_tokens"] = denseFrom;
        if (m_backend->denseFrom() > 0) m_json["prefill_by_cublas"] = prefill();
        m_backend->setDenseFrom(0);
        m_json["prefill_by_own_kernels"] = prefill();
        m_backend->setDenseFrom(denseFrom);
        m_json["prefill"] = prefill();
        m_backend->setDenseFrom(0);
        decode();
        m_json["kernels"]["decode"] = kernels(m_shape.promptTokens, 1, m_quick ? 2 : 8);
        m_json["kernels"]["prefill"] = kernels(0, m_shape.promptTokens, 2);
        countLayerLaunches();
        if (Result<void> status = m_backend->status(); !status) return status.error();
        for (const float logit : m_logits) {
            if (!std::isfinite(logit)) return wrong("a logit is not a number");
        }
        if (const std::string at = notANumber(m_json, ""); !at.empty()) {
            return wrong("a measurement is not a number: " + at);
        }
        return m_json;
    }
    int batch() const { return std::min(m_backend->maxBatch(), m_shape.promptTokens); }

  private:
    Error wrong(std::string what) const {
        return {ErrorCode::internal, std::move(what), m_shape.name, "", "", ""};
    }

    Result<void> load() {
        const auto checkpoint = syntheticModel(m_shape);
        m_json["model"] = m_shape.name;
        m_json["architecture"] = m_config.architecture;
        m_json["parameters"] = checkpoint->config().parameters;
        Result<std::unique_ptr<cuda::Runtime>> inner = cuda::Runtime::open();
        if (!inner) return inner.error();
        auto runtime = std::make_unique<TimedRuntime>(std::move(*inner));
        m_runtime = runtime.get();
        cuda::CudaOptions options;
        options.context = m_shape.promptTokens + m_shape.answerTokens;
        options.dense = cuda::cublasVersion() ? cuda::DenseUse::always : cuda::DenseUse::never;
        options.packingThreads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
        const auto start = std::chrono::steady_clock::now();
        auto backend = cuda::CudaBackend::load(std::move(runtime), *checkpoint, options, {});
        if (!backend) return backend.error();
        m_json["load_seconds"] = secondsSince(start);
        m_backend = std::move(*backend);
        m_logits.resize(static_cast<size_t>(m_config.vocab));
        testing::RandomValues random(7);
        for (int i = 0; i < options.context; ++i) {
            const float unit = (random.next() + 1) / 2;
            m_tokens.push_back(
                std::min(m_config.vocab - 1, static_cast<int>(unit * static_cast<float>(m_config.vocab))));
        }
        return {};
    }

    /// Tokens from position `first` on, and the logits of the last one; waits for them.
    void compute(Backend& backend, int first, int count) {
        for (int at = first; at < first + count; at += backend.maxBatch()) {
            const int taken = std::min(backend.maxBatch(), first + count - at);
            const auto tokens =
                std::span(m_tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(taken));
            forward(backend, m_config, tokens, at, at + taken == first + count ? 1 : 0, m_logits.data());
        }
    }

    int runs() const { return m_quick ? 3 : 5; }

    ordered_json speeds(const std::vector<double>& runs) const {
        return {{"tokens_per_second", median(runs)},
                {"least", *std::min_element(runs.begin(), runs.end())},
                {"most", *std::max_element(runs.begin(), runs.end())},
                {"runs", runs}};
    }

    /// Multiplications and additions of a token's linear maps. Attention's come on top and are not counted,
    /// nor is the head, which only the last token of a prompt has.
    double flopPerToken() const {
        double flop = 0;
        for (const Map& map : mapsOf(m_config)) flop += map.head ? 0 : 2 * m_config.layers * map.weights();
        return flop;
    }

    ordered_json prefill() {
        const int tokens = m_shape.promptTokens;
        compute(*m_backend, 0, tokens);
        std::vector<double> speed;
        for (int run = 0; run < runs(); ++run) {
            const auto start = std::chrono::steady_clock::now();
            compute(*m_backend, 0, tokens);
            speed.push_back(tokens / secondsSince(start));
        }
        ordered_json json = speeds(speed);
        json["tokens"] = tokens;
        json["flop_per_token"] = flopPerToken();
        json["flop_per_second"] = median(speed) * flopPerToken();
        if (m_device.flopPerSecond > 0) {
            json["share_of_dense_fp16"] = median(speed) * flopPerToken() / m_device.flopPerSecond;
        }
        return json;
    }

    void decode() {
        const int first = m_shape.promptTokens, count = m_shape.answerTokens;
        const uint64_t before = m_backend->runtime().launches();
        compute(*m_backend, first, 1);
        m_json["launches_per_token"] = m_backend->runtime().launches() - before;
        std::vector<double> speed;
        for (int run = 0; run < runs(); ++run) {
            const auto start = std::chrono::steady_clock::now();
            for (int t = 0; t < count; ++t) compute(*m_backend, first + t, 1);
            speed.push_back(count / secondsSince(start));
        }
        m_json["decode"] = speeds(speed);
        m_json["decode"]["tokens"] = count;
        m_json["decode"]["from_position"] = first;
        const double rate = median(speed) * static_cast<double>(m_backend->bytesPerToken());
        m_json["decode"]["weight_bytes_per_second"] = rate;
        m_json["decode"]["share_of_bandwidth"] = rate / m_device.readBytesPerSecond;
    }

    /// Mean times of the operations of a pass over `tokens` tokens from position `first` on.
    ordered_json kernels(int first, int tokens, int passes) {
        LabelledBackend labelled(*m_backend, *m_runtime);
        Times times;
        for (int pass = -1; pass < passes; ++pass) {
            if (pass >= 0) m_runtime->startTiming();
            compute(labelled, first, tokens);
            if (pass >= 0) m_runtime->stopTiming(times);
        }
        std::map<std::string, std::vector<Map>> maps;
        double layerBytes = 0;
        for (const Map& map : mapsOf(m_config)) {
            maps[map.head ? map.name : computedBy(map.name, times)].push_back(map);
            if (!map.head) layerBytes += m_config.layers * int4Bytes(map, m_shape.group);
        }
        ordered_json rows = ordered_json::array();
        for (const auto& [name, kernel] : times) {
            const double seconds = kernel.seconds / passes;
            ordered_json row = {{"operation", name},
                                {"launches", kernel.launches / passes},
                                {"seconds_each", kernel.seconds / kernel.launches},
                                {"seconds_per_pass", seconds}};
            double bytes = 0, flop = 0;  // of the pass
            for (const Map& map : maps[name]) {
                row["maps"].push_back(map.name);
                bytes += map.head ? static_cast<double>(m_backend->bytesPerToken()) - layerBytes
                                  : m_config.layers * int4Bytes(map, m_shape.group);
                flop += map.head ? 0 : 2.0 * m_config.layers * map.weights() * tokens;
            }
            if (tokens == 1 && bytes > 0) {
                row["weight_bytes_per_second"] = bytes / seconds;
                row["share_of_bandwidth"] = bytes / seconds / m_device.readBytesPerSecond;
            }
            if (tokens > 1 && flop > 0) {
                row["flop_per_second"] = flop / seconds;
                if (m_device.flopPerSecond > 0) {
                    row["share_of_dense_fp16"] = flop / seconds / m_device.flopPerSecond;
                }
            }
            rows.push_back(row);
        }
        return rows;
    }

    void countLayerLaunches() {
        int launches = 0;
        for (const ordered_json& row : m_json["kernels"]["decode"]) {
            const auto name = row.at("operation").get<std::string>();
            if (name != "embed" && name != "head") launches += row.at("launches").get<int>();
        }
        m_json["launches_per_layer"] = static_cast<double>(launches) / m_config.layers;
    }

    const Shape& m_shape;
    const ModelConfig& m_config;
    const DeviceSpeed& m_device;
    const bool m_quick;
    TimedRuntime* m_runtime = nullptr;  // the backend's
    std::unique_ptr<cuda::CudaBackend> m_backend;
    std::vector<int> m_tokens;
    std::vector<float> m_logits;
    ordered_json m_json;
};

}  // namespace

Result<ordered_json> benchModel(const Shape& shape, const DeviceSpeed& device, bool quick, int& batch) {
    ModelBench bench(shape, device, quick);
    Result<ordered_json> measured = bench.run();
    if (measured) batch = bench.batch();
    return measured;
}

}  // namespace edgechat::gpu
