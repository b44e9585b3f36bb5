#include "quant/smoothquant.h"

#include <algorithm>
#include <cmath>

#include "quant/int8_rounding.h"

namespace edgechat::quant {

using inference::ModelConfig;

namespace {

constexpr float kSmallest = 1e-5f;

/// A matrix times diag(scale), rows as listed.
std::vector<float> scaledRows(const DenseLinear& weights, std::span<const int64_t> rows,
                              const std::vector<float>& scale) {
    const int64_t columns = weights.columns();
    std::vector<float> out(rows.size() * static_cast<size_t>(columns));
    for (size_t i = 0; i < rows.size(); ++i) {
        float* row = out.data() + i * static_cast<size_t>(columns);
        weights.expandRow(rows[i], row);
        for (size_t k = 0; k < scale.size(); ++k) row[k] *= scale[k];
    }
    return out;
}

class LayerSmoother {
  public:
    LayerSmoother(const ModelConfig& config, const LayerWeights& layer,
                  std::map<InputSite, SiteStatistics> statistics, inference::cpu::ThreadPool& pool,
                  DenseProduct& product)
        : m_config(config),
          m_layer(layer),
          m_statistics(std::move(statistics)),
          m_pool(pool),
          m_product(product) {}

    QuantizedLayer run() {
        m_result.output.attentionNorm = m_layer.attentionNorm;
        m_result.output.mlpNorm = m_layer.mlpNorm;
        for (const InputSite where : kInputSites) {
            const std::vector<LinearRole> roles = rolesAt(m_layer, where);
            if (!roles.empty()) quantizeSite(where, roles);
        }
        for (const LinearRole role : kLinearRoles) {
            if (m_layer.has(role)) m_result.report.push_back(m_reports[role]);
        }
        return std::move(m_result);
    }

  private:
    OutputNorm* normOf(InputSite where) {
        if (where == InputSite::attention) return &m_result.output.attentionNorm;
        if (where == InputSite::mlp) return &*m_result.output.mlpNorm;
        return nullptr;
    }

    /// s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)
    std::vector<float> smoothing(const std::vector<LinearRole>& roles,
                                 const SiteStatistics& statistics) const {
        std::vector<float> weight(static_cast<size_t>(statistics.size), kSmallest), row(weight.size());
        for (const LinearRole role : roles) {
            const DenseLinear& linear = m_layer.at(role);
            for (int64_t i = 0; i < linear.rows(); ++i) {
                linear.expandRow(i, row.data());
                for (size_t j = 0; j < row.size(); ++j) weight[j] = std::max(weight[j], std::fabs(row[j]));
            }
        }
        const float alpha = smoothingStrength(m_config);
        std::vector<float> scale(weight.size());
        for (size_t j = 0; j < scale.size(); ++j) {
            const float s = std::pow(statistics.largestAbsolute[j], alpha) / std::pow(weight[j], 1 - alpha);
            scale[j] = std::isfinite(s) ? std::max(s, kSmallest) : 1;
        }
        return scale;
    }

    /// Squared error of the listed rows' outputs on the inputs kept aside, weights and activations in 8 bits.
    double errorOf(const DenseLinear& linear, std::span<const int64_t> rows, const std::vector<float>& scale,
                   const SiteStatistics& statistics) {
        const int64_t tokens = statistics.heldOutTokens, columns = statistics.size;
        std::vector<float> x = statistics.heldOut;
        m_pool.parallelFor(static_cast<int>(tokens), [&](int t, int) {
            float* row = x.data() + static_cast<int64_t>(t) * columns;
            for (size_t j = 0; j < scale.size(); ++j) row[j] /= scale[j];
            roundToInt8(row, columns, nullptr);
        });
        std::vector<float> w = scaledRows(linear, rows, scale);
        m_pool.parallelFor(static_cast<int>(rows.size()),
                           [&](int i, int) { roundToInt8(w.data() + i * columns, columns, nullptr); });
        const auto outputs = static_cast<int64_t>(rows.size());
        std::vector<float> y(static_cast<size_t>(tokens * outputs));
        m_product.timesTransposed(MatrixView(x.data(), tokens, columns),
                                  MatrixView(w.data(), outputs, columns), 1, 0, y.data(), outputs);
        const std::vector<float> exact = scaledRows(linear, rows, {});
        m_product.timesTransposed(statistics.heldOutView(), MatrixView(exact.data(), outputs, columns), -1, 1,
                                  y.data(), outputs);
        double sum = 0;
        for (const float value : y) sum += static_cast<double>(value) * static_cast<double>(value);
        return sum / static_cast<double>(std::max<int64_t>(tokens, 1));
    }

