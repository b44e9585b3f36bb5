#include "quant/awq.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "inference/model/tensor.h"

namespace edgechat::quant {

using inference::ModelConfig;

namespace {

constexpr int64_t kSearchedRows = 128;
constexpr float kLargestFolded = 0.25f * 65504;  // of a norm's weight, as NNCF bounds it
constexpr int kSweeps = 2;                       // five bring less than 1 % more of the loss

/// Values in the order of SiteStatistics by input again: toPlaces() back.
std::vector<float> byInput(std::vector<float> values, const std::vector<int64_t>& order) {
    if (values.empty()) return values;
    const std::vector<float> before = values;
    for (size_t place = 0; place < order.size(); ++place)
        values[static_cast<size_t>(order[place])] = before[place];
    return values;
}

/// What the scale of a site's inputs is folded into.
enum class Fold { attentionNorm, mlpNorm, valueRows, upRows, divisor };

struct Site {
    InputSite where;
    std::vector<LinearRole> roles;
    Fold fold = Fold::attentionNorm;
};

class LayerQuantizer {
  public:
    LayerQuantizer(const ModelConfig& config, const LayerWeights& layer,
                   std::map<InputSite, SiteStatistics> statistics, const Recipe& recipe,
                   const OutputForm& form, inference::cpu::ThreadPool& pool, DenseProduct& product,
                   const std::function<bool()>& stopped)
        : m_config(config),
          m_layer(layer),
          m_statistics(std::move(statistics)),
          m_recipe(recipe),
          m_form(form),
          m_pool(pool),
          m_product(product),
          m_stopped(stopped),
          m_quantizer(pool, product) {}

    Result<QuantizedLayer> run() {
        m_result.output.attentionNorm = m_layer.attentionNorm;
        m_result.output.mlpNorm = m_layer.mlpNorm;
        for (const Site& site : sites()) {
            if (m_stopped())
                return Error{ErrorCode::interrupted, "the quantization was stopped", "", "", "", ""};
            quantizeSite(site);
        }
        for (auto& [role, linear] : m_result.output.linears) {
            linear.bias = m_layer.at(role).bias;
            const std::vector<float>& rowScale = m_rowScales[role];
            for (size_t i = 0; i < linear.bias.size() && !rowScale.empty(); ++i)
                linear.bias[i] *= rowScale[i];
        }
        std::vector<LinearReport> ordered;
        for (const LinearRole role : kLinearRoles) {
            if (m_layer.has(role)) ordered.push_back(m_reports[role]);
        }
        m_result.report = std::move(ordered);
        return std::move(m_result);
    }

  private:
    /// The sites whose scales go into rows of another linear layer first.
    std::vector<Site> sites() const {
        std::vector<Site> sites;
        for (const InputSite where :
             {InputSite::output, InputSite::down, InputSite::attention, InputSite::mlp}) {
            Site site;
            site.where = where;
            site.roles = rolesAt(m_layer, where);
            switch (where) {
                case InputSite::attention:
                    site.fold = Fold::attentionNorm;
                    break;
                case InputSite::mlp:
                    site.fold = Fold::mlpNorm;
                    break;
                case InputSite::output:
                    site.fold = Fold::valueRows;
                    break;
                case InputSite::key:
                case InputSite::value:
                    continue;
                case InputSite::down:
                    // act(gate) * up is linear in up. Without a gate the activation, which is not
                    // homogeneous, lies between: there the format has a divisor that is applied behind it.
                    site.fold = m_config.gatedMlp ? Fold::upRows : Fold::divisor;
                    break;
            }
            if (!site.roles.empty()) sites.push_back(std::move(site));
        }
        return sites;
    }

    std::span<const float> rowScale(LinearRole role) const {
        const auto found = m_rowScales.find(role);
        return found == m_rowScales.end() ? std::span<const float>() : std::span<const float>(found->second);
    }

    /// @param level  of search, as GroupTask::effort
    LinearEffort effort(LinearMethod method, int level) const {
        const Ingredients& parts = m_recipe.ingredients;
        return {method, parts.range, parts.refit, level, 0};
    }

    /// What the result is worth, whose inputs are known by these.
    LinearEffort fullEffort(LinearMethod method, const SiteStatistics& statistics) const {
        LinearEffort full = effort(method, 1);
        // Of few tokens they would learn what is chance.
        const bool enough = statistics.tokens >= kManyTokens * statistics.size;
        if (m_recipe.ingredients.sweeps && enough) full.sweeps = kSweeps;
        return full;
    }

