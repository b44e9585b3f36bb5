// MB/s of encoding, for each kind of tokenizer on texts that are easy and texts that are not:
//   bench_tokenizer [--benchmark_filter=llama3]
// Linear time shows as the same MB/s at 1 MB and 4 MB. Needs the shared test data (EDGECHAT_TEST_DATA).
#include <benchmark/benchmark.h>

#include <functional>

#include "tests/inference/text/model_folder.h"
#include "tests/inference/text/vectors.h"

namespace {

using namespace edgechat::inference;
using edgechat::testing::ModelFolder;
using edgechat::testing::sharedData;

std::string text(const std::string& kind, size_t bytes) {
    std::string result;
    if (kind == "natural") {
        const std::string plain = edgechat::testing::readFile(std::filesystem::path(EDGECHAT_SOURCE_DIR) /
                                                              "tests/data/plain_text.txt");
        while (result.size() < bytes) result += plain;
        result.resize(bytes);
    } else if (kind == "spaces") {
        result.assign(bytes, ' ');
    } else if (kind == "letter") {
        result.assign(bytes, 'a');
    } else if (kind == "digits") {
        for (size_t i = 0; i < bytes; ++i) result += static_cast<char>('0' + i * 7 % 10);
    } else {  // one word of changing letters
        uint32_t state = 1;
        for (size_t i = 0; i < bytes; ++i) {
            state = state * 1664525 + 1013904223;
            result += static_cast<char>('a' + (state >> 24) % 26);
        }
    }
    return result;
}

void encode(benchmark::State& state, const Tokenizer& tokenizer, const std::string& kind) {
    const std::string input = text(kind, static_cast<size_t>(state.range(0)) * 1'000'000);
    for (auto step : state) {
        (void)step;
        benchmark::DoNotOptimize(tokenizer.encode(input, SpecialTokens::asText));
    }
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * input.size()));
}

// A file of the shared data, as a model folder has it; without a name there, a GGUF file.
std::unique_ptr<Tokenizer> open(const char* file, const char* as) {
    const auto path = sharedData(std::string("tokenizers/") + file);
    if (!path) return nullptr;
    ModelFolder folder;
    if (as) folder.link(as, *path);
    auto tokenizer = as ? folder.open() : edgechat::testing::tokenizerOf(*path);
    return tokenizer ? std::move(*tokenizer) : nullptr;
}

}  // namespace

int main(int count, char** arguments) {
    constexpr struct {
        const char *name, *file, *as;
    } kTokenizers[] = {{"falcon/json", "falcon-ortx-tokenizer.json", "tokenizer.json"},
                       {"llama2/json", "llama2-ortx-tokenizer.json", "tokenizer.json"},
                       {"llama2/sentencepiece", "llama2-tokenizer.model", "tokenizer.model"},
                       {"llama2/gguf", "ggml-vocab-llama-spm.gguf", nullptr},
                       {"llama3/ranks", "llama3-tokenizer.model", "tokenizer.model"},
                       {"starcoder/gguf", "ggml-vocab-starcoder.gguf", nullptr}};
    std::vector<std::unique_ptr<Tokenizer>> tokenizers;
    for (const auto& [name, file, as] : kTokenizers) {
        benchmark::RegisterBenchmark((std::string("open/") + name).c_str(), [file = file,
                                                                             as = as](auto& state) {
            for (auto step : state) {
                (void)step;
                benchmark::DoNotOptimize(open(file, as));
            }
        })->Unit(benchmark::kMillisecond);
        tokenizers.push_back(open(file, as));
        if (!tokenizers.back()) continue;
        for (const char* kind : {"natural", "spaces", "letter", "digits", "word"}) {
            const Tokenizer& tokenizer = *tokenizers.back();
            benchmark::RegisterBenchmark((std::string(name) + "/" + kind).c_str(),
                                         [&tokenizer, kind](auto& state) { encode(state, tokenizer, kind); })
                ->Arg(1)
                ->Arg(4)
                ->Unit(benchmark::kMillisecond);
        }
    }
    benchmark::Initialize(&count, arguments);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
