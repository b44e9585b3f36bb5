#include "quant/input_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace edgechat::quant {
namespace {

/// Moves input order[p] to place p.
void reorder(Gram& gram, const std::vector<int64_t>& order, inference::cpu::ThreadPool& pool) {
    mirror(gram, pool);
    const int64_t n = gram.size;
    pool.parallelFor(static_cast<int>(n), [&](int row, int) { toPlaces(gram.row(row), order); });
    // Then whole rows, around each cycle of the permutation.
    std::vector<bool> done(order.size());
    std::vector<float> first(order.size());
    for (int64_t start = 0; start < n; ++start) {
        if (done[static_cast<size_t>(start)]) continue;
        std::copy_n(gram.row(start), n, first.data());
        for (int64_t place = start;;) {
            done[static_cast<size_t>(place)] = true;
            const int64_t from = order[static_cast<size_t>(place)];
            std::copy_n(from == start ? first.data() : gram.row(from), n, gram.row(place));
            if (from == start) break;
            place = from;
        }
    }
}

std::vector<int64_t> orderOf(const Gram& gram, int groupSize) {
    std::vector<int64_t> inputs(static_cast<size_t>(gram.size));
    std::iota(inputs.begin(), inputs.end(), 0);
    const auto stronger = [&gram](int64_t a, int64_t b) { return gram.diagonal(a) > gram.diagonal(b); };
    std::vector<std::pair<float, int64_t>> groups;  // strength, first input
    for (int64_t first = 0; first < gram.size; first += groupSize) {
        float sum = 0;
        for (int64_t i = first; i < first + groupSize; ++i) sum += gram.diagonal(i);
        groups.emplace_back(sum, first);
        std::stable_sort(inputs.begin() + first, inputs.begin() + first + groupSize, stronger);
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<int64_t> order;
    for (const auto& [strength, first] : groups)
        order.insert(order.end(), inputs.begin() + first, inputs.begin() + first + groupSize);
    return order;
}

/// The site whose inputs these are.
InputSite knownAs(InputSite site) {
    return site == InputSite::key || site == InputSite::value ? InputSite::attention : site;
}

}  // namespace

std::vector<int64_t> orderByStrength(const SiteStatistics& statistics, int groupSize) {
    std::vector<int64_t> order;
    for (const InputBlock& block : statistics.blocks) {
        for (const int64_t input : orderOf(block.gram, groupSize)) order.push_back(block.first + input);
    }
    return order;
}

void reorder(SiteStatistics& statistics, std::vector<int64_t> order, inference::cpu::ThreadPool& pool) {
    for (InputBlock& block : statistics.blocks) {
        std::vector<int64_t> within;
        for (int64_t p = block.first; p < block.first + block.gram.size; ++p)
            within.push_back(order[static_cast<size_t>(p)] - block.first);
        reorder(block.gram, within, pool);
    }
    toPlaces(statistics.meanAbsolute.data(), order);
    toPlaces(statistics.largestAbsolute.data(), order);
    for (int64_t t = 0; t < statistics.heldOutTokens; ++t)
        toPlaces(statistics.heldOut.data() + t * statistics.size, order);
    statistics.order = std::move(order);
}

bool StatisticsPlan::heldOut(int64_t windowIndex) const {
    if (heldOutWindows <= 0) return false;
    const int64_t every = windows / heldOutWindows;
    return windowIndex % every == every - 1 && windowIndex / every < heldOutWindows;
}

SiteStatistics& StatisticsCollector::site(InputSite site, int64_t size) {
    SiteStatistics& statistics = m_sites[site];
    if (statistics.size != 0) return statistics;
    statistics.size = size;
    statistics.largestAbsolute.resize(static_cast<size_t>(size));
    m_sums[site].resize(static_cast<size_t>(size));
    if (!m_plan.gram) return statistics;
    const auto found = m_plan.blocks.find(knownAs(site));
    const int64_t parts = found == m_plan.blocks.end() ? 1 : found->second;
    const int64_t units = (size + m_plan.blockMultiple - 1) / m_plan.blockMultiple;
    for (int64_t part = 0; part < parts; ++part) {
        InputBlock block;
        block.first = units * part / parts * m_plan.blockMultiple;
        const int64_t end = std::min(size, units * (part + 1) / parts * m_plan.blockMultiple);
        if (end <= block.first) continue;
        block.gram.size = end - block.first;
        block.gram.values.resize(static_cast<size_t>(block.gram.size * block.gram.size));
        statistics.blocks.push_back(std::move(block));
    }
    return statistics;
}

void StatisticsCollector::add(const SiteInputs& inputs) {
    const InputSite where = inputs.site;
    const MatrixView& x = inputs.x;
    SiteStatistics& statistics = site(where, x.columns);
    std::vector<double>& sums = m_sums[where];
    const int64_t n = x.columns;
    const int64_t keptPerWindow =
        m_plan.heldOutWindows > 0
            ? std::clamp<int64_t>(m_plan.heldOutTokensKept / m_plan.heldOutWindows, 1, m_plan.window)
            : 0;
    for (int64_t begin = 0; begin < x.rows; begin += m_plan.window) {
        const float* rows = x.data + begin * x.stride;
        for (int64_t t = 0; t < m_plan.window; ++t) {
            const float* row = rows + t * x.stride;
            for (int64_t j = 0; j < n; ++j) {
                float& largest = statistics.largestAbsolute[static_cast<size_t>(j)];
                largest = std::max(largest, std::fabs(row[j]));
            }
        }
        MatrixView weighted(rows, m_plan.window, n, x.stride);
        if (!inputs.weights.empty()) {
            m_weighted.resize(static_cast<size_t>(m_plan.window * n));
            for (int64_t t = 0; t < m_plan.window; ++t) {
                const float root = std::sqrt(inputs.weights[static_cast<size_t>(begin + t)]);
                for (int64_t j = 0; j < n; ++j)
                    m_weighted[static_cast<size_t>(t * n + j)] = root * rows[t * x.stride + j];
            }
            weighted = MatrixView(m_weighted.data(), m_plan.window, n);
        }
        if (m_plan.heldOut((inputs.firstToken + begin) / m_plan.window)) {
            for (int64_t i = 0; i < keptPerWindow; ++i) {
                const float* row = weighted.data + i * m_plan.window / keptPerWindow * weighted.stride;
                statistics.heldOut.insert(statistics.heldOut.end(), row, row + n);
            }
            statistics.heldOutTokens += keptPerWindow;
            continue;
        }
        statistics.tokens += m_plan.window;
        for (int64_t t = 0; t < m_plan.window; ++t) {
            const float* row = rows + t * x.stride;
            for (int64_t j = 0; j < n; ++j)
                sums[static_cast<size_t>(j)] += static_cast<double>(std::fabs(row[j]));
        }
        for (InputBlock& block : statistics.blocks) {
            m_product.addGram(
                MatrixView(weighted.data + block.first, m_plan.window, block.gram.size, weighted.stride),
                block.gram.values.data(), block.gram.size);
        }
    }
}

std::map<InputSite, SiteStatistics> StatisticsCollector::finish() {
    for (auto& [where, statistics] : m_sites) {
        const double tokens = static_cast<double>(std::max<int64_t>(statistics.tokens, 1));
        for (const double sum : m_sums[where])
            statistics.meanAbsolute.push_back(static_cast<float>(sum / tokens));
        const auto factor = static_cast<float>(1 / tokens);
        for (InputBlock& block : statistics.blocks) {
            Gram& gram = block.gram;
            for (float& value : gram.values) value *= factor;
            if (statistics.tokens >= kManyTokens * gram.size) continue;
            const auto chance = static_cast<float>(static_cast<double>(gram.size) / tokens);
            for (int64_t i = 0; i < gram.size; ++i) gram.row(i)[i] *= 1 + chance;
        }
    }
    return std::move(m_sites);
}

}  // namespace edgechat::quant
