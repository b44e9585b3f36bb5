#include "inference/cuda/cuda_backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "inference/cuda/elementwise.h"
#include "inference/cuda/scratch.h"
#include "inference/forward.h"
#include "inference/model/alibi.h"
#include "inference/model/rope.h"

namespace edgechat::inference::cuda {
namespace {

constexpr float kLog2E = 1.44269504088896341f;
// A recording splits attention's keys for texts of up to so many positions; the next for twice as many.
constexpr int kFirstRecording = 512;
constexpr int kMostPackingThreads = 16;

// cuBLAS takes some tenths of a second to start, and its code and room are memory that the desktop may want:
// it is tried for large models, where memory is left over.
constexpr uint64_t kWorthDense = uint64_t{1} << 30;
constexpr uint64_t kSparedMemory = uint64_t{1} << 30;
// Room for whole matrices keeps a large GPU busy; where memory is the processor's, less has to do.
constexpr uint64_t kDenseRoom = uint64_t{256} << 20, kDenseRoomIntegrated = uint64_t{32} << 20;
constexpr int kMeasurements = 3;

/// Both linear maps read the same input in one launch: their tiles are in one matrix.
bool upFollowsAttention(const LayerWeights& layer) {
    return layer.up.matrix.quants == nullptr;
}

/// Both linear maps add to the residual stream in one launch.
bool downTakesOutput(const ModelConfig& config, const LayerWeights& layer) {
    const PackedMatrix &a = layer.output.matrix, &b = layer.down.matrix;
    return config.parallelResidual && a.kind == b.kind && (a.group < kChunk) == (b.group < kChunk) &&
           layer.output.bias == nullptr;
}

}  // namespace

CudaBackend::CudaBackend(std::unique_ptr<Runtime> runtime, const ModelConfig& config,
                         const CudaOptions& options)
    : m_runtime(std::move(runtime)),
      m_config(config),
      m_context(options.context),
      m_cache(config, options.context, options.kv) {}

Result<std::unique_ptr<CudaBackend>> CudaBackend::load(
    std::unique_ptr<Runtime> runtime, const Checkpoint& checkpoint, const CudaOptions& options,
    const std::function<bool(uint64_t, uint64_t)>& progress) {
    if (checkpoint.config().headSize > kMostHeadSize) {
        return Error{ErrorCode::badInput,
                     "cannot run",
                     checkpoint.path().string(),
                     "head size",
                     std::to_string(checkpoint.config().headSize),
                     "at most " + std::to_string(kMostHeadSize)};
    }
    std::unique_ptr<CudaBackend> backend(new CudaBackend(std::move(runtime), checkpoint.config(), options));
    Runtime& device = *backend->m_runtime;
    if (Result<void> taken = backend->m_cache.allocate(device); !taken) return taken.error();
    if (Result<void> taken = backend->allocate(); !taken) return taken.error();
    cpu::ThreadPool pool(std::clamp(options.packingThreads, 1, kMostPackingThreads));
    Result<Weights> weights = Weights::load(checkpoint, device, pool, progress);
    if (!weights) return weights.error();
    backend->m_weights = std::move(*weights);
    if (Result<void> opened = backend->openDense(options.dense); !opened) return opened.error();
    return backend;
}

Result<void> CudaBackend::openDense(DenseUse use) {
    if (use == DenseUse::never || (use == DenseUse::measured && m_weights.bytes < kWorthDense)) return {};
    DenseProducts::Room room;
    int widest = 0;
    const uint64_t most = m_runtime->properties().integrated ? kDenseRoomIntegrated : kDenseRoom;
    const auto cover = [&](const PackedMatrix& matrix) {
        if (matrix.quants == nullptr) return;
        room.cover(matrix, kCudaBatch, most);
        widest = std::max(widest, paddedInputs(matrix.columns));
    };
    for (const LayerWeights& layer : m_weights.layers) {
        for (const AttentionPart& part : layer.attention) cover(part.linear.matrix);
        for (const Linear* linear : {&layer.output, &layer.up, &layer.down}) cover(linear->matrix);
    }
    if (use == DenseUse::measured && m_runtime->freeMemory() < room.total() + kSparedMemory) return {};
    Result<std::unique_ptr<DenseProducts>> dense = DenseProducts::open(*m_runtime, room, kCudaBatch, widest);
    if (!dense) return use == DenseUse::always ? Result<void>(dense.error()) : Result<void>();
    m_dense = std::move(*dense);
    m_denseFrom = use == DenseUse::always ? kMostGemvTokens + 1 : measureDenseFrom();
    if (m_denseFrom == 0) m_dense.reset();
    return m_status;
}

/// By the first layer's largest product. What is multiplied does not matter yet: activations are zeros, and
/// the cache is empty.
int CudaBackend::measureDenseFrom() {
    if (m_dense == nullptr) return 0;
    const int before = m_denseFrom;
    const int from = cuda::denseFrom(kCudaBatch, [this](int tokens, bool dense) {
        m_tokens = tokens;
        m_denseFrom = dense ? tokens : 0;
        double best = 0;
        for (int i = 0; i <= kMeasurements; ++i) {  // the first loads code
            const double time = m_runtime->secondsOf([this] {
                if (upFollowsAttention(m_weights.layers.front())) {
                    queryKeyValue(0);
                } else {
                    mlpUp(0);
                }
            });
            if (i == 1 || (i > 1 && time < best)) best = time;
        }
        return dense && m_denseFrom == 0 ? 0.0 : best;  // 0: refused
    });
    m_tokens = 0;
    m_denseFrom = before;
    keep(m_runtime->synchronize());
    return from;
}

Result<void> CudaBackend::allocate() {
    const ScratchPlan plan(m_config, m_context, m_runtime->properties().multiprocessors);
    Result<Memory> device = m_runtime->allocate(plan.deviceBytes, "activations");
    if (!device) return device.error();
    m_scratch = std::move(*device);
    Result<Memory> pinned = m_runtime->allocatePinned(plan.pinnedBytes, "logits");
    if (!pinned) return pinned.error();
    m_pinned = std::move(*pinned);
    m_runtime->zero(m_scratch.data(), plan.deviceBytes);

    m_step = m_scratch.as<int>(plan.step);
    m_x = m_scratch.as<float>(plan.x);
    m_normed = m_scratch.as<uint16_t>(plan.normed);
    m_queries = m_scratch.as<uint16_t>(plan.queries);
    m_attended = m_scratch.as<uint16_t>(plan.attended);
    m_hidden = m_scratch.as<uint16_t>(plan.hidden);
    m_logits = m_scratch.as<float>(plan.logits);
    m_partial = m_scratch.as<float>(plan.partial);
    m_attentionTickets = m_scratch.as<uint32_t>(plan.attentionTickets);
    m_staging = m_scratch.as<float>(plan.staging);
    m_storeTickets = m_scratch.as<uint32_t>(plan.storeTickets);
    m_pinnedStep = m_pinned.as<int>(plan.pinnedStep);
    m_pinnedLogits = m_pinned.as<float>(plan.pinnedLogits);
    m_sample = m_scratch.as<SampleState>(plan.sample);
    m_pinnedSample = m_pinned.as<SampleState>(plan.pinnedSample);
    m_pinnedToken = m_pinned.as<int>(plan.pinnedToken);
    *m_pinnedToken = 0;
    if (m_config.positions == PositionKind::rope) {
        m_frequencies = m_scratch.as<float>(plan.constants);
        m_rotations = m_scratch.as<float>(plan.rotations);
    } else {
        m_biases = m_scratch.as<float>(plan.constants);
        m_biasStride = plan.biasStride;
    }
    return writeConstants(m_scratch.as<float>(plan.constants));
}

Result<void> CudaBackend::writeConstants(float* constants) {
    std::vector<float> values;
    if (m_config.positions == PositionKind::rope) {
        values = ropeInverseFrequencies(m_config, m_context);
    } else {
        const float scale = kLog2E / std::sqrt(static_cast<float>(m_config.headSize));
        for (const float slope : alibiSlopes(m_config.heads)) {
            for (int p = 0; p < m_biasStride; ++p) values.push_back(alibiBias(slope, p) * scale);
        }
    }
    Result<Memory> staging = m_runtime->allocatePinned(values.size() * sizeof(float), "staging");
    if (!staging) return staging.error();
    std::memcpy(staging->data(), values.data(), values.size() * sizeof(float));
    m_runtime->copyToDevice(constants, staging->data(), values.size() * sizeof(float));
    return m_runtime->synchronize();
}

int CudaBackend::maxBatch() const {
    return kCudaBatch;
}

int CudaBackend::reusable(int tokens) const {
    if (m_config.slidingWindow <= 0) return tokens;
    // A slot holds the highest position that was written to it, also after the text was cut back.
    const int oldestSeen = std::max(0, tokens - m_config.slidingWindow + 1);
    return oldestSeen >= m_written - m_cache.capacity() ? tokens : 0;
}

bool CudaBackend::keep(const Result<void>& outcome) {
    if (m_status && !outcome) m_status = outcome;
    return static_cast<bool>(m_status);
}

void CudaBackend::writeStep(std::span<const int> tokens, int start) {
    m_tokens = static_cast<int>(tokens.size());
    m_start = start;
    m_written = start == 0 ? m_tokens : std::max(m_written, start + m_tokens);
    m_pinnedStep[0] = start;
    std::copy(tokens.begin(), tokens.end(), m_pinnedStep + 1);
}

void CudaBackend::embed(std::span<const int> tokens, int start) {
    // What was started before still reads the pinned memory.
    keep(m_runtime->synchronize());
    writeStep(tokens, start);
    m_mostPositions = start + m_tokens;
    launchEmbedding();
}

void CudaBackend::launchEmbedding() {
    m_runtime->copyToDevice(m_step, m_pinnedStep, sizeof(int) * static_cast<size_t>(1 + m_tokens));
    EmbedArguments arguments;
    arguments.embedding = m_weights.embedding.matrix;
    arguments.tokens = m_step + 1;
    arguments.start = m_step;
    arguments.tokenCount = m_tokens;
    arguments.x = m_x;
    arguments.hidden = m_config.hidden;
    if (m_frequencies != nullptr) {
        arguments.inverseFrequencies = m_frequencies;
        arguments.pairs = m_config.headSize / 2;
        arguments.magnitude = ropeMagnitude(m_config.ropeScaling);
        arguments.rotations = m_rotations;
    }
    launchEmbed(*m_runtime, arguments);
}

void CudaBackend::launchNormInto(const float* x, const NormWeights& norm, uint16_t* out, int tokens) {
    NormArguments arguments;
    arguments.x = x;
    arguments.tokens = tokens;
    arguments.hidden = m_config.hidden;
    arguments.layerNorm = m_config.norm == NormKind::layer;
    arguments.eps = m_config.normEps;
    arguments.weight = norm.weight;
    arguments.bias = norm.bias;
    arguments.out = out;
    arguments.outStride = paddedInputs(m_config.hidden);
    launchNorm(*m_runtime, arguments);
}

void CudaBackend::multiply(const MatmulArguments& arguments) {
    if (arguments.tokens <= kMostGemvTokens) return launchGemv(*m_runtime, arguments);
    if (!multiplyDense(arguments)) launchGemm(*m_runtime, arguments);
}

/// False where it is not for cuBLAS, or cuBLAS does not want it and is not asked any more.
bool CudaBackend::multiplyDense(const MatmulArguments& arguments) {
    if (m_denseFrom == 0 || arguments.tokens < m_denseFrom) return false;
    const Result<bool> done = m_dense->multiply(arguments);
    if (!done) keep(done.error());
    if (done && !*done) m_denseFrom = 0;
    return !done || *done;
}

Term CudaBackend::term(const PackedMatrix& matrix, const uint16_t* input) const {
    return {matrix, input, paddedInputs(matrix.columns)};
}

EpilogueArguments CudaBackend::attentionEpilogue(int layer, const AttentionPart& part) const {
    EpilogueArguments epilogue;
    epilogue.kind = Epilogue::attention;
    epilogue.bias = part.linear.bias;
    epilogue.firstTile = part.firstTile;
    epilogue.queries = m_queries;
    epilogue.queryScale = kLog2E / std::sqrt(static_cast<float>(m_config.headSize));
    epilogue.rotations = m_rotations;
    epilogue.adjacent = m_config.ropePairs == RopePairs::adjacent;
    epilogue.headSize = m_config.headSize;
    epilogue.heads = m_config.heads;
    epilogue.kvHeads = m_config.kvHeads;
    epilogue.cache = m_cache.layer(layer);
    epilogue.start = m_step;
    epilogue.staging = m_staging;
    epilogue.tickets = m_storeTickets;
    return epilogue;
}

EpilogueArguments CudaBackend::upEpilogue(const LayerWeights& layer) const {
    EpilogueArguments epilogue;
    epilogue.kind = m_config.gatedMlp ? Epilogue::gated : Epilogue::activated;
    epilogue.rows = m_config.ffn;
    epilogue.out = m_hidden;
    epilogue.outStride = paddedInputs(m_config.ffn);
    epilogue.activation =
        m_config.activation == Activation::silu ? ActivationKind::silu : ActivationKind::gelu;
    epilogue.divisors = layer.divisors;
    return epilogue;
}

void CudaBackend::norm(int layer, NormRole role) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    const NormWeights& norm = role == NormRole::attention ? weights.attentionNorm : weights.mlpNorm;
    if (norm.weight != nullptr) launchNormInto(m_x, norm, m_normed, m_tokens);
}

