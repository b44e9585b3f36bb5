// What it takes to go on with another model in the conversation that is shown: said before it is done.
#pragma once

#include <QString>

#include <map>

namespace edgechat::app {

/// How fast a model read its prompt when it last ran on this machine.
struct MeasuredPrefill {
    double rate = 0;         ///< tokens per second
    quint64 parameters = 0;  ///< of that model; 0: unknown
    bool operator==(const MeasuredPrefill&) const = default;
};

/// What is known about the conversation and the machine.
struct SwitchFacts {
    int conversationTokens = 0;  ///< 0: there is nothing to read again
    QString countedBy;           ///< the model that counted them; empty: estimated from the text's length
    double loadRate = 0;         ///< bytes per second of the last load; 0: unknown
    int wantedContext = 0;       ///< tokens that the settings ask for; 0: the model's choice
    std::map<QString, MeasuredPrefill> prefill;  ///< by the model's name
    bool operator==(const SwitchFacts&) const = default;
};

/// The model that would be switched to.
struct SwitchTarget {
    QString name;
    qint64 bytes = 0;
    quint64 parameters = 0;
    int context = 0;  ///< tokens it was trained for; 0: unknown
};

struct SwitchCost {
    qint64 loadBytes = 0;
    int tokens = 0;             ///< of the conversation, to be read again
    bool tokensCounted = true;  ///< by this model itself; else another one counted, or they are estimated
    double seconds = -1;        ///< of loading and reading; -1: unknown
    int context = 0;            ///< tokens that it will take in; 0: unknown
    int trainedContext = 0;     ///< tokens that it could take in; 0: unknown
    bool tooLong = false;       ///< the conversation fills that context
};

/// Loading takes bytes / loadRate; reading takes tokens / rate of the model's own last prefill, else of the
/// measured model nearest in size, scaled by the ratio of the parameters (the work of a token is proportional
/// to them).
SwitchCost switchCost(const SwitchFacts& facts, const SwitchTarget& target);

/// "Loads 98 MB and reads about 1,300 tokens of this conversation again, about 4 s"
QString switchCostText(const SwitchCost& cost);
/// Why no answer can follow there; empty if one can.
QString switchWarning(const SwitchCost& cost);

}  // namespace edgechat::app
