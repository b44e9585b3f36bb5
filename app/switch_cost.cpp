#include "app/switch_cost.h"

#include <QCoreApplication>
#include <QLocale>

#include <cmath>

#include "app/format.h"
#include "inference/model/memory_plan.h"

namespace edgechat::app {
namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("SwitchCost", text);
}

/// Tokens per second that the target may be expected to read; 0: nothing is known.
double expectedRate(const SwitchFacts& facts, const SwitchTarget& target) {
    if (const auto own = facts.prefill.find(target.name); own != facts.prefill.end()) return own->second.rate;
    double rate = 0, nearest = INFINITY;
    for (const auto& [name, measured] : facts.prefill) {
        if (measured.parameters == 0 || target.parameters == 0) continue;
        const double ratio =
            static_cast<double>(measured.parameters) / static_cast<double>(target.parameters);
        if (std::fabs(std::log(ratio)) >= nearest) continue;
        nearest = std::fabs(std::log(ratio));
        rate = measured.rate * ratio;
    }
    return rate;
}

/// Two leading digits: more would pretend to know.
int rounded(int tokens) {
    int unit = 1;
    while (tokens / unit >= 100) unit *= 10;
    return (tokens + unit / 2) / unit * unit;
}

QString tokensText(const SwitchCost& cost) {
    const QLocale locale;
    if (cost.tokensCounted) return tr("%1 tokens").arg(locale.toString(cost.tokens));
    return tr("about %1 tokens").arg(locale.toString(rounded(cost.tokens)));
}

QString secondsText(double seconds) {
    if (seconds < 1) return tr("less than 1 s");
    if (seconds < 90) return tr("about %1 s").arg(rounded(static_cast<int>(std::lround(seconds))));
    return tr("about %1 min").arg(std::lround(seconds / 60));
}

}  // namespace

SwitchCost switchCost(const SwitchFacts& facts, const SwitchTarget& target) {
    SwitchCost cost;
    cost.loadBytes = target.bytes;
    cost.tokens = facts.conversationTokens;
    cost.tokensCounted = facts.countedBy == target.name;
    inference::ModelConfig config;
    config.context = target.context;
    if (facts.wantedContext > 0) {
        cost.context = facts.wantedContext;
    } else if (target.context > 0) {
        cost.context = inference::defaultContext(config);
    }
    cost.trainedContext = target.context;
    cost.tooLong = cost.context > 0 && cost.tokens >= cost.context;

    const double rate = expectedRate(facts, target);
    if (facts.loadRate > 0 && (cost.tokens == 0 || rate > 0)) {
        cost.seconds = static_cast<double>(cost.loadBytes) / facts.loadRate;
        if (cost.tokens > 0) cost.seconds += cost.tokens / rate;
    }
    return cost;
}

QString switchCostText(const SwitchCost& cost) {
    const QString load = byteText(cost.loadBytes);
    const QString work =
        cost.tokens == 0 || cost.tooLong
            ? tr("Loads %1").arg(load)
            : tr("Loads %1 and reads %2 of this conversation again").arg(load, tokensText(cost));
    if (cost.tooLong) return work;
    if (cost.seconds < 0) return tr("%1; how long that takes is unknown until it has run once").arg(work);
    return tr("%1, %2").arg(work, secondsText(cost.seconds));
}

QString switchWarning(const SwitchCost& cost) {
    if (!cost.tooLong) return {};
    const QLocale locale;
    const QString length =
        tr("This conversation has %1, and this model takes in %2: it could answer only in a new chat")
            .arg(tokensText(cost), locale.toString(cost.context));
    if (cost.tokens >= cost.trainedContext) return length + u'.';
    return tr("%1, or with a larger context in Settings (at most %2).")
        .arg(length, locale.toString(cost.trainedContext));
}

}  // namespace edgechat::app