void CudaBackend::queryKeyValue(int layer) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    for (const AttentionPart& part : weights.attention) {
        MatmulArguments arguments;
        arguments.terms[0] = term(part.linear.matrix, m_normed);
        arguments.tokens = m_tokens;
        arguments.segments[0] = {part.tiles, attentionEpilogue(layer, part)};
        if (upFollowsAttention(weights)) {
            arguments.segmentCount = 2;
            arguments.segments[1] = {part.linear.matrix.tiles() - part.tiles, upEpilogue(weights)};
            if (part.linear.bias != nullptr) {
                arguments.segments[1].epilogue.bias = part.linear.bias + part.tiles * kTileRows;
            }
        }
        multiply(arguments);
    }
}

void CudaBackend::attend(int layer) {
    AttentionArguments arguments;
    arguments.queries = m_queries;
    arguments.out = m_attended;
    arguments.outStride = paddedInputs(m_config.queryWidth());
    arguments.cache = m_cache.layer(layer);
    arguments.headSize = m_config.headSize;
    arguments.heads = m_config.heads;
    arguments.kvHeads = m_config.kvHeads;
    arguments.tokens = m_tokens;
    arguments.start = m_step;
    arguments.window = m_config.slidingWindow;
    arguments.biases = m_biases;
    arguments.biasStride = m_biasStride;
    arguments.mostPositions = m_mostPositions;
    arguments.partial = m_partial;
    arguments.tickets = m_attentionTickets;
    launchAttention(*m_runtime, arguments);
}

