// Speed of the CUDA backend at the shapes of published 7B models, with random weights:
//     bench_cuda [--out FILE] [--quick] [--shape NAME]...
// A table to stdout, everything to FILE as JSON. Exit 1 where a model could not be run.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "inference/cuda/cuda_backend.h"
#include "inference/forward.h"
#include "tests/data/random_values.h"
#include "tests/gpu/bench_device.h"
#include "tests/gpu/cublas_yardstick.h"
#include "tests/gpu/synthetic_model.h"
#include "tests/gpu/timed_runtime.h"

namespace edgechat::gpu {
namespace {

using namespace inference;
using nlohmann::ordered_json;
using Times = std::map<std::string, TimedRuntime::Kernel>;

constexpr int kPromptTokens = 512;
constexpr int kAnswerTokens = 64;

struct Options {
    std::string out;
    bool quick = false;
    std::vector<std::string> shapes;
};

double secondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

/// A linear map of the model, named as the backend's operation that computes it.
struct Map {
    std::string name;
    int rows = 0, columns = 0;
    bool head = false;
};

std::vector<Map> mapsOf(const ModelConfig& config) {
    return {{"queries, keys, values", config.queryWidth() + 2 * config.kvWidth(), config.hidden},
            {"output", config.hidden, config.queryWidth()},
            {"up", config.gatedMlp ? 2 * config.ffn : config.ffn, config.hidden},
            {"down", config.hidden, config.ffn},
            {"head", config.vocab, config.hidden, true}};
}

/// Weights, scales of fp16 and zero points of 4 bits.
double int4Bytes(const Map& map, int group) {
    return static_cast<double>(map.rows) * map.columns * (0.5 + 2.5 / group);
}

/// Which operation computes a map: one that launches nothing is done by another one's kernel.
std::string computedBy(const std::string& map, const std::function<bool(const std::string&)>& launches) {
    if (launches(map) || map == "head") return map;
    return map == "up" ? "queries, keys, values" : "down";
}

class ModelBench {
  public:
    ModelBench(const Shape& shape, const Options& options, const Bandwidth& bandwidth)
        : m_shape(shape), m_config(shape.config), m_options(options), m_bandwidth(bandwidth) {}

    Result<ordered_json> run() {
        if (Result<void> loaded = load(); !loaded) return loaded.error();
        m_json["weight_bytes"] = m_backend->weightBytes();
        m_json["bytes_per_token"] = m_backend->bytesPerToken();
        m_json["cache_bytes"] = m_backend->cacheBytes();
        m_json["scratch_bytes"] = m_backend->scratchBytes();
        prefill();
        decode();
        m_json["kernels"]["decode"] = kernels({1}, m_options.quick ? 2 : 8);
        m_json["kernels"]["prefill"] =
            kernels(std::vector<int>(static_cast<size_t>(m_backend->maxBatch()), 1), 2);
        if (Result<void> status = m_backend->status(); !status) return status.error();
        for (const float logit : m_logits) {
            if (!std::isfinite(logit)) {
                return Error{ErrorCode::internal, "a logit is not a number", m_shape.name, "", "", ""};
            }
        }
        return m_json;
    }
    int batch() const { return m_backend->maxBatch(); }

  private:
    Result<void> load() {
        const auto checkpoint = syntheticModel(m_shape);
        m_json["model"] = m_shape.name;
        m_json["parameters"] = checkpoint->config().parameters;
        Result<std::unique_ptr<cuda::Runtime>> inner = cuda::Runtime::open();
        if (!inner) return inner.error();
        auto runtime = std::make_unique<TimedRuntime>(std::move(*inner));
        m_runtime = runtime.get();
        cuda::CudaOptions options;
        options.context = std::min(m_config.context, 2 * kPromptTokens);
        options.packingThreads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
        const auto start = std::chrono::steady_clock::now();
        auto backend = cuda::CudaBackend::load(std::move(runtime), *checkpoint, options, {});
        if (!backend) return backend.error();
        m_json["load_seconds"] = secondsSince(start);
        m_backend = std::move(*backend);
        m_logits.resize(static_cast<size_t>(m_config.vocab));
        testing::RandomValues random(7);
        for (int i = 0; i < 2 * kPromptTokens; ++i) {
            const float unit = (random.next() + 1) / 2;
            m_tokens.push_back(
                std::min(m_config.vocab - 1, static_cast<int>(unit * static_cast<float>(m_config.vocab))));
        }
        return {};
    }

