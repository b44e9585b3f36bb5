#include "inference/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace edgechat::inference {
namespace {

double dynamicBase(const ModelConfig& config, double trained, int context) {
    const double size = config.headSize;
    const double factor = config.ropeScaling.factor;
    const double text = std::max(static_cast<double>(context), trained);
    return config.ropeBase * std::pow(factor * text / trained - (factor - 1), size / (size - 2));
}

/// 1 where frequency `pair` is kept, 0 where it is divided.
class YarnRamp {
  public:
    YarnRamp(const ModelConfig& config, double trained) {
        const double size = config.headSize;
        // The pair that turns `rotations` times in the training's context.
        const auto pairOf = [&](double rotations) {
            return size * std::log(trained / (rotations * 2 * std::numbers::pi)) /
                   (2 * std::log(static_cast<double>(config.ropeBase)));
        };
        m_low = std::max(std::floor(pairOf(config.ropeScaling.betaFast)), 0.0);
        m_high = std::min(std::ceil(pairOf(config.ropeScaling.betaSlow)), size - 1);
        if (m_low == m_high) m_high += 0.001;
    }
    double kept(double pair) const { return 1 - std::clamp((pair - m_low) / (m_high - m_low), 0.0, 1.0); }

  private:
    double m_low = 0, m_high = 0;
};

double llama3Frequency(double frequency, const RopeScaling& scaling, double trained) {
    const double turns = trained * frequency / (2 * std::numbers::pi);  // in the training's context
    if (turns > scaling.highFrequencyFactor) return frequency;
    if (turns < scaling.lowFrequencyFactor) return frequency / scaling.factor;
    const double kept = (turns - scaling.lowFrequencyFactor) /
                        (static_cast<double>(scaling.highFrequencyFactor) - scaling.lowFrequencyFactor);
    return (1 - kept) * frequency / scaling.factor + kept * frequency;
}

}  // namespace

std::vector<float> ropeInverseFrequencies(const ModelConfig& config, int context) {
    const RopeScaling& scaling = config.ropeScaling;
    const double trained = scaling.originalContext > 0 ? scaling.originalContext : config.context;
    const double base = scaling.kind == RopeScalingKind::dynamic && config.headSize > 2
                            ? dynamicBase(config, trained, context)
                            : config.ropeBase;
    const YarnRamp ramp(config, trained);
    std::vector<float> frequencies(static_cast<size_t>(config.headSize / 2));
    for (size_t i = 0; i < frequencies.size(); ++i) {
        double frequency = std::pow(base, -2.0 * static_cast<double>(i) / config.headSize);
        switch (scaling.kind) {
            case RopeScalingKind::none:
            case RopeScalingKind::dynamic:
                break;
            case RopeScalingKind::linear:
                frequency /= scaling.factor;
                break;
            case RopeScalingKind::yarn: {
                const double kept = ramp.kept(static_cast<double>(i));
                frequency = frequency / scaling.factor * (1 - kept) + frequency * kept;
                break;
            }
            case RopeScalingKind::llama3:
                frequency = llama3Frequency(frequency, scaling, trained);
                break;
            case RopeScalingKind::factors:
                frequency /= scaling.divisors[i];
                break;
        }
        frequencies[i] = static_cast<float>(frequency);
    }
    return frequencies;
}

float ropeMagnitude(const RopeScaling& scaling) {
    if (scaling.kind != RopeScalingKind::yarn) return 1;
    return scaling.attentionFactor > 0 ? scaling.attentionFactor : yarnMagnitude(scaling.factor);
}

float yarnMagnitude(float factor, float mscale) {
    return factor <= 1 ? 1.0f : 0.1f * mscale * std::log(factor) + 1.0f;
}

}  // namespace edgechat::inference
