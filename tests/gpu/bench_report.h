// The benchmark's results (bench_cuda.cpp) for people: what was aimed at, and tables.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

namespace edgechat::gpu {

/// Dense fp16 products with fp32 sums on the tensor cores, in multiplications and additions per second; 0
/// where the compute capability is none that is known.
double denseFp16Peak(int major, int minor, int multiprocessors, double clockHz);

/// What is aimed at for a model on a device, beside what was measured: [{"what", "at_least" or "at_most",
/// "measured", "met"}].
nlohmann::ordered_json targetsOf(const nlohmann::ordered_json& device, const nlohmann::ordered_json& model);

/// To a terminal.
void printDevice(const nlohmann::ordered_json& device);
void printModel(const nlohmann::ordered_json& model);

/// Everything as Markdown, to be kept in tests/gpu/results.
std::string markdown(const nlohmann::ordered_json& results);

}  // namespace edgechat::gpu
