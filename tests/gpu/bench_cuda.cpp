// Speed of the CUDA backend at the shapes of published 7B models, with random weights:
//     bench_cuda [--out FILE] [--table FILE] [--fact NAME VALUE]... [--quick] [--shape NAME]...
// What it finds goes to stdout; everything as JSON to --out, as Markdown to --table, with the facts about the
// run as they are. Exit 1 where something could not be run or written, 2 for usage.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/gpu/bench_device.h"
#include "tests/gpu/bench_report.h"
#include "tests/gpu/cublas_yardstick.h"
#include "tests/gpu/model_bench.h"

namespace edgechat::gpu {
namespace {

using namespace inference;
using nlohmann::ordered_json;

struct Options {
    std::string out, table;
    bool quick = false;
    std::vector<Shape> shapes;
    std::vector<std::pair<std::string, std::string>> facts;
};

std::string today() {
    const std::time_t now = std::time(nullptr);
    char date[16];
    std::strftime(date, sizeof date, "%Y-%m-%d", std::localtime(&now));
    return date;
}

Result<ordered_json> describeDevice(cuda::Runtime& runtime, bool quick) {
    const cuda::DeviceProperties& device = runtime.properties();
    const DeviceFacts facts = deviceFacts();
    // Twice as much is taken; a Jetson has 8 GB for everything.
    const uint64_t bytes = std::min<uint64_t>(uint64_t{1} << 30, runtime.freeMemory() / 8);
    const Result<Bandwidth> bandwidth = measureBandwidth(runtime, bytes, quick ? 10 : 30);
    if (!bandwidth) return bandwidth.error();
    ordered_json json = {
        {"name", device.name},
        {"compute_capability", std::to_string(device.major) + "." + std::to_string(device.minor)},
        {"multiprocessors", device.multiprocessors},
        {"clock_hz", 1e9 * facts.clockGHz},
        {"memory_bytes", device.memory},
        {"l2_bytes", facts.cacheBytes},
        {"driver_cuda", facts.driver},
        {"runtime_cuda", facts.runtime},
        {"bytes_per_second_of_the_bus", 2e9 * facts.memoryClockGHz * facts.busBits / 8},
        {"read_bytes_per_second", bandwidth->read},
        {"copy_bytes_per_second", bandwidth->copy}};
    const double peak =
        denseFp16Peak(device.major, device.minor, device.multiprocessors, 1e9 * facts.clockGHz);
    if (peak > 0) json["dense_fp16_flop_per_second"] = peak;
    return json;
}

ordered_json measureYardstick(Yardstick& cublas, const ModelConfig& config, int batch, bool quick) {
    ordered_json rows = ordered_json::array();
    for (const Map& map : mapsOf(config)) {
        ordered_json row = {{"operation", map.name}, {"rows", map.rows}, {"columns", map.columns}};
        // Of a prompt only the last token goes through the head.
        for (const auto& [kind, tokens] :
             {std::pair("decode", 1), std::pair("prefill", map.head ? 1 : batch)}) {
            const Result<double> seconds = cublas.seconds(map.rows, map.columns, tokens, quick ? 10 : 30);
            if (!seconds) {
                row[kind] = {{"error", seconds.error().message()}};
                continue;
            }
            row[kind] = {{"tokens", tokens}, {"seconds_each", *seconds}};
            if (tokens == 1) {
                row[kind]["weight_bytes_per_second"] = 2 * map.weights() / *seconds;
            } else {
                row[kind]["flop_per_second"] = 2 * map.weights() * tokens / *seconds;
            }
        }
        rows.push_back(row);
    }
    return rows;
}

bool write(const std::string& path, const std::string& text) {
    if (path.empty()) return true;
    std::ofstream file(path);
    file << text;
    file.close();
    if (!file) std::fprintf(stderr, "bench_cuda: cannot write %s\n", path.c_str());
    return static_cast<bool>(file);
}

/// Whether everything could be run and written. What there is is written after every model.
Result<bool> runAll(const Options& options) {
    Result<std::unique_ptr<cuda::Runtime>> opened = cuda::Runtime::open();
    if (!opened) return opened.error();
    cuda::Runtime& runtime = **opened;
    ordered_json results;
    results["run"]["date"] = today();
    for (const auto& [name, value] : options.facts) results["run"][name] = value;
    results["run"]["repetitions"] = options.quick ? "few" : "all";
    Result<ordered_json> device = describeDevice(runtime, options.quick);
    if (!device) return device.error();
    printDevice(*device);
    results["device"] = *device;

    const auto cublas = Yardstick::open(runtime);
    if (!cublas) {
        std::printf("no yardstick: %s\n", cublas.error().message().c_str());
        results["cublas"] = cublas.error().message();
    }
    const DeviceSpeed speed{device->at("read_bytes_per_second").get<double>(),
                            device->value("dense_fp16_flop_per_second", 0.0)};
    results["models"] = ordered_json::array();
    bool complete = true;
    for (const Shape& shape : options.shapes) {
        std::fflush(stdout);
        int batch = 0;
        Result<ordered_json> model = benchModel(shape, speed, options.quick, batch);
        if (!model) {
            complete = false;
            std::printf("\n%s: %s\n", shape.name.c_str(), model.error().message().c_str());
            results["models"].push_back({{"model", shape.name}, {"error", model.error().message()}});
        } else {
            // The model's memory is free again: fp16 takes four times as much.
            if (cublas) {
                (*model)["cublas_fp16"] = measureYardstick(**cublas, shape.config, batch, options.quick);
            }
            (*model)["targets"] = targetsOf(*device, *model);
            printModel(*model);
            results["models"].push_back(std::move(*model));
        }
        const bool written =
            write(options.out, results.dump(2) + "\n") && write(options.table, markdown(results));
        complete = complete && written;
    }
    return complete;
}

/// False for usage that is wrong.
bool parse(int argc, char** argv, Options& options) {
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const auto takes = [&](int count) { return argument.rfind("--", 0) == 0 && i + count < argc; };
        if (argument == "--quick") {
            options.quick = true;
        } else if (argument == "--out" && takes(1)) {
            options.out = argv[++i];
        } else if (argument == "--table" && takes(1)) {
            options.table = argv[++i];
        } else if (argument == "--fact" && takes(2)) {
            options.facts.emplace_back(argv[i + 1], argv[i + 2]);
            i += 2;
        } else if (argument == "--shape" && takes(1)) {
            const std::optional<Shape> shape = shapeNamed(argv[++i]);
            if (!shape) return false;
            options.shapes.push_back(*shape);
        } else {
            return false;
        }
    }
    if (options.shapes.empty()) options.shapes = publishedShapes();
    return true;
}

}  // namespace
}  // namespace edgechat::gpu

int main(int argc, char** argv) {
    edgechat::gpu::Options options;
    if (!edgechat::gpu::parse(argc, argv, options)) {
        std::fprintf(
            stderr,
            "bench_cuda [--out FILE] [--table FILE] [--fact NAME VALUE]... [--quick] [--shape NAME]...\n"
            "shapes:");
        for (const edgechat::gpu::Shape& shape : edgechat::gpu::publishedShapes()) {
            std::fprintf(stderr, " %s", shape.name.c_str());
        }
        std::fprintf(stderr, "\n");
        return 2;
    }
    const auto complete = edgechat::gpu::runAll(options);
    if (!complete) {
        std::fprintf(stderr, "bench_cuda: %s\n", complete.error().message().c_str());
        return 1;
    }
    return *complete ? 0 : 1;
}