    /// Scale number of each input of the output projection: query heads that share a value head share its
    /// scales.
    std::vector<int> sharedValues() const {
        std::vector<int> shared;
        const int group = m_config.heads / m_config.kvHeads;
        for (int head = 0; head < m_config.heads; ++head) {
            for (int i = 0; i < m_config.headSize; ++i)
                shared.push_back(head / group * m_config.headSize + i);
        }
        return shared;
    }

    const OutputNorm* foldedNorm(Fold fold) const {
        if (fold == Fold::attentionNorm) return &m_layer.attentionNorm;
        if (fold == Fold::mlpNorm) return &*m_layer.mlpNorm;
        return nullptr;
    }

    bool foldFits(Fold fold, const std::vector<float>& scale) const {
        const OutputNorm* norm = foldedNorm(fold);
        if (norm == nullptr) return true;
        for (size_t i = 0; i < scale.size(); ++i) {
            if (!(std::fabs(norm->weight[i] / scale[i]) <= kLargestFolded)) return false;
            if (!norm->bias.empty() && !(std::fabs(norm->bias[i] / scale[i]) <= kLargestFolded)) return false;
        }
        return true;
    }

    void fold(Fold where, const std::vector<float>& scale) {
        if (scale.empty()) return;
        switch (where) {
            case Fold::divisor:
                m_result.output.activationScale = scale;
                break;
            case Fold::attentionNorm:
                divideNorm(m_result.output.attentionNorm, scale);
                break;
            case Fold::mlpNorm:
                divideNorm(*m_result.output.mlpNorm, scale);
                break;
            case Fold::valueRows: {
                std::vector<float>& rows = m_rowScales[LinearRole::value];
                rows.assign(static_cast<size_t>(m_config.kvWidth()), 1.0f);
                const std::vector<int> shared = sharedValues();
                for (size_t i = 0; i < scale.size(); ++i) rows[static_cast<size_t>(shared[i])] = 1 / scale[i];
                break;
            }
            case Fold::upRows: {
                std::vector<float>& rows = m_rowScales[LinearRole::up];
                for (const float s : scale) rows.push_back(1 / s);
                break;
            }
        }
    }

    /// What is known of the inputs of some linear layers at a site.
    struct Inputs {
        SiteStatistics statistics;
        SiteMetric metric;
    };
    struct SiteKnowledge {
        Inputs all;
        std::map<LinearRole, Inputs> own;  ///< of layers whose inputs weigh otherwise

        const Inputs& of(LinearRole role) const {
            const auto found = own.find(role);
            return found == own.end() ? all : found->second;
        }
    };

    SiteStatistics take(InputSite where) {
        SiteStatistics statistics = std::move(m_statistics[where]);
        m_statistics.erase(where);
        return statistics;
    }

    SiteKnowledge knowledgeOf(InputSite where, int groupSize) {
        SiteKnowledge known;
        known.all.statistics = take(where);
        if (where == InputSite::attention) {
            for (const auto& [role, site] : {std::pair(LinearRole::key, InputSite::key),
                                             std::pair(LinearRole::value, InputSite::value)}) {
                if (m_statistics.count(site) > 0) known.own[role].statistics = take(site);
            }
        }
        if (groupSize == 0) return known;
        const bool compensates = m_recipe.method == Method::awq && m_recipe.ingredients.gptq;
        // One scale for the site: one order too.
        if (compensates && m_recipe.ingredients.order) {
            const std::vector<int64_t> order = orderByStrength(known.all.statistics, groupSize);
            reorder(known.all.statistics, order, m_pool);
            for (auto& [role, inputs] : known.own) reorder(inputs.statistics, order, m_pool);
        }
        known.all.metric = factorSite(known.all.statistics, groupSize, compensates, m_product, m_pool);
        for (auto& [role, inputs] : known.own)
            inputs.metric = factorSite(inputs.statistics, groupSize, compensates, m_product, m_pool);
        return known;
    }

