#include "tests/gpu/bench_report.h"

#include <algorithm>
#include <cstdarg>

namespace edgechat::gpu {

using nlohmann::ordered_json;

namespace {

std::string text(const ordered_json& json, const char* key) {
    return json.at(key).get<std::string>();
}

double number(const ordered_json& json, const char* key) {
    return json.at(key).get<double>();
}

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, pattern);
    std::vsnprintf(line, sizeof line, pattern, arguments);
    va_end(arguments);
    return line;
}

/// A share as "83 %"; "" where there is none.
std::string percent(const ordered_json& json, const char* key) {
    return json.contains(key) ? format("%.0f %%", 100 * number(json, key)) : "";
}

/// 1e9 units, as GB/s; "" where there is none.
std::string billions(const ordered_json& json, const char* key) {
    return json.contains(key) ? format("%.0f", number(json, key) / 1e9) : "";
}

/// cuBLAS' time for the maps of an operation, in us; "" where it was not measured for all of them.
std::string cublasMicroseconds(const ordered_json& model, const ordered_json& row, const char* kind) {
    if (!row.contains("maps") || !model.contains("cublas_fp16")) return "";
    double seconds = 0;
    for (const ordered_json& map : row.at("maps")) {
        const ordered_json& rows = model.at("cublas_fp16");
        const auto same = std::find_if(rows.begin(), rows.end(), [&map](const ordered_json& other) {
            return other.at("operation") == map;
        });
        if (same == rows.end() || !same->at(kind).contains("seconds_each")) return "";
        seconds += number(same->at(kind), "seconds_each");
    }
    return format("%.1f", 1e6 * seconds);
}

std::string verdict(const ordered_json& target) {
    return target.at("met").get<bool>() ? "met" : "MISSED";
}

/// "at least 80 %" of a share, "at most 7" of a count.
std::string aim(const ordered_json& target) {
    if (target.contains("at_most")) return format("at most %.0f", number(target, "at_most"));
    return format("at least %.0f %%", 100 * number(target, "at_least"));
}

std::string found(const ordered_json& target) {
    return target.contains("at_most") ? format("%.3g", number(target, "measured"))
                                      : percent(target, "measured");
}

/// From where on the program chooses cuBLAS for prompts.
std::string denseFrom(const ordered_json& model) {
    return model.contains("cublas_from_tokens")
               ? "chosen from " + std::to_string(model.at("cublas_from_tokens").get<int>()) + " tokens on"
               : "not chosen";
}

void addTable(std::string& out, const char* heads, const char* alignment) {
    out += std::string("\n") + heads + "\n" + alignment + "\n";
}

void addModels(std::string& out, const ordered_json& models) {
    addTable(out,
             "| model | weights, GB | decode, tok/s | least to most | GB/s | of bandwidth | prefill, tok/s "
             "| least to most | of dense fp16 | launches a token | a layer | load, s |",
             "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (const ordered_json& model : models) {
        if (model.contains("error")) {
            out += "| " + text(model, "model") + " | " + text(model, "error") + " |\n";
            continue;
        }
        const ordered_json &decode = model.at("decode"), &prefill = model.at("prefill");
        out += format(
            "| %s | %.2f | %.1f | %.1f to %.1f | %s | %s | %.0f | %.0f to %.0f | %s | %.0f | %.3g | %.1f |\n",
            text(model, "model").c_str(), number(model, "weight_bytes") / 1e9,
            number(decode, "tokens_per_second"), number(decode, "least"), number(decode, "most"),
            billions(decode, "weight_bytes_per_second").c_str(),
            percent(decode, "share_of_bandwidth").c_str(), number(prefill, "tokens_per_second"),
            number(prefill, "least"), number(prefill, "most"),
            percent(prefill, "share_of_dense_fp16").c_str(), number(model, "launches_per_token"),
            number(model, "launches_per_layer"), number(model, "load_seconds"));
    }
}

void addOperations(std::string& out, const ordered_json& model, const char* kind) {
    out += format("\n### %s, %s\n", text(model, "model").c_str(), kind);
    addTable(out,
             "| operation | launches | us each | ms in all | GB/s | TFLOP/s | share | cuBLAS fp16, us each |",
             "|---|--:|--:|--:|--:|--:|--:|--:|");
    for (const ordered_json& row : model.at("kernels").at(kind)) {
        const bool streams = row.contains("weight_bytes_per_second");
        out += format("| %s | %d | %.1f | %.3f | %s | %s | %s | %s |\n", text(row, "operation").c_str(),
                      row.at("launches").get<int>(), 1e6 * number(row, "seconds_each"),
                      1e3 * number(row, "seconds_per_pass"), billions(row, "weight_bytes_per_second").c_str(),
                      row.contains("flop_per_second")
                          ? format("%.1f", number(row, "flop_per_second") / 1e12).c_str()
                          : "",
                      percent(row, streams ? "share_of_bandwidth" : "share_of_dense_fp16").c_str(),
                      cublasMicroseconds(model, row, kind).c_str());
    }
}

}  // namespace

