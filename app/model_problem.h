// Why a model cannot be used, for a person: what happened, what would work, and the engine's own words.
#pragma once

#include <QString>

#include "inference/result.h"

namespace edgechat::app {

struct ModelProblem {
    QString what, fix, details;
    bool isEmpty() const { return what.isEmpty(); }
    bool operator==(const ModelProblem&) const = default;
};

/// @param error  what reading or loading the model gave
/// @param name  how the person knows the model: the name of its file, folder or store entry
ModelProblem modelProblem(const Error& error, const QString& name);

}  // namespace edgechat::app