    ScaleChoice chooseScale(const Site& site, const std::vector<LinearRole>& roles,
                            const SiteKnowledge& known) {
        const SiteStatistics& statistics = known.all.statistics;
        const Ingredients& parts = m_recipe.ingredients;
        const bool possible = m_recipe.method == Method::awq && parts.scale &&
                              (site.fold != Fold::divisor || m_config.architecture == "falcon") &&
                              (site.fold != Fold::valueRows || parts.valueScale);
        if (!possible) return {};
        std::vector<ScaleSearchLinear> linears;
        for (const LinearRole role : roles) {
            ScaleSearchLinear linear;
            const DenseLinear& weights = m_layer.at(role);
            linear.rows = m_quantizer.prepare(weights, someRows(weights.rows(), kSearchedRows),
                                              statistics.order, &known.of(role).statistics);
            linear.rowScale = rowScale(role);
            linear.metric = &known.of(role).metric;
            linears.push_back(std::move(linear));
        }
        ScaleSearchOptions options;
        options.effort = !parts.joint          ? LinearEffort{LinearMethod::nearest, false, false, 0}
                         : !compensates(known) ? effort(LinearMethod::range, 0)
                                               : effort(LinearMethod::gptq, 0);
        options.allFamilies = parts.families;
        options.secondPass = parts.families;
        if (site.fold == Fold::valueRows) {
            options.shared = sharedValues();
            toPlaces(options.shared.data(), statistics.order);
        }
        options.allowed = [&](const std::vector<float>& scale) {
            return foldFits(site.fold, byInput(scale, statistics.order));
        };
        return searchScale(linears, statistics, options, m_quantizer);
    }

    static bool compensates(const SiteKnowledge& known) {
        return known.all.metric.compensates() &&
               std::all_of(known.own.begin(), known.own.end(),
                           [](const auto& inputs) { return inputs.second.metric.compensates(); });
    }

    struct Judged {
        LinearMethod method = LinearMethod::nearest;
        double heldOut = std::numeric_limits<double>::infinity();  ///< relative to the outputs' energy
    };

    /// The method with the least error on the inputs kept aside; a plainer one where two are equal.
    Judged judge(const PreparedRows& rows, const LinearScales& scales, const Inputs& inputs) {
        std::vector<LinearMethod> methods = {LinearMethod::nearest};
        if (m_recipe.method == Method::awq) {
            const Ingredients& parts = m_recipe.ingredients;
            if (parts.range || parts.refit) methods.push_back(LinearMethod::range);
            if (parts.gptq && inputs.metric.compensates()) methods.push_back(LinearMethod::gptq);
        }
        Judged best;
        for (const LinearMethod method : methods) {
            const double loss =
                m_quantizer
                    .quantize(rows, scales, inputs.metric, fullEffort(method, inputs.statistics),
                              inputs.statistics.heldOutView(), nullptr)
                    .heldOut;
            if (loss < best.heldOut) best = {method, loss};
        }
        return best;
    }

    /// Judges each linear. True if one came out worse than by plain rounding.
    bool judgeAll(const std::vector<LinearRole>& roles, const ScaleChoice& choice, const SiteKnowledge& known,
                  std::map<LinearRole, Judged>& judged) {
        bool worse = false;
        for (const LinearRole role : roles) {
            const DenseLinear& weights = m_layer.at(role);
            const Inputs& inputs = known.of(role);
            const SiteStatistics& statistics = inputs.statistics;
            const std::vector<int64_t> some = someRows(weights.rows(), kReportedRows);
            const PreparedRows plain = m_quantizer.prepare(weights, some, statistics.order, &statistics);
            const double energy = std::max(plain.energy, 1e-30);
            LinearReport& report = m_reports[role];
            if (report.name.empty()) {
                report.name = weights.info.name;
                const LinearEffort nearest = {LinearMethod::nearest, false, false, 0};
                report.rtnError =
                    m_quantizer.quantize(plain, {}, inputs.metric, nearest, statistics.heldOutView(), nullptr)
                        .heldOut /
                    energy;
            }
            const LinearScales scales = {choice.scale, rowScale(role)};
            Judged best = judge(plain, scales, inputs);
            best.heldOut /= energy;
            judged[role] = best;
            worse = worse || best.heldOut > report.rtnError;
        }
        return worse;
    }