MatmulArguments CudaBackend::residual(const Linear& linear, const uint16_t* input) const {
    MatmulArguments arguments;
    arguments.terms[0] = term(linear.matrix, input);
    arguments.tokens = m_tokens;
    EpilogueArguments& epilogue = arguments.segments[0].epilogue;
    arguments.segments[0].tiles = linear.matrix.tiles();
    epilogue.kind = Epilogue::residual;
    epilogue.bias = linear.bias;
    epilogue.rows = m_config.hidden;
    epilogue.out = m_x;
    epilogue.outStride = m_config.hidden;
    return arguments;
}

void CudaBackend::project(int layer) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    if (!downTakesOutput(m_config, weights)) multiply(residual(weights.output, m_attended));
}

void CudaBackend::mlpUp(int layer) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    if (upFollowsAttention(weights)) return;
    MatmulArguments arguments;
    arguments.terms[0] = term(weights.up.matrix, m_normed);
    arguments.tokens = m_tokens;
    arguments.segments[0] = {weights.up.matrix.tiles(), upEpilogue(weights)};
    arguments.segments[0].epilogue.bias = weights.up.bias;
    multiply(arguments);
}

void CudaBackend::mlpDown(int layer) {
    const LayerWeights& weights = m_weights.layers[static_cast<size_t>(layer)];
    MatmulArguments arguments = residual(weights.down, m_hidden);
    if (downTakesOutput(m_config, weights)) {
        arguments.terms[1] = term(weights.output.matrix, m_attended);
        arguments.termCount = 2;
    }
    multiply(arguments);
}