    void compute(size_t first, size_t count) {
        const auto batch = static_cast<size_t>(m_backend->maxBatch());
        for (size_t at = first; at < first + count; at += batch) {
            const size_t taken = std::min(batch, first + count - at);
            forward(*m_backend, m_config, std::span(m_tokens).subspan(at, taken), static_cast<int>(at),
                    at + taken == first + count ? 1 : 0, m_logits.data());
        }
    }

    int runs() const { return m_options.quick ? 3 : 5; }

    ordered_json speeds(const std::vector<double>& runs) const {
        return {{"tokens_per_second", median(runs)},
                {"least", *std::min_element(runs.begin(), runs.end())},
                {"most", *std::max_element(runs.begin(), runs.end())},
                {"runs", runs}};
    }

    void prefill() {
        compute(0, kPromptTokens);
        std::vector<double> speed;
        for (int run = 0; run < runs(); ++run) {
            const auto start = std::chrono::steady_clock::now();
            compute(0, kPromptTokens);
            speed.push_back(kPromptTokens / secondsSince(start));
        }
        m_json["prefill"] = speeds(speed);
        m_json["prefill"]["tokens"] = kPromptTokens;
    }

    void decode() {
        const uint64_t before = m_backend->runtime().launches();
        compute(kPromptTokens, 1);
        m_json["launches_per_token"] = m_backend->runtime().launches() - before;
        std::vector<double> speed;
        for (int run = 0; run < runs(); ++run) {
            const auto start = std::chrono::steady_clock::now();
            for (int t = 0; t < kAnswerTokens; ++t) compute(static_cast<size_t>(kPromptTokens + t), 1);
            speed.push_back(kAnswerTokens / secondsSince(start));
        }
        m_json["decode"] = speeds(speed);
        m_json["decode"]["from_position"] = kPromptTokens;
        const double rate = median(speed) * static_cast<double>(m_backend->bytesPerToken());
        m_json["decode"]["weight_bytes_per_second"] = rate;
        m_json["decode"]["share_of_bandwidth"] = rate / m_bandwidth.read;
    }

    /// Mean times of a pass of `tokens`, operation by operation.
    ordered_json kernels(const std::vector<int>& tokens, int passes) {
        LabelledBackend labelled(*m_backend, *m_runtime);
        Times times;
        for (int pass = -1; pass < passes; ++pass) {
            if (pass >= 0) m_runtime->startTiming();
            forward(labelled, m_config, tokens, kPromptTokens, 1, m_logits.data());
            if (pass >= 0) m_runtime->stopTiming(times);
        }
        std::map<std::string, double> bytes;
        double layerBytes = 0;
        for (const Map& map : mapsOf(m_config)) {
            if (map.head) continue;
            bytes[computedBy(map.name, [&](const std::string& name) { return times.contains(name); })] +=
                int4Bytes(map, m_shape.group);
            layerBytes += m_config.layers * int4Bytes(map, m_shape.group);
        }
        bytes["head"] = static_cast<double>(m_backend->bytesPerToken()) - layerBytes;
        ordered_json rows = ordered_json::array();
        for (const auto& [name, kernel] : times) {
            const double each = kernel.seconds / kernel.launches;
            ordered_json row = {{"operation", name},
                                {"launches", kernel.launches / passes},
                                {"seconds_each", each},
                                {"seconds_per_pass", kernel.seconds / passes}};
            if (bytes.contains(name)) {
                // The head's norm is a launch of its own.
                const double perPass = name == "head" ? kernel.seconds / passes : each;
                row["weight_bytes_per_second"] = bytes[name] / perPass;
                row["share_of_bandwidth"] = bytes[name] / perPass / m_bandwidth.read;
            }
            rows.push_back(row);
        }
        return rows;
    }