double denseFp16Peak(int major, int minor, int multiprocessors, double clockHz) {
    // Per multiprocessor and clock, by NVIDIA's papers on each architecture. GeForce cards of 8.6 and 8.9 do
    // half of it with fp32 sums.
    struct Known {
        int major, minor;
        double flop;
    };
    constexpr Known kKnown[] = {{7, 5, 1024}, {8, 0, 2048}, {8, 6, 1024},
                                {8, 7, 2048}, {8, 9, 1024}, {9, 0, 4096}};
    for (const Known& known : kKnown) {
        if (known.major == major && known.minor == minor) return known.flop * multiprocessors * clockHz;
    }
    return 0;
}

constexpr double kChance = 0.03;  // what two runs differ by

ordered_json targetsOf(const ordered_json& device, const ordered_json& model) {
    ordered_json targets = ordered_json::array();
    const auto atLeast = [&targets](const char* what, double least, const ordered_json& json,
                                    const char* key) {
        if (!json.contains(key)) return;
        const double measured = number(json, key);
        targets.push_back(
            {{"what", what}, {"at_least", least}, {"measured", measured}, {"met", measured >= least}});
    };
    const std::string capability = text(device, "compute_capability");
    if (capability == "8.7" || capability == "9.0") {
        atLeast("decode, share of the measured bandwidth", capability == "8.7" ? 0.80 : 0.75,
                model.at("decode"), "share_of_bandwidth");
    }
    if (capability == "8.7") {
        atLeast("prefill, share of the dense fp16 peak", 0.55, model.at("prefill"), "share_of_dense_fp16");
    }
    if (model.contains("prefill_by_cublas")) {
        // As the program chooses by itself.
        const double own = number(model.at("prefill"), "tokens_per_second"),
                     other = number(model.at("prefill_by_cublas"), "tokens_per_second");
        atLeast("prefill, speed by that of cuBLAS", 1 - kChance, {{"share", own / other}}, "share");
    }
    const double most = text(model, "architecture") == "falcon" ? 4 : 7,
                 launches = number(model, "launches_per_layer");
    targets.push_back({{"what", "launches per layer"},
                       {"at_most", most},
                       {"measured", launches},
                       {"met", launches <= most}});
    return targets;
}

void printDevice(const ordered_json& device) {
    std::printf("%s, %d multiprocessors, CUDA %s (driver's %s): a kernel reads %s GB/s, copies %s GB/s\n",
                text(device, "name").c_str(), device.at("multiprocessors").get<int>(),
                text(device, "runtime_cuda").c_str(), text(device, "driver_cuda").c_str(),
                billions(device, "read_bytes_per_second").c_str(),
                billions(device, "copy_bytes_per_second").c_str());
}