void CudaBackend::launchHead(int first, int count, bool choose) {
    launchNormInto(m_x + static_cast<size_t>(first) * static_cast<size_t>(m_config.hidden),
                   m_weights.outputNorm, m_normed, count);
    MatmulArguments arguments;
    arguments.terms[0] = term(m_weights.head.matrix, m_normed);
    arguments.tokens = count;
    EpilogueArguments& epilogue = arguments.segments[0].epilogue;
    arguments.segments[0].tiles = m_weights.head.matrix.tiles();
    epilogue.kind = Epilogue::plain;
    epilogue.bias = m_weights.head.bias;
    epilogue.rows = m_config.vocab;
    epilogue.out = m_logits;
    epilogue.outStride = m_config.vocab;
    multiply(arguments);
    if (choose) {
        launchSample(*m_runtime, {m_logits, m_config.vocab, m_sample, nullptr, m_pinnedToken});
    } else {
        m_runtime->copyFromDevice(
            m_pinnedLogits, m_logits,
            static_cast<uint64_t>(count) * static_cast<uint64_t>(m_config.vocab) * sizeof(float));
    }
}

void CudaBackend::head(int count, float* logits) {
    for (int done = 0; done < count; done += kLogitRows) {
        const int rows = std::min(kLogitRows, count - done);
        const size_t values = static_cast<size_t>(rows) * static_cast<size_t>(m_config.vocab);
        launchHead(m_tokens - count + done, rows, logits == nullptr);
        if (!keep(m_runtime->synchronize()) || logits == nullptr) return;
        std::copy_n(m_pinnedLogits, values, logits);
        logits += values;
    }
}