    const Shape& m_shape;
    const ModelConfig& m_config;
    const Options& m_options;
    const Bandwidth& m_bandwidth;
    TimedRuntime* m_runtime = nullptr;  // the backend's
    std::unique_ptr<cuda::CudaBackend> m_backend;
    std::vector<int> m_tokens;
    std::vector<float> m_logits;
    ordered_json m_json;
};

ordered_json yardstick(cuda::Cublas& cublas, cuda::Runtime& runtime, const ModelConfig& config, int batch,
                       bool quick) {
    ordered_json rows = ordered_json::array();
    for (const Map& map : mapsOf(config)) {
        ordered_json row = {{"operation", map.name}, {"rows", map.rows}, {"columns", map.columns}};
        const double bytes = 2.0 * map.rows * map.columns;
        for (const int tokens : {1, batch}) {
            const Result<double> seconds =
                cublasSeconds(cublas, runtime, map.rows, map.columns, tokens, quick ? 10 : 30);
            const std::string key = tokens == 1 ? "decode" : "prefill";
            if (!seconds) {
                row[key] = {{"error", seconds.error().message()}};
                continue;
            }
            row[key] = {{"seconds_each", *seconds}, {"weight_bytes_per_second", bytes / *seconds}};
            if (tokens > 1) row[key]["flop_per_second"] = bytes * tokens / *seconds;
        }
        rows.push_back(row);
    }
    return rows;
}

void printModel(const ordered_json& model) {
    const auto number = [](const ordered_json& json, const char* key) { return json.at(key).get<double>(); };
    const ordered_json& decode = model.at("decode");
    std::printf("\n%s  %.2f GB of weights, %.2f GB a token, loaded in %.1f s\n",
                model.at("model").get<std::string>().c_str(), number(model, "weight_bytes") / 1e9,
                number(model, "bytes_per_token") / 1e9, number(model, "load_seconds"));
    std::printf(
        "  decode  %8.1f tok/s (%.1f to %.1f), %.0f GB/s, %.0f %% of what a read kernel gets, %.0f kernels a "
        "token\n",
        number(decode, "tokens_per_second"), number(decode, "least"), number(decode, "most"),
        number(decode, "weight_bytes_per_second") / 1e9, 100 * number(decode, "share_of_bandwidth"),
        number(model, "launches_per_token"));
    std::printf("  prefill %8.0f tok/s (%.0f to %.0f) of %.0f tokens\n",
                number(model.at("prefill"), "tokens_per_second"), number(model.at("prefill"), "least"),
                number(model.at("prefill"), "most"), number(model.at("prefill"), "tokens"));
    const ordered_json none = ordered_json::array();
    for (const char* kind : {"decode", "prefill"}) {
        std::printf("  %-8s %-24s %4s %10s %9s %7s   %s\n", kind, "operation", "n", "us each", "ms a pass",
                    "GB/s", "cuBLAS fp16, us each");
        const ordered_json& rows = model.at("kernels").at(kind);
        const auto launches = [&rows](const std::string& name) {
            return std::any_of(rows.begin(), rows.end(),
                               [&name](const ordered_json& row) { return row.at("operation") == name; });
        };
        for (const ordered_json& row : rows) {
            const auto name = row.at("operation").get<std::string>();
            std::printf("  %-8s %-24s %4d %10.1f %9.3f", "", name.c_str(), row.at("launches").get<int>(),
                        1e6 * number(row, "seconds_each"), 1e3 * number(row, "seconds_per_pass"));
            if (row.contains("weight_bytes_per_second")) {
                std::printf(" %7.0f", number(row, "weight_bytes_per_second") / 1e9);
            }
            double cublas = 0;
            for (const ordered_json& other : model.value("cublas_fp16", none)) {
                const auto by = computedBy(other.at("operation").get<std::string>(), launches);
                if (by == name && other.at(kind).contains("seconds_each")) {
                    cublas += number(other.at(kind), "seconds_each");
                }
            }
            if (cublas > 0) std::printf("   %.1f", 1e6 * cublas);
            std::printf("\n");
        }
    }
}

Result<ordered_json> runAll(const Options& options, bool& complete) {
    Result<std::unique_ptr<cuda::Runtime>> opened = cuda::Runtime::open();
    if (!opened) return opened.error();
    cuda::Runtime& runtime = **opened;
    const cuda::DeviceProperties& device = runtime.properties();
    const DeviceFacts facts = deviceFacts();
    const uint64_t bytes = std::min<uint64_t>(uint64_t{1} << 30, runtime.freeMemory() / 8);
    const Result<Bandwidth> bandwidth = measureBandwidth(runtime, bytes, options.quick ? 10 : 30);
    if (!bandwidth) return bandwidth.error();
    ordered_json results;
    results["device"] = {
        {"name", device.name},
        {"compute_capability", std::to_string(device.major) + "." + std::to_string(device.minor)},
        {"multiprocessors", device.multiprocessors},
        {"memory_bytes", device.memory},
        {"l2_bytes", facts.cacheBytes},
        {"driver_cuda", facts.driver},
        {"runtime_cuda", facts.runtime},
        {"bytes_per_second_of_the_bus", 2e9 * facts.memoryClockGHz * facts.busBits / 8},
        {"read_bytes_per_second", bandwidth->read},
        {"copy_bytes_per_second", bandwidth->copy}};
    std::printf("%s, %d multiprocessors, CUDA %s (driver %s): a kernel reads %.0f GB/s, copies %.0f GB/s\n",
                device.name.c_str(), device.multiprocessors, facts.runtime.c_str(), facts.driver.c_str(),
                bandwidth->read / 1e9, bandwidth->copy / 1e9);

    const auto cublas = cuda::Cublas::open(runtime);
    if (!cublas) {
        std::printf("no yardstick: %s\n", cublas.error().message().c_str());
        results["cublas"] = cublas.error().message();
    }
    results["models"] = ordered_json::array();
    for (const Shape& shape : shapes()) {
        if (!options.shapes.empty() &&
            std::find(options.shapes.begin(), options.shapes.end(), shape.name) == options.shapes.end()) {
            continue;
        }
        int batch = 0;
        ordered_json model;
        {
            ModelBench bench(shape, options, *bandwidth);
            Result<ordered_json> measured = bench.run();
            if (!measured) {
                complete = false;
                std::printf("\n%s: %s\n", shape.name.c_str(), measured.error().message().c_str());
                results["models"].push_back({{"model", shape.name}, {"error", measured.error().message()}});
                continue;
            }
            model = std::move(*measured);
            batch = bench.batch();
        }
        if (cublas) model["cublas_fp16"] = yardstick(**cublas, runtime, shape.config, batch, options.quick);
        printModel(model);
        std::fflush(stdout);
        results["models"].push_back(std::move(model));
    }
    return results;
}

}  // namespace
}  // namespace edgechat::gpu

int main(int argc, char** argv) {
    edgechat::gpu::Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--quick") {
            options.quick = true;
        } else if (argument == "--out" && i + 1 < argc) {
            options.out = argv[++i];
        } else if (argument == "--shape" && i + 1 < argc) {
            options.shapes.emplace_back(argv[++i]);
        } else {
            std::fprintf(stderr, "bench_cuda [--out FILE] [--quick] [--shape NAME]...\n");
            return 2;
        }
    }
    bool complete = true;
    const auto results = edgechat::gpu::runAll(options, complete);
    if (!results) {
        std::fprintf(stderr, "bench_cuda: %s\n", results.error().message().c_str());
        return 1;
    }
    if (!options.out.empty()) std::ofstream(options.out) << results->dump(2) << "\n";
    return complete ? 0 : 1;
}
