#include "models/checkpoint_summary.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QRegularExpression>
#include <algorithm>
#include <filesystem>

#include "inference/model/checkpoint.h"
#include "models/folder_listing.h"

namespace edgechat::models {
namespace {

// GGUF's own way to name the parts of a split file.
const QString kPartPattern = QStringLiteral("-(\\d{5})-of-(\\d{5})(\\.gguf)?$");

Error badInput(const QString& file, const std::string& found, const std::string& expected) {
    Error error;
    error.code = ErrorCode::badInput;
    error.what = "cannot read the model";
    error.file = file.toStdString();
    error.found = found;
    error.expected = expected;
    return error;
}

/// The file's name without the number of its part.
QString withoutPart(const QString& name) {
    static const QRegularExpression part(kPartPattern);
    return QString(name).remove(part);
}

/// Of the names in a folder those of files with an ending.
QStringList filesOf(const QDir& folder, const QStringList& names, QLatin1String ending) {
    QStringList files;
    for (const QString& name : names) {
        if (name.endsWith(ending) && QFileInfo(folder.filePath(name)).isFile()) files << name;
    }
    return files;
}

/// The checkpoint that a file is a part of: the folder of a Hugging Face file, the first part of a split one.
QString wholeOf(const QString& file) {
    const QFileInfo info(file);
    const QString name = info.fileName();
    const bool ofFolder = name == QLatin1String("config.json") ||
                          name.endsWith(QLatin1String(".safetensors")) ||
                          name.endsWith(QLatin1String(".safetensors.index.json"));
    if (ofFolder) return info.absolutePath();
    static const QRegularExpression part(kPartPattern);
    const QRegularExpressionMatch match = part.match(name);
    if (!match.hasMatch()) return file;
    const QString first = info.absolutePath() + u'/' +
                          QString(name).replace(match.capturedStart(1), 5, QStringLiteral("00001"));
    return QFileInfo::exists(first) ? first : file;
}

QString absoluteName(const std::filesystem::path& path) {
    return QFileInfo(QFile::decodeName(path.string().c_str())).absoluteFilePath();
}

}  // namespace

Result<QString> checkpointPath(const QString& fileOrFolder) {
    const QFileInfo info(fileOrFolder);
    if (!info.exists()) {
        return badInput(fileOrFolder, "no such file", "a .gguf file or a Hugging Face folder");
    }
    const QString path = QDir::cleanPath(info.absoluteFilePath());
    if (!info.isDir()) return wholeOf(path);
    const QDir folder(path);
    const Result<QStringList> names = listFolder(path);
    if (!names) return names.error();
    const QStringList files = filesOf(folder, *names, QLatin1String(".gguf"));
    const bool huggingFace = names->contains(QStringLiteral("config.json")) ||
                             !filesOf(folder, *names, QLatin1String(".safetensors")).isEmpty();
    // What a folder without both lacks is the reader's to say.
    if (files.isEmpty() || huggingFace) return path;
    const bool oneModel = std::all_of(files.begin(), files.end(), [&](const QString& file) {
        return withoutPart(file) != file && withoutPart(file) == withoutPart(files.first());
    });
    if (files.size() == 1 || oneModel) return folder.filePath(files.first());
    return badInput(fileOrFolder, std::to_string(files.size()) + " .gguf files",
                    "one of them, named: " + files.join(QStringLiteral(", ")).toStdString());
}

QString checkpointName(const QString& path) {
    const QFileInfo info(path);
    if (!info.isDir()) return withoutPart(info.completeBaseName());
    // The Hub's cache: models--ORG--NAME/snapshots/COMMIT
    QDir up(info.absoluteFilePath());
    if (up.cdUp() && up.dirName() == QLatin1String("snapshots") && up.cdUp()) {
        const QString repository = up.dirName().section(QStringLiteral("--"), 2);
        if (up.dirName().startsWith(QLatin1String("models--")) && !repository.isEmpty()) return repository;
    }
    return QDir(info.absoluteFilePath()).dirName();
}

QStringList companionFiles(const QStringList& names) {
    static const QRegularExpression companion(
        QStringLiteral("^(config|generation_config|quant_config|quantize_config|special_tokens_map|added_"
                       "tokens|vocab)\\.json$"
                       "|^tokenizer[^/]*\\.(json|model)$|^tokenizer\\.model\\.v\\d+$|^merges\\.txt$"
                       "|^chat_template\\.(jinja|json)$"));
    return names.filter(companion);
}

Result<CheckpointSummary> readCheckpoint(const QString& path) {
    const Result<std::unique_ptr<inference::Checkpoint>> opened =
        inference::Checkpoint::open(QFile::encodeName(path).toStdString());
    if (!opened) return opened.error();
    const inference::Checkpoint& checkpoint = **opened;
    const inference::ModelConfig& config = checkpoint.config();

    CheckpointSummary summary;
    summary.path = path;
    summary.title = QString::fromStdString(config.name);
    summary.architecture = QString::fromStdString(config.architecture);
    summary.quantization = QString::fromStdString(config.quantization);
    summary.parameters = config.parameters;
    summary.context = config.context;
    for (const std::string& warning : checkpoint.warnings())
        summary.warnings << QString::fromStdString(warning);
    for (const auto& file : checkpoint.files()) summary.files << absoluteName(file->path());

    const QDir folder(path);
    if (QFileInfo(path).isDir()) {
        const Result<QStringList> listed = listFolder(path);
        if (!listed) return listed.error();
        const QString index = QStringLiteral("model.safetensors.index.json");
        QStringList names;
        for (const QString& name : companionFiles(*listed) + listed->filter(index)) {
            if (QFileInfo(folder.filePath(name)).isFile()) names << name;
        }
        const bool one =
            summary.files == QStringList{folder.absoluteFilePath(QStringLiteral("model.safetensors"))};
        if (!one && names.contains(index)) summary.files << folder.absoluteFilePath(index);
        for (const QString& name : companionFiles(names)) summary.files << folder.absoluteFilePath(name);
    }
    for (const QString& file : summary.files) summary.bytes += static_cast<uint64_t>(QFileInfo(file).size());
    return summary;
}

}  // namespace edgechat::models
