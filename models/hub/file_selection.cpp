#include "models/hub/file_selection.h"

#include <QRegularExpression>
#include <algorithm>
#include <set>

#include "inference/model/shard_index.h"
#include "models/checkpoint_summary.h"

namespace edgechat::models::hub {
namespace {

const QString kSingle = QStringLiteral("model.safetensors");
const QString kIndex = QStringLiteral("model.safetensors.index.json");

QString pathOf(const RepositoryFile& file) {
    return QString::fromStdString(file.path);
}

QString bareName(const QString& path) {
    return path.section(u'/', -1);
}

Error unsuitable(const QString& repository, const QString& found, const QString& expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot use the repository";
    error.file = repository.toStdString();
    error.found = found.toStdString();
    error.expected = expected.toStdString();
    return error;
}

const RepositoryFile* find(const std::vector<RepositoryFile>& files, const QString& path) {
    const std::string wanted = path.toStdString();
    const auto file = std::find_if(files.begin(), files.end(),
                                   [&wanted](const RepositoryFile& one) { return one.path == wanted; });
    return file == files.end() ? nullptr : &*file;
}

SelectedFile selected(const RepositoryFile& file) {
    return {file, bareName(pathOf(file))};
}

/// "<stem>-00001-of-00003.gguf": stem, number, count.
QRegularExpressionMatch splitName(const QString& path) {
    static const QRegularExpression split(QStringLiteral("\\A(.*)-(\\d{5})-of-(\\d{5})\\.gguf\\z"));
    return split.match(path);
}

/// The one of several that people mean most often: 4 bits, a good recipe first.
QString preferredGguf(const QStringList& models) {
    for (const char* recipe : {"Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0"}) {
        for (const QString& model : models) {
            if (bareName(model).contains(QLatin1String(recipe), Qt::CaseInsensitive)) return model;
        }
    }
    return {};
}

/// A bare name stands for the one file in any folder that has it.
QString pathOfGguf(const std::vector<RepositoryFile>& files, const QString& wanted) {
    QStringList same;
    for (const RepositoryFile& file : files) {
        if (pathOf(file) == wanted) return wanted;
        if (bareName(pathOf(file)) == wanted) same << pathOf(file);
    }
    return same.size() == 1 ? same.front() : wanted;
}

Result<Selection> selectGguf(const std::vector<RepositoryFile>& files, const QString& repository,
                             const QString& wanted) {
    Selection selection;
    const QString first = pathOfGguf(files, wanted);
    const QRegularExpressionMatch split = splitName(first);
    if (!split.hasMatch()) {
        const RepositoryFile* const file = find(files, first);
        if (!file || !first.endsWith(QStringLiteral(".gguf")))
            return unsuitable(repository, QStringLiteral("no ") + first,
                              QStringLiteral("a .gguf file of it"));
        selection.files.push_back(selected(*file));
        return selection;
    }
    const int count = split.captured(3).toInt();
    for (int part = 1; part <= count; part++) {
        const QString path = QStringLiteral("%1-%2-of-%3.gguf")
                                 .arg(split.captured(1))
                                 .arg(part, 5, 10, QLatin1Char('0'))
                                 .arg(split.captured(3));
        const RepositoryFile* const file = find(files, path);
        if (!file)
            return unsuitable(repository, QStringLiteral("no ") + path,
                              QStringLiteral("all parts of the model"));
        selection.files.push_back(selected(*file));
    }
    return selection;
}

/// A repository without weights that we read: what it has instead decides what to say.
Error noWeights(const std::vector<RepositoryFile>& files, const QString& repository) {
    QString pickle, loose;
    for (const RepositoryFile& file : files) {
        const QString path = pathOf(file);
        for (const char* ending : {".bin", ".pt", ".pth", ".ckpt"}) {
            if (path.endsWith(QLatin1String(ending))) pickle = path;
        }
        if (path.endsWith(QStringLiteral(".safetensors"))) loose = path;
    }
    if (!loose.isEmpty()) {
        return unsuitable(
            repository, loose + QStringLiteral(" and no ") + kIndex,
            kSingle + QStringLiteral(" or an index of shards (is it an adapter for another model?)"));
    }
    if (!pickle.isEmpty()) {
        return unsuitable(repository,
                          pickle + QStringLiteral(", weights as a Python pickle, which can run any program"),
                          QStringLiteral("safetensors or GGUF: look for another repository of this model"));
    }
    return unsuitable(repository, QStringLiteral("no weights"),
                      kSingle + QStringLiteral(", shards with an index, or a .gguf file"));
}

}  // namespace

QStringList ggufModels(const std::vector<RepositoryFile>& files) {
    QStringList models;
    for (const RepositoryFile& file : files) {
        const QString path = pathOf(file);
        if (!path.endsWith(QStringLiteral(".gguf"))) continue;
        const QRegularExpressionMatch split = splitName(path);
        if (!split.hasMatch() || split.captured(2).toInt() == 1) models << path;
    }
    models.sort();
    return models;
}

Result<Selection> selectFiles(const std::vector<RepositoryFile>& files, const QString& repository,
                              const QString& gguf) {
    if (!gguf.isEmpty()) return selectGguf(files, repository, gguf);
    const RepositoryFile* const single = find(files, kSingle);
    const RepositoryFile* const index = find(files, kIndex);
    if (!single && !index) {
        const QStringList models = ggufModels(files);
        if (models.isEmpty()) return noWeights(files, repository);
        const QString chosen = models.size() == 1 ? models.front() : preferredGguf(models);
        if (!chosen.isEmpty()) return selectGguf(files, repository, chosen);
        return unsuitable(repository,
                          QStringLiteral("%1 GGUF models (%2, ...)").arg(models.size()).arg(models.front()),
                          QStringLiteral("one of a kind that EdgeChat prefers, such as Q4_K_M"));
    }
    if (!find(files, QStringLiteral("config.json"))) {
        return unsuitable(repository, QStringLiteral("weights and no config.json"),
                          QStringLiteral("a model of the transformers library"));
    }
    QStringList names;
    for (const RepositoryFile& file : files) names << pathOf(file);
    Selection selection;
    const QStringList companions = companionFiles(names);
    for (const QString& name : companions) selection.files.push_back(selected(*find(files, name)));
    std::stable_sort(
        selection.files.begin(), selection.files.end(),
        [](const SelectedFile& a, const SelectedFile& b) { return a.file.bytes < b.file.bytes; });
    // config.json decides whether the rest is of use.
    const auto config =
        std::find_if(selection.files.begin(), selection.files.end(),
                     [](const SelectedFile& file) { return file.name == QStringLiteral("config.json"); });
    std::rotate(selection.files.begin(), config, config + 1);
    // As the loader does: one file goes before an index.
    selection.byIndex = !single;
    selection.files.push_back(selected(single ? *single : *index));
    return selection;
}

Result<std::vector<SelectedFile>> selectShards(const std::vector<RepositoryFile>& files,
                                               const QString& repository, const QByteArray& index) {
    const Result<std::map<std::string, std::string>> places =
        inference::readShardIndex(index.toStdString(), (repository + u'/' + kIndex).toStdString());
    if (!places) return places.error();
    std::set<std::string> names;
    for (const auto& [tensor, shard] : *places) names.insert(shard);
    std::vector<SelectedFile> shards;
    for (const std::string& name : names) {
        const RepositoryFile* const file = find(files, QString::fromStdString(name));
        if (!file) {
            return unsuitable(repository, QStringLiteral("no ") + QString::fromStdString(name),
                              QStringLiteral("all files that its index lists"));
        }
        shards.push_back(selected(*file));
    }
    return shards;
}

}  // namespace edgechat::models::hub