    void quantizeSite(const Site& site) {
        std::vector<LinearRole> quantized;
        int groupSize = 0;
        for (const LinearRole role : site.roles) {
            const LinearForm& form = m_form.linears.at(role);
            if (form.kind == LinearForm::Kind::int4) {
                quantized.push_back(role);
                groupSize = form.groupSize;
            }
        }
        ScaleChoice choice;
        std::map<LinearRole, Judged> judged;
        const SiteKnowledge known = knowledgeOf(site.where, groupSize);
        const std::vector<int64_t>& order = known.all.statistics.order;
        if (!quantized.empty()) {
            choice = chooseScale(site, quantized, known);
            bool unscaled = false;
            if (judgeAll(quantized, choice, known, judged) && !choice.scale.empty()) {
                choice = {};
                unscaled = true;
                judgeAll(quantized, choice, known, judged);
            }
            for (const LinearRole role : quantized) {
                LinearReport& report = m_reports[role];
                report.groupSize = groupSize;
                report.error = judged[role].heldOut;
                report.method = linearMethodName(judged[role].method);
                report.scale = choice.text();
                const bool best = m_recipe.method == Method::rtn ||
                                  judged[role].method == LinearMethod::gptq || !m_recipe.ingredients.gptq;
                if (!best) report.fallback = report.method;
                if (unscaled) report.fallback += report.fallback.empty() ? "no scale" : ", no scale";
            }
        }
        const std::vector<float> inputScale = byInput(choice.scale, order);
        fold(site.fold, inputScale);
        for (const LinearRole role : site.roles) {
            const DenseLinear& weights = m_layer.at(role);
            const LinearScales scales = {choice.scale, rowScale(role)};
            OutputLinear& out = m_result.output.linears[role];
            if (judged.count(role) > 0) {
                const Inputs& inputs = known.of(role);
                const LinearEffort full = fullEffort(judged[role].method, inputs.statistics);
                QuantizedMatrix matrix = emptyMatrix(weights.rows(), weights.columns(), groupSize);
                for (int64_t first = 0; first < weights.rows(); first += kRowsAtOnce) {
                    std::vector<int64_t> rows(
                        static_cast<size_t>(std::min(kRowsAtOnce, weights.rows() - first)));
                    std::iota(rows.begin(), rows.end(), first);
                    m_quantizer.quantize(m_quantizer.prepare(weights, std::move(rows), order, nullptr),
                                         scales, inputs.metric, full, {}, &matrix);
                }
                out.weight = std::move(matrix);
            } else {
                out.weight = dense(weights, {inputScale, rowScale(role)});
                LinearReport& report = m_reports[role];
                report.name = m_layer.at(role).info.name;
                report.method = "fp16";
                report.fallback = "fp16";
            }
        }
    }

    static DenseMatrix dense(const DenseLinear& weights, const LinearScales& scales) {
        DenseMatrix matrix;
        matrix.rows = weights.rows();
        matrix.columns = weights.columns();
        std::vector<float> row(static_cast<size_t>(matrix.columns));
        for (int64_t i = 0; i < matrix.rows; ++i) {
            weights.expandRow(i, row.data());
            const float rowScale = scales.row.empty() ? 1 : scales.row[static_cast<size_t>(i)];
            for (size_t k = 0; k < row.size(); ++k) {
                const float scale = scales.input.empty() ? rowScale : rowScale * scales.input[k];
                matrix.values.push_back(inference::floatToHalf(row[k] * scale));
            }
        }
        return matrix;
    }

    const ModelConfig& m_config;
    const LayerWeights& m_layer;
    std::map<InputSite, SiteStatistics> m_statistics;
    const Recipe& m_recipe;
    const OutputForm& m_form;
    inference::cpu::ThreadPool& m_pool;
    DenseProduct& m_product;
    const std::function<bool()>& m_stopped;
    LinearQuantizer m_quantizer;
    std::map<LinearRole, std::vector<float>> m_rowScales;
    std::map<LinearRole, LinearReport> m_reports;
    QuantizedLayer m_result;
};

}  // namespace

Result<QuantizedLayer> quantizeLayerInt4(const ModelConfig& config, const LayerWeights& layer,
                                         std::map<InputSite, SiteStatistics> statistics, const Recipe& recipe,
                                         const OutputForm& form, inference::cpu::ThreadPool& pool,
                                         DenseProduct& product, const std::function<bool()>& stopped) {
    return LayerQuantizer(config, layer, std::move(statistics), recipe, form, pool, product, stopped).run();
}

}  // namespace edgechat::quant