bool CudaBackend::step(int token, int position, float* logits) {
    int most = kFirstRecording;
    while (most < position + 1) most *= 2;
    std::unique_ptr<Runtime::Recording>& recording = m_recordings[{most, logits == nullptr}];
    if (!keep(m_runtime->synchronize())) return false;
    writeStep({&token, 1}, position);
    if (recording == nullptr) {
        m_mostPositions = most;
        const bool choose = logits == nullptr;
        Result<std::unique_ptr<Runtime::Recording>> recorded = m_runtime->record([this, choose] {
            launchEmbedding();
            forwardLayers(*this, m_config);
            launchHead(0, 1, choose);
        });
        if (!recorded) {
            keep(recorded.error());
            return false;
        }
        recording = std::move(*recorded);
    }
    m_runtime->replay(*recording);
    if (keep(m_runtime->synchronize()) && logits != nullptr) {
        std::copy_n(m_pinnedLogits, m_config.vocab, logits);
    }
    return true;
}

bool CudaBackend::beginSampling(const SamplingOptions& options) {
    if (!canSample(options, m_config.vocab)) return false;
    if (!keep(m_runtime->synchronize())) return false;
    *m_pinnedSample = cuda::beginSampling(options);
    m_runtime->copyToDevice(m_sample, m_pinnedSample, sizeof(SampleState));
    return true;
}

}  // namespace edgechat::inference::cuda