void printModel(const ordered_json& model) {
    const ordered_json &decode = model.at("decode"), &prefill = model.at("prefill");
    std::printf("\n%s  %.2f GB of weights, %.2f GB a token, loaded in %.1f s\n", text(model, "model").c_str(),
                number(model, "weight_bytes") / 1e9, number(model, "bytes_per_token") / 1e9,
                number(model, "load_seconds"));
    std::printf(
        "  decode  %8.1f tok/s (%.1f to %.1f), %s GB/s, %s of what a read kernel gets, %.0f kernels a "
        "token\n",
        number(decode, "tokens_per_second"), number(decode, "least"), number(decode, "most"),
        billions(decode, "weight_bytes_per_second").c_str(), percent(decode, "share_of_bandwidth").c_str(),
        number(model, "launches_per_token"));
    std::printf(
        "  prefill %8.0f tok/s (%.0f to %.0f) of %.0f tokens, %.1f TFLOP/s, %s of the dense fp16 peak\n",
        number(prefill, "tokens_per_second"), number(prefill, "least"), number(prefill, "most"),
        number(prefill, "tokens"), number(prefill, "flop_per_second") / 1e12,
        prefill.contains("share_of_dense_fp16") ? percent(prefill, "share_of_dense_fp16").c_str()
                                                : "unknown part");
    for (const auto& [key, how] :
         {std::pair{"prefill_by_own_kernels", "own kernels"}, std::pair{"prefill_by_cublas", "cuBLAS"}}) {
        if (!model.contains(key)) continue;
        std::printf("          %8.0f tok/s by %s\n", number(model.at(key), "tokens_per_second"), how);
    }
    std::printf("          cuBLAS is %s\n", denseFrom(model).c_str());
    for (const ordered_json& target : model.at("targets")) {
        std::printf("  target  %s %s: %s, %s\n", text(target, "what").c_str(), aim(target).c_str(),
                    found(target).c_str(), verdict(target).c_str());
    }
    for (const char* kind : {"decode", "prefill"}) {
        std::printf("  %-8s %-24s %5s %10s %9s %6s %8s %6s %15s\n", kind, "operation", "n", "us each",
                    "ms in all", "GB/s", "TFLOP/s", "share", "cuBLAS, us each");
        for (const ordered_json& row : model.at("kernels").at(kind)) {
            const bool streams = row.contains("weight_bytes_per_second");
            std::printf("  %-8s %-24s %5d %10.1f %9.3f %6s %8s %6s %15s\n", "",
                        text(row, "operation").c_str(), row.at("launches").get<int>(),
                        1e6 * number(row, "seconds_each"), 1e3 * number(row, "seconds_per_pass"),
                        billions(row, "weight_bytes_per_second").c_str(),
                        row.contains("flop_per_second")
                            ? format("%.1f", number(row, "flop_per_second") / 1e12).c_str()
                            : "",
                        percent(row, streams ? "share_of_bandwidth" : "share_of_dense_fp16").c_str(),
                        cublasMicroseconds(model, row, kind).c_str());
        }
    }
}

std::string markdown(const ordered_json& results) {
    const ordered_json& device = results.at("device");
    std::string out = "# " + text(device, "name") + "\n";
    addTable(out, "| | |", "|---|---|");
    for (const auto& [name, value] : results.at("run").items()) {
        out += "| " + name + " | " + (value.is_string() ? value.get<std::string>() : value.dump()) + " |\n";
    }
    const auto line = [&out](const char* name, const std::string& value) {
        out += std::string("| ") + name + " | " + value + " |\n";
    };
    line("CUDA", text(device, "runtime_cuda") + ", the driver's " + text(device, "driver_cuda"));
    line("compute capability", text(device, "compute_capability"));
    line("multiprocessors", format("%d at up to %.3f GHz", device.at("multiprocessors").get<int>(),
                                   number(device, "clock_hz") / 1e9));
    line("memory", format("%.1f GB", number(device, "memory_bytes") / 1e9));
    line("a kernel reads", billions(device, "read_bytes_per_second") + " GB/s");
    line("a kernel copies", billions(device, "copy_bytes_per_second") + " GB/s, both ways together");
    line("the bus, computed", billions(device, "bytes_per_second_of_the_bus") + " GB/s");
    line("dense fp16, computed",
         device.contains("dense_fp16_flop_per_second")
             ? format("%.1f TFLOP/s", number(device, "dense_fp16_flop_per_second") / 1e12)
             : "unknown");
    if (results.contains("cublas")) line("cuBLAS", text(results, "cublas"));
    addModels(out, results.at("models"));

    addTable(out, "| model | prefill by own kernels, tok/s | by cuBLAS, tok/s | cuBLAS |",
             "|---|--:|--:|---|");
    for (const ordered_json& model : results.at("models")) {
        if (model.contains("error")) continue;
        const auto speed = [&model](const char* key) {
            return model.contains(key) ? format("%.0f", number(model.at(key), "tokens_per_second")) : "";
        };
        out += "| " + text(model, "model") + " | " + speed("prefill_by_own_kernels") + " | " +
               speed("prefill_by_cublas") + " | " + denseFrom(model) + " |\n";
    }

    addTable(out, "| model | target | | measured | |", "|---|---|---|--:|---|");
    for (const ordered_json& model : results.at("models")) {
        if (model.contains("error")) continue;
        for (const ordered_json& target : model.at("targets")) {
            out += "| " + text(model, "model") + " | " + text(target, "what") + " | " + aim(target) + " | " +
                   found(target) + " | " + verdict(target) + " |\n";
        }
    }
    for (const ordered_json& model : results.at("models")) {
        if (model.contains("error")) continue;
        for (const char* kind : {"decode", "prefill"}) addOperations(out, model, kind);
    }
    return out;
}

}  // namespace edgechat::gpu
