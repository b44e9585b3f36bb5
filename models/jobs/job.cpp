#include "models/jobs/job.h"

#include <array>

#include "models/hub/answers.h"
#include "models/hub/endpoint.h"
#include "models/repository_link.h"
#include "quant/plan.h"

namespace edgechat::models::jobs {
namespace {

Error impossible(const char* what, const QString& field, const QString& found, const char* expected) {
    Error error;
    error.code = ErrorCode::usage;
    error.what = what;
    error.field = field.toStdString();
    error.found = '"' + found.toStdString() + '"';
    error.expected = expected;
    return error;
}

}  // namespace

const char* stageName(Stage stage) {
    constexpr std::array kNames = {"waiting", "fetch", "quantize", "add", "done", "failed", "cancelled"};
    return kNames[static_cast<size_t>(stage)];
}

const char* methodName(Method method) {
    constexpr std::array kNames = {"none", "awq", "smoothquant"};
    return kNames[static_cast<size_t>(method)];
}

std::optional<Method> methodOf(const QString& name) {
    for (const Method method : {Method::none, Method::awq, Method::smoothquant}) {
        if (name == QLatin1String(methodName(method))) return method;
    }
    return std::nullopt;
}

std::optional<quant::Recipe> recipeOf(const JobRequest& request) {
    if (request.method == Method::none) return std::nullopt;
    quant::Recipe recipe;
    recipe.method = request.method == Method::awq ? quant::Method::awq : quant::Method::smoothquant;
    recipe.groupSize = request.groupSize;
    return recipe;
}

uint64_t lowerMemoryLimit(const Job& job) {
    const uint64_t limit = job.memoryLimit > 0 ? job.memoryLimit : quant::kDefaultMemoryLimit;
    return limit / 4 * 3;
}

Result<void> checkRequest(const JobRequest& request) {
    constexpr const char* kWhat = "cannot begin a job:";
    if (!isRepositoryName(request.repository))
        return impossible(kWhat, QStringLiteral("repository"), request.repository, "org/name");
    if (!request.revision.isEmpty()) {
        if (Result<void> checked = hub::checkRevision(request.revision); !checked) return checked;
    }
    if (!request.gguf.isEmpty() && !hub::isSafePath(request.gguf.toStdString()))
        return impossible(kWhat, QStringLiteral("file"), request.gguf, "a .gguf file of the repository");
    if (request.repairs && (request.name.isEmpty() || request.method != Method::none))
        return impossible(kWhat, QStringLiteral("repair"), request.name,
                          "a model of the store that is not quantized here");
    const int group = request.groupSize;
    if (group != 0 && group != 32 && group != 64 && group != 128)
        return impossible(kWhat, QStringLiteral("group size"), QString::number(group), "32, 64, 128 or 0");
    return {};
}

}  // namespace edgechat::models::jobs
