// The kernel of sampling.h: one block, no sorting.
//
// Every candidate has a place in the sampler's order: the bits of its distance to the best logit, which order
// as the distances do, and behind them its id. No two are alike. Top-k, top-p and the draw all ask the same:
// with which candidate, in this order, does a sum (of ones, or of weights) reach a given part of the whole?
// It is found digit by digit, with a histogram of the candidates that have the digits found so far. As soon
// as so few are left up to there that they fit in shared memory, they are gathered and each thread adds up
// what comes before its own.
//
// Weights are whole numbers of 2^-43, so that sums do not depend on the order in which threads add: the
// smallest weight that counts, e^-30, is 2^-43.3, and 2^20 weights of 1 fit in 64 bits.
#pragma once

#include "inference/cuda/ptx.cuh"
#include "inference/cuda/sampling.h"

namespace edgechat::inference::cuda {

constexpr int kSampleThreads = 1024;
constexpr int kFewCandidates = 256;  ///< that are gathered
constexpr int kIdBits = 20;
static_assert(kMostVocabulary <= 1 << kIdBits);

/// A place has 51 bits: distances are below 30, whose bits as a float are 0x41f00000. The first digit is the
/// uppermost 11 of them, and below 0x41f; four digits of 10 bits follow.
constexpr int kPlaceBits = 51;
constexpr int kDigits = 5;
constexpr int kBins = 33 * kWarp;  ///< at least 0x41f and 1024
constexpr uint64_t kNowhere = ~uint64_t{0};
constexpr float kWeightUnits = 0x1p43f;

/// In the order in which they are made.
enum class Cut { topK, topP, draw };
constexpr int kCuts = 3;

struct SampleShared {
    uint64_t places[kFewCandidates];
    uint64_t measures[kFewCandidates];
    uint32_t low[kBins], high[kBins];  ///< the bins' sums of weights, in two halves
    uint32_t counts[kBins];
    uint64_t laneSums[kWarp];
    uint32_t laneCounts[kWarp];
    float warpBest[kSampleThreads / kWarp];
    int warpToken[kSampleThreads / kWarp];
    // What one thread or warp finds out for all.
    uint64_t target, before, found;
    uint32_t bin, countBefore, count, gathered;
};

/// What stays the same while one token is chosen.
struct Candidates {
    const float* logits;
    int vocabulary;
    float best;  ///< logit
    float inverseTemperature;
    int topK;
    float topP, minP;
    double uniform;  ///< the random number, in [0, 1)
};

EDGECHAT_DEVICE uint64_t placeOf(const Candidates& all, int token) {
    const float distance = (all.logits[token] - all.best) * all.inverseTemperature;
    if (!(distance > -30.0f)) return kNowhere;  // nor is a NaN a candidate
    return uint64_t{floatBits(fabsf(distance))} << kIdBits | static_cast<uint32_t>(token);
}

/// What a candidate counts for a cut.
EDGECHAT_DEVICE uint64_t measureOf(const Candidates& all, Cut cut, uint64_t place) {
    if (cut == Cut::topK) return 1;
    const float weight = expf(-bitsToFloat(static_cast<uint32_t>(place >> kIdBits)));
    if (cut == Cut::draw && weight < all.minP) return 0;
    return static_cast<uint64_t>(rintf(weight * kWeightUnits));
}

/// The sum, of `total`, that the last candidate before the cut reaches. Above `total`: all are before it.
EDGECHAT_DEVICE uint64_t targetOf(const Candidates& all, Cut cut, uint64_t total) {
    if (cut == Cut::topK) return static_cast<uint64_t>(all.topK);
    if (cut == Cut::topP) {
        const double wanted = ceil(static_cast<double>(all.topP) * static_cast<double>(total));
        return wanted < 1 ? 1 : static_cast<uint64_t>(wanted);
    }
    const uint64_t point = static_cast<uint64_t>(all.uniform * static_cast<double>(total));
    return point < total ? point + 1 : total;
}

/// The bin in which the sum reaches the target, and what is before it; a count of 0 where none does. The
/// first digit's bins hold all there is, and so give the target. All lanes of one warp call it.
EDGECHAT_DEVICE void chooseBin(SampleShared& shared, const Candidates& all, Cut cut, bool firstDigit) {
    constexpr int kOwn = kBins / kWarp;
    const int lane = laneIndex(), begin = lane * kOwn;
    const auto sumOf = [&shared, cut](int bin) {
        return cut == Cut::topK ? uint64_t{shared.counts[bin]}
                                : uint64_t{shared.high[bin]} << 32 | shared.low[bin];
    };
    uint64_t own = 0, total = 0;
    uint32_t ownCount = 0;
    for (int bin = begin; bin < begin + kOwn; ++bin) {
        own += sumOf(bin);
        ownCount += shared.counts[bin];
    }
    shared.laneSums[lane] = own;
    shared.laneCounts[lane] = ownCount;
    warpBarrier();
    uint64_t before = firstDigit ? 0 : shared.before;
    uint32_t countBefore = firstDigit ? 0 : shared.countBefore;
    for (int other = 0; other < kWarp; ++other) {
        total += shared.laneSums[other];
        if (other < lane) {
            before += shared.laneSums[other];
            countBefore += shared.laneCounts[other];
        }
    }
    const uint64_t target = firstDigit ? targetOf(all, cut, total) : shared.target;
    if (lane == 0) {
        if (firstDigit) shared.target = target;
        shared.count = 0;
    }
    warpBarrier();  // every lane has read what one of them writes now
    if (before < target && target <= before + own) {
        int bin = begin;
        for (; before + sumOf(bin) < target; ++bin) {
            before += sumOf(bin);
            countBefore += shared.counts[bin];
        }
        shared.bin = static_cast<uint32_t>(bin);
        shared.before = before;
        shared.countBefore = countBefore;
        shared.count = shared.counts[bin];
    }
}

/// Calls use(place) for all candidates, each in one thread.
template <class Use>
EDGECHAT_DEVICE void forPlaces(const Candidates& all, Use use) {
    constexpr int kTogether = 4;  // loads under way
    for (int first = threadIndex(); first < all.vocabulary; first += kTogether * kSampleThreads) {
        uint64_t places[kTogether];
        EDGECHAT_UNROLL
        for (int i = 0; i < kTogether; ++i) {
            const int token = first + i * kSampleThreads;
            places[i] = token < all.vocabulary ? placeOf(all, token) : kNowhere;
        }
        EDGECHAT_UNROLL
        for (int i = 0; i < kTogether; ++i) {
            if (places[i] != kNowhere) use(places[i]);
        }
    }
}

/// Among gathered candidates up to `end`: the one with which the sum reaches its target, or kNowhere. All
/// threads call it.
/// @param target  0: as the sum of those up to `end` gives it
EDGECHAT_DEVICE uint64_t cutFew(SampleShared& shared, const Candidates& all, Cut cut, uint64_t end,
                                uint64_t target) {
    const int count = static_cast<int>(shared.gathered), thread = threadIndex();
    if (thread < count) {
        const uint64_t place = shared.places[thread];
        shared.measures[thread] = place <= end ? measureOf(all, cut, place) : 0;
    }
    if (thread == 0) shared.found = kNowhere;
    blockBarrier();
    if (thread < count) {
        const uint64_t place = shared.places[thread];
        uint64_t total = 0, sum = 0;
        for (int other = 0; other < count; ++other) {
            total += shared.measures[other];
            if (shared.places[other] <= place) sum += shared.measures[other];
        }
        if (target == 0) target = targetOf(all, cut, total);
        if (sum - shared.measures[thread] < target && target <= sum) shared.found = place;
    }
    blockBarrier();
    const uint64_t found = shared.found;
    blockBarrier();  // before it is written again
    return found;
}

/// Among all candidates, as cutFew. Where few are left up to the cut they are gathered, and `few` becomes
/// true: nothing behind them matters any more.
EDGECHAT_DEVICE uint64_t cutMany(SampleShared& shared, const Candidates& all, Cut cut, uint64_t end,
                                 bool& few) {
    uint64_t prefix = 0;  // the digits found so far
    for (int digit = 0; digit < kDigits; ++digit) {
        const int shift = 10 * (kDigits - 1 - digit);
        const int known = digit == 0 ? kPlaceBits : shift + 10;
        for (int bin = threadIndex(); bin < kBins; bin += kSampleThreads) {
            shared.low[bin] = shared.high[bin] = shared.counts[bin] = 0;
        }
        blockBarrier();
        forPlaces(all, [&](uint64_t place) {
            if (place > end || place >> known != prefix) return;
            const int bin = static_cast<int>((place >> shift) - (prefix << 10));
            atomicAddTo(&shared.counts[bin], 1);
            if (cut == Cut::topK) return;
            const uint64_t measure = measureOf(all, cut, place);
            const uint32_t low = static_cast<uint32_t>(measure);
            const uint32_t carry = atomicAddTo(&shared.low[bin], low) > ~low ? 1 : 0;
            const uint32_t high = static_cast<uint32_t>(measure >> 32) + carry;
            if (high != 0) atomicAddTo(&shared.high[bin], high);
        });
        blockBarrier();
        if (warpIndex() == 0) chooseBin(shared, all, cut, digit == 0);
        if (threadIndex() == 0) shared.gathered = 0;
        blockBarrier();
        if (shared.count == 0) return kNowhere;
        prefix = (prefix << 10) + shared.bin;
        if (shared.countBefore + shared.count <= kFewCandidates) {
            forPlaces(all, [&](uint64_t place) {
                if (place <= end && place >> shift <= prefix) {
                    shared.places[atomicAddTo(&shared.gathered, 1)] = place;
                }
            });
            blockBarrier();
            few = true;
            return cutFew(shared, all, cut, end, shared.target);
        }
    }
    return prefix;
}

/// The n-th random number of a seed, as Sampler has it: one step of SplitMix64 (Steele, Lea and Flood 2014).
EDGECHAT_DEVICE double uniformNumber(uint64_t seed, uint64_t n) {
    uint64_t bits = seed + 0x9e3779b97f4a7c15u * n + 0x9e3779b97f4a7c15u;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((bits ^ (bits >> 31)) >> 11) * 0x1p-53;
}

/// Divides the logits of recent tokens (or multiplies, if they are not positive), each once.
EDGECHAT_DEVICE void penalize(const SampleArguments& arguments) {
    const SampleState& state = *arguments.state;
    const int window = state.repeatWindow < kMostRecent ? state.repeatWindow : kMostRecent;
    const int count = state.chosen < window ? state.chosen : window, thread = threadIndex();
    if (thread >= count) return;
    const int token = state.recent[(state.chosen - 1 - thread) % kMostRecent];
    for (int later = 0; later < thread; ++later) {
        if (state.recent[(state.chosen - 1 - later) % kMostRecent] == token) return;
    }
    if (token < 0 || token >= arguments.vocabulary) return;
    const float logit = arguments.logits[token];
    arguments.logits[token] = logit > 0 ? logit / state.repeatPenalty : logit * state.repeatPenalty;
}

/// The smallest id among the greatest logits. NaNs are passed over, but for one at id 0, which nothing is
/// greater than. All threads call it.
EDGECHAT_DEVICE int bestToken(SampleShared& shared, const float* logits, int vocabulary) {
    constexpr int kNone = 0x7fffffff;
    float best = -INFINITY;
    int token = kNone;
    const auto prefer = [&best, &token](float logit, int id) {
        if (logit > best || (logit == best && id < token)) {
            best = logit;
            token = id;
        }
    };
    const auto preferOfWarp = [&] {
        for (int mask = kWarp / 2; mask > 0; mask /= 2) {
            const float logit = shuffleXor(best, mask);
            prefer(logit, shuffleXor(token, mask));
        }
    };
    for (int id = threadIndex(); id < vocabulary; id += kSampleThreads) prefer(logits[id], id);
    preferOfWarp();
    if (laneIndex() == 0) {
        shared.warpBest[warpIndex()] = best;
        shared.warpToken[warpIndex()] = token;
    }
    blockBarrier();
    best = shared.warpBest[laneIndex()];
    token = shared.warpToken[laneIndex()];
    preferOfWarp();
    return token == kNone || logits[0] != logits[0] ? 0 : token;
}

/// One block. At most 64 registers, sizeof(SampleShared) bytes of shared memory (17.5 KB).
EDGECHAT_KERNEL(kSampleThreads, 1) sampleKernel(EDGECHAT_ARGUMENT SampleArguments arguments) {
    SampleShared& shared = *reinterpret_cast<SampleShared*>(sharedMemory());
    SampleState& state = *arguments.state;
    penalize(arguments);
    blockBarrier();
    int token = bestToken(shared, arguments.logits, arguments.vocabulary);
    bool drawn = false;
    if (state.greedy == 0) {
        const Candidates all = {arguments.logits,
                                arguments.vocabulary,
                                arguments.logits[token],
                                state.inverseTemperature,
                                state.topK,
                                state.topP,
                                state.minP,
                                uniformNumber(state.seed, state.counter)};
        uint64_t end = (uint64_t{1} << kPlaceBits) - 1, found = kNowhere;
        bool few = false;
        for (int i = 0; i < kCuts; ++i) {
            const Cut cut = static_cast<Cut>(i);
            if ((cut == Cut::topK && all.topK <= 0) || (cut == Cut::topP && !(all.topP < 1))) continue;
            found = few ? cutFew(shared, all, cut, end, 0) : cutMany(shared, all, cut, end, few);
            if (found != kNowhere) end = found;
        }
        drawn = found != kNowhere;
        if (drawn) token = static_cast<int>(found & ((uint64_t{1} << kIdBits) - 1));
    }
    if (threadIndex() != 0) return;
    if (drawn) ++state.counter;
    state.recent[state.chosen % kMostRecent] = token;
    ++state.chosen;
    *arguments.token = token;
    if (arguments.next != nullptr) *arguments.next = token;
}

}  // namespace edgechat::inference::cuda