    double energyOf(const DenseLinear& linear, std::span<const int64_t> rows,
                    const SiteStatistics& statistics) {
        return LinearQuantizer(m_pool, m_product)
            .prepare(linear, std::vector<int64_t>(rows.begin(), rows.end()), {}, &statistics)
            .energy;
    }

    void quantizeSite(InputSite where, const std::vector<LinearRole>& roles) {
        const SiteStatistics statistics = std::move(m_statistics[where]);
        OutputNorm* norm = normOf(where);
        std::vector<float> scale;
        if (norm != nullptr) scale = smoothing(roles, statistics);
        bool worse = false;  // for any of the layers that read here
        for (const LinearRole role : roles) {
            const DenseLinear& linear = m_layer.at(role);
            const std::vector<int64_t> rows = someRows(linear.rows(), kReportedRows);
            const double energy = std::max(energyOf(linear, rows, statistics), 1e-30);
            LinearReport& report = m_reports[role];
            report.name = linear.info.name;
            report.groupSize = static_cast<int>(linear.columns());
            report.method = "int8";
            report.rtnError = errorOf(linear, rows, {}, statistics) / energy;
            report.error =
                scale.empty() ? report.rtnError : errorOf(linear, rows, scale, statistics) / energy;
            worse = worse || report.error > report.rtnError;
        }
        const bool smooth = !scale.empty() && !worse;
        if (!smooth) scale.clear();
        if (smooth) divideNorm(*norm, scale);
        for (const LinearRole role : roles) {
            LinearReport& report = m_reports[role];
            report.scale =
                smooth ? "smooth " + std::to_string(smoothingStrength(m_config)).substr(0, 4) : "none";
            if (!smooth) report.error = report.rtnError;
            if (norm != nullptr && !smooth) report.fallback = "no smoothing";
            const DenseLinear& linear = m_layer.at(role);
            Int8Matrix matrix;
            matrix.rows = linear.rows();
            matrix.columns = linear.columns();
            matrix.codes.resize(static_cast<size_t>(matrix.rows * matrix.columns));
            matrix.scales.resize(static_cast<size_t>(matrix.rows));
            m_pool.parallelFor(static_cast<int>(matrix.rows), [&](int i, int) {
                const int64_t index = i;
                std::vector<float> row = scaledRows(linear, {&index, 1}, scale);
                matrix.scales[static_cast<size_t>(i)] =
                    roundToInt8(row.data(), matrix.columns, matrix.codes.data() + index * matrix.columns);
            });
            m_result.output.linears[role] = {std::move(matrix), linear.bias};
        }
    }

    const ModelConfig& m_config;
    const LayerWeights& m_layer;
    std::map<InputSite, SiteStatistics> m_statistics;
    inference::cpu::ThreadPool& m_pool;
    DenseProduct& m_product;
    std::map<LinearRole, LinearReport> m_reports;
    QuantizedLayer m_result;
};

}  // namespace

float smoothingStrength(const ModelConfig& config) {
    if (config.architecture == "falcon") return config.hidden > 4544 ? 0.7f : 0.6f;
    if (config.architecture == "mistral") return 0.8f;
    // LLaMA 1 was trained for contexts of 2048; the largest LLaMA 2 wants a little more.
    if (config.context == 2048) return 0.8f;
    return config.hidden >= 8192 && config.context == 4096 ? 0.9f : 0.85f;
}

Result<QuantizedLayer> quantizeLayerInt8(const ModelConfig& config, const LayerWeights& layer,
                                         std::map<InputSite, SiteStatistics> statistics,
                                         inference::cpu::ThreadPool& pool, DenseProduct& product) {
    return LayerSmoother(config, layer, std::move(statistics), pool, product).run();
}

}  // namespace edgechat::quant
