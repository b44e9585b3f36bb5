// Any bytes as what the model manager reads before anything is fetched: what a person pastes, a list of
// files, a configuration, a catalog, and what the quantizer says; the first byte chooses.
#include <cstdint>
#include <string_view>

#include "models/catalog.h"
#include "models/jobs/quantize_lines.h"
#include "models/planned_model.h"
#include "models/repository_link.h"
#include "tests/fuzz/memory_file.h"

namespace {

using namespace edgechat;
using namespace edgechat::models;
using edgechat::fuzz::require;

QString textOf(std::string_view bytes) {
    return QString::fromUtf8(bytes.data(), static_cast<qsizetype>(bytes.size()));
}

void useLink(std::string_view text) {
    const Result<RepositoryLink> link =
        parseRepositoryLink(textOf(text), {QStringLiteral("hub.example.org:8080")});
    if (!link) return require(!link.error().message().empty());
    require(isRepositoryName(link->repository));
    require(!link->file.startsWith(u'/') &&
            !QString(u'/' + link->file + u'/').contains(QStringLiteral("/../")));
    // What it means can be said again.
    const Result<RepositoryLink> again = parseRepositoryLink(link->repository);
    require(bool(again) && again->repository == link->repository);
}

/// A path on each line, one byte longer than the one before.
void useFiles(std::string_view text) {
    std::vector<RepositoryFile> listed;
    uint64_t bytes = 0;
    const QStringList lines = textOf(text).split(u'\n');
    for (const QString& line : lines) listed.push_back({line, ++bytes, {}});
    const Result<std::vector<ModelFiles>> models = modelsOf(listed, QStringLiteral("org/name"));
    if (!models) return require(models.error().message().find("org/name") != std::string::npos);
    require(!models->empty());
    for (const ModelFiles& model : *models) {
        require(!model.weights.empty() && model.bytes() >= model.weightsBytes());
        for (const RepositoryFile& file : model.weights) require(lines.contains(file.path));
        for (const RepositoryFile& file : model.companions) require(lines.contains(file.path));
    }
}

void usePlan(std::string_view config, bool quantize) {
    ModelFiles files;
    files.weights = {{QStringLiteral("model.safetensors"), 0, {}}};
    std::optional<quant::Recipe> recipe;
    if (quantize) recipe.emplace();
    const Result<PlannedModel> plan = planModel(
        files, QByteArray(config.data(), static_cast<qsizetype>(config.size())), QByteArray(), recipe);
    if (!plan) return require(!plan.error().message().empty());
    require(plan->loaded != nullptr && (!plan->quantizes || plan->outputBytes > 0));
}

void useCatalog(std::string_view text) {
    const Result<std::vector<CatalogEntry>> entries = readCatalog(text, "catalog.json");
    if (!entries) return require(entries.error().message().find("catalog.json") != std::string::npos);
    for (const CatalogEntry& entry : *entries)
        require(isRepositoryName(entry.repository) && !entry.id.isEmpty() && entry.groupSize > 0);
}

void useQuantizerLines(std::string_view text) {
    const QByteArray bytes(text.data(), static_cast<qsizetype>(text.size()));
    jobs::LineReader reader;
    QByteArrayList lines = reader.add(bytes.left(bytes.size() / 2));
    lines += reader.add(bytes.mid(bytes.size() / 2));
    for (const QByteArray& line : lines) {
        require(line.size() <= jobs::LineReader::kMostBytes);
        if (const auto progress = jobs::readProgressLine(line)) require(progress->done <= progress->total);
        for (const QChar c : jobs::readMessageLine(line)) require(c.isPrint() || c.isSpace());
    }
    if (const auto error = jobs::readErrorObject(bytes)) require(error->code != ErrorCode{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0]) {
        case 'l':
            useLink(text);
            break;
        case 'f':
            useFiles(text);
            break;
        case 'p':
        case 'q':
            usePlan(text, data[0] == 'q');
            break;
        case 'c':
            useCatalog(text);
            break;
        default:
            useQuantizerLines(text);
    }
    return 0;
}
