#include "models/repository_files.h"

#include <QRegularExpression>
#include <algorithm>
#include <map>

#include "models/checkpoint_summary.h"

namespace edgechat::models {
namespace {

const QString kIndex = QStringLiteral("model.safetensors.index.json");
const QString kSingle = QStringLiteral("model.safetensors");

uint64_t sum(const std::vector<RepositoryFile>& files) {
    uint64_t bytes = 0;
    for (const RepositoryFile& file : files) bytes += file.bytes;
    return bytes;
}

Error refusal(const QString& repository, const std::string& found, const std::string& expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot use the repository";
    error.file = repository.toStdString();
    error.found = found;
    error.expected = expected;
    return error;
}

/// Parts of one file by their numbers, and how many there are to be.
struct Parts {
    int count = 0;
    std::map<int, RepositoryFile> byNumber;

    bool complete() const {
        return static_cast<int>(byNumber.size()) == count && byNumber.begin()->first == 1 &&
               byNumber.rbegin()->first == count;
    }
    int firstMissing() const {
        int number = 1;
        while (byNumber.count(number) > 0) number++;
        return number;
    }
    std::vector<RepositoryFile> files() const {
        std::vector<RepositoryFile> files;
        for (const auto& [number, file] : byNumber) files.push_back(file);
        return files;
    }
};

/// Files of one ending by their stem; a file without a number is the only part of its stem.
std::map<QString, Parts> partsOf(const std::vector<RepositoryFile>& listed, const QString& ending) {
    static const QRegularExpression numbered(QStringLiteral("^(.+)-(\\d{5})-of-(\\d{5})$"));
    std::map<QString, Parts> parts;
    for (const RepositoryFile& file : listed) {
        if (!file.path.endsWith(ending, Qt::CaseInsensitive)) continue;
        const QString stem = file.path.chopped(ending.size());
        const QRegularExpressionMatch match = numbered.match(stem);
        // "x.gguf" beside "x-00001-of-00002.gguf" is a file of its own.
        Parts& group = parts[match.hasMatch() ? match.captured(1) + u'/' + match.captured(3) : stem];
        group.count = match.hasMatch() ? match.captured(3).toInt() : 1;
        group.byNumber.insert_or_assign(match.hasMatch() ? match.captured(2).toInt() : 1, file);
    }
    return parts;
}

Error missingPart(const QString& repository, const Parts& parts) {
    return refusal(repository,
                   "no part " + std::to_string(parts.firstMissing()) + " beside " +
                       parts.byNumber.begin()->second.path.toStdString(),
                   "all " + std::to_string(parts.count) + " parts");
}

/// Weights in Hugging Face's form; empty when there are none.
Result<std::vector<RepositoryFile>> shards(const std::vector<RepositoryFile>& top,
                                           const QString& repository) {
    const std::map<QString, Parts> all = partsOf(top, QStringLiteral(".safetensors"));
    std::vector<RepositoryFile> files;
    for (const auto& [stem, parts] : all) {
        if (stem == QLatin1String("model")) return parts.files();
        if (!stem.startsWith(QLatin1String("model/"))) continue;
        if (!parts.complete()) return missingPart(repository, parts);
        files = parts.files();
    }
    return files;
}

bool isThere(const std::vector<RepositoryFile>& files, const QString& path) {
    return std::any_of(files.begin(), files.end(),
                       [&path](const RepositoryFile& file) { return file.path == path; });
}

/// What stands in a repository without a model that EdgeChat can load.
Error nothingToLoad(const std::vector<RepositoryFile>& listed, const QString& repository) {
    const auto any = [&listed](const QString& pattern) {
        const QRegularExpression expression(pattern);
        return std::any_of(listed.begin(), listed.end(), [&expression](const RepositoryFile& file) {
            return expression.match(file.path).hasMatch();
        });
    };
    if (isThere(listed, QStringLiteral("adapter_config.json")))
        return refusal(repository, "an adapter (LoRA), which changes another model", "a whole model");
    if (any(QStringLiteral("\\.(bin|pth|pt|pkl|ckpt)$")))
        return refusal(
            repository,
            "weights as pickle files alone (.bin, .pth), which can run programs when they are read",
            "a repository with .safetensors or .gguf files: many authors have such a copy");
    if (any(QStringLiteral("\\.safetensors$")))
        return refusal(repository, "safetensors files without config.json, or not those of a language model",
                       "config.json and model.safetensors");
    return refusal(repository, "no weights among its " + std::to_string(listed.size()) + " files",
                   "config.json with model.safetensors, or a .gguf file");
}

}  // namespace

uint64_t ModelFiles::weightsBytes() const {
    return sum(weights);
}

uint64_t ModelFiles::bytes() const {
    return sum(weights) + sum(companions);
}

Result<std::vector<ModelFiles>> modelsOf(const std::vector<RepositoryFile>& listed,
                                         const QString& repository) {
    std::vector<RepositoryFile> top;
    QStringList names;
    for (const RepositoryFile& file : listed) {
        if (file.path.contains(u'/')) continue;
        top.push_back(file);
        names << file.path;
    }
    std::vector<ModelFiles> models;
    Result<std::vector<RepositoryFile>> weights = shards(top, repository);
    if (!weights) return weights.error();
    if (!weights->empty() && names.contains(QStringLiteral("config.json"))) {
        ModelFiles model;
        model.weights = std::move(*weights);
        const QStringList companions = companionFiles(names);
        const bool indexed = model.weights.front().path != kSingle;
        if (indexed && !names.contains(kIndex))
            return refusal(repository, "shards without " + kIndex.toStdString(),
                           "the index, which says what is in which of them");
        for (const RepositoryFile& file : top) {
            if (companions.contains(file.path) || (indexed && file.path == kIndex))
                model.companions.push_back(file);
        }
        models.push_back(std::move(model));
    }
    for (const auto& [stem, parts] : partsOf(listed, QStringLiteral(".gguf"))) {
        const QString name = parts.count > 1 ? stem.section(u'/', 0, -2) : stem;
        // The eyes of a model that sees: no language model.
        if (name.section(u'/', -1).startsWith(QLatin1String("mmproj"))) continue;
        if (!parts.complete()) continue;
        ModelFiles model;
        model.kind = ModelFiles::Kind::gguf;
        model.variant = name.section(u'/', -1);
        model.weights = parts.files();
        models.push_back(std::move(model));
    }
    if (models.empty()) return nothingToLoad(listed, repository);
    return models;
}

}  // namespace edgechat::models
