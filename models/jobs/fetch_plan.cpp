#include "models/jobs/fetch_plan.h"

#include <algorithm>

namespace edgechat::models::jobs {
namespace {

const QString kConfig = QStringLiteral("config.json");
const QString kQuantConfig = QStringLiteral("quant_config.json");
const QString kIndex = QStringLiteral("model.safetensors.index.json");

RepositoryFile fileOf(const hub::SelectedFile& selected) {
    return {selected.name, static_cast<uint64_t>(selected.file.bytes),
            QString::fromStdString(selected.file.sha256)};
}

/// "Q4_K_M" and the like stand in the name.
QString variantOf(const QString& name) {
    return name.chopped(QStringLiteral(".gguf").size());
}

}  // namespace

JobFailure jobFailure(const hub::Failure& failure) {
    const auto problem = [&failure] {
        switch (failure.problem) {
            case hub::Problem::needsToken:
                return Problem::needsToken;
            case hub::Problem::needsAcceptance:
                return Problem::needsAcceptance;
            case hub::Problem::offline:
                return Problem::offline;
            case hub::Problem::notFound:
            case hub::Problem::takenDown:
                return Problem::notFound;
            case hub::Problem::unsuitable:
                return Problem::unsuitable;
            case hub::Problem::diskFull:
                return Problem::diskFull;
            case hub::Problem::fileError:
                return Problem::internal;
            case hub::Problem::cancelled:
                return Problem::interrupted;
            default:
                return Problem::network;
        }
    };
    return {problem(), failure.error};
}

FetchPlan::FetchPlan(hub::Session& session, JobRequest request, QObject* parent)
    : QObject(parent), m_client(session), m_request(std::move(request)) {
    connect(&m_client, &hub::Client::retrying, this, &FetchPlan::retrying);
}

void FetchPlan::start(const QString& commit) {
    m_client.repositoryInfo(m_request.repository, commit.isEmpty() ? m_request.revision : commit,
                            [this](const hub::Outcome<hub::RepositoryInfo>& info) { onInfo(info); });
}

void FetchPlan::onInfo(const hub::Outcome<hub::RepositoryInfo>& info) {
    if (!info) {
        Q_EMIT failed(jobFailure(info.failure()));
        return;
    }
    m_info = *info;
    Q_EMIT described(m_info);
    m_client.files(m_request.repository, QString::fromStdString(m_info.commit),
                   [this](const hub::Outcome<std::vector<hub::RepositoryFile>>& files) { onFiles(files); });
}

void FetchPlan::onFiles(const hub::Outcome<std::vector<hub::RepositoryFile>>& files) {
    if (!files) {
        Q_EMIT failed(jobFailure(files.failure()));
        return;
    }
    m_listed = *files;
    Result<hub::Selection> selection = hub::selectFiles(m_listed, m_request.repository, m_request.gguf);
    if (!selection) return fail(selection.error());
    m_selection = std::move(*selection);
    proceed();
}

void FetchPlan::proceed() {
    const std::pair<const QString&, std::optional<QByteArray>&> wanted[] = {
        {kConfig, m_config}, {kQuantConfig, m_quantConfig}, {kIndex, m_index}};
    for (const auto& [name, content] : wanted) {
        if (content) continue;
        const auto file =
            std::find_if(m_selection.files.begin(), m_selection.files.end(),
                         [&name = name](const hub::SelectedFile& one) { return one.name == name; });
        if (file == m_selection.files.end()) continue;
        m_client.smallFile(m_request.repository, QString::fromStdString(m_info.commit), file->file,
                           [this, &content = content](const hub::Outcome<QByteArray>& body) {
                               if (!body) {
                                   Q_EMIT failed(jobFailure(body.failure()));
                                   return;
                               }
                               content = *body;
                               proceed();
                           });
        return;
    }
    plan();
}

void FetchPlan::plan() {
    ModelFiles files;
    for (const hub::SelectedFile& one : m_selection.files) {
        if (one.name.endsWith(QStringLiteral(".gguf"))) {
            files.kind = ModelFiles::Kind::gguf;
            if (files.variant.isEmpty()) files.variant = variantOf(one.name);
        }
        const bool weights =
            one.name.endsWith(QStringLiteral(".gguf")) || one.name.endsWith(QStringLiteral(".safetensors"));
        (weights ? files.weights : files.companions).push_back(fileOf(one));
    }
    if (m_selection.byIndex) {
        Result<std::vector<hub::SelectedFile>> shards =
            hub::selectShards(m_listed, m_request.repository, m_index.value_or(QByteArray()));
        if (!shards) return fail(shards.error());
        m_shards = std::move(*shards);
        for (const hub::SelectedFile& shard : m_shards) files.weights.push_back(fileOf(shard));
    }
    const Result<PlannedModel> plan = planModel(files, m_config.value_or(QByteArray()),
                                                m_quantConfig.value_or(QByteArray()), recipeOf(m_request));
    if (!plan) return fail(plan.error());
    Q_EMIT planned(*plan);
}

QStringList FetchPlan::companions() const {
    QStringList names;
    for (const hub::SelectedFile& one : m_selection.files) names << one.name;
    return names;
}

void FetchPlan::fail(const Error& error) {
    Q_EMIT failed({error.code == ErrorCode::doesNotFit ? Problem::memory : Problem::unsuitable, error});
}

}  // namespace edgechat::models::jobs
