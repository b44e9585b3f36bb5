// Which files of a repository's listing make a model. The listings are shortened ones of real repositories.
#include "models/repository_files.h"

#include <QtTest>

using namespace edgechat;
using namespace edgechat::models;

namespace {

std::vector<RepositoryFile> listing(const QStringList& paths) {
    std::vector<RepositoryFile> files;
    for (const QString& path : paths) files.push_back({path, 100 + files.size(), {}});
    return files;
}

QStringList pathsOf(const std::vector<RepositoryFile>& files) {
    QStringList paths;
    for (const RepositoryFile& file : files) paths << file.path;
    return paths;
}

QStringList words(const char* text) {
    return QString::fromLatin1(text).split(u' ');
}

}  // namespace

class RepositoryFilesTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void takesOneFormOfTheWeights() {
        const auto models = modelsOf(
            listing(words(".gitattributes README.md config.json consolidated.safetensors "
                          "generation_config.json model-00002-of-00003.safetensors "
                          "model-00001-of-00003.safetensors model-00003-of-00003.safetensors "
                          "model.safetensors.index.json params.json pytorch_model.bin original/a.pth "
                          "onnx/model.safetensors onnx/config.json tokenizer.model tokenizer.model.v3 "
                          "tokenizer.json tokenizer_config.json")),
            QStringLiteral("mistralai/x"));
        QVERIFY(bool(models));
        QCOMPARE(models->size(), size_t{1});
        QCOMPARE(pathsOf(models->front().weights),
                 words("model-00001-of-00003.safetensors model-00002-of-00003.safetensors "
                       "model-00003-of-00003.safetensors"));
        QCOMPARE(pathsOf(models->front().companions),
                 words("config.json generation_config.json model.safetensors.index.json tokenizer.model "
                       "tokenizer.model.v3 tokenizer.json tokenizer_config.json"));
        QCOMPARE(models->front().weightsBytes(), uint64_t{106 + 105 + 107});
    }

    void oneFileNeedsNoIndex() {
        const auto models =
            modelsOf(listing(words("config.json model.safetensors model.safetensors.index.json")),
                     QStringLiteral("a/b"));
        QVERIFY(bool(models));
        QCOMPARE(pathsOf(models->front().weights), words("model.safetensors"));
        QCOMPARE(pathsOf(models->front().companions), words("config.json"));
        QCOMPARE(models->front().bytes(), uint64_t{100 + 101});
    }

    void everyGgufFileIsAModel() {
        const auto models =
            modelsOf(listing(words("README.md config.json a-Q4_K_M.gguf a-Q8_0.gguf mmproj-a-f16.gguf "
                                   "big/a-F16-00002-of-00002.gguf big/a-F16-00001-of-00002.gguf "
                                   "cut-00001-of-00003.gguf")),
                     QStringLiteral("a/b"));
        QVERIFY(bool(models));
        QCOMPARE(models->size(), size_t{3});
        QStringList variants;
        for (const ModelFiles& model : *models) {
            QVERIFY(model.kind == ModelFiles::Kind::gguf);
            variants << model.variant;
        }
        QCOMPARE(variants, words("a-Q4_K_M a-Q8_0 a-F16"));
        QCOMPARE(pathsOf(models->back().weights),
                 words("big/a-F16-00001-of-00002.gguf big/a-F16-00002-of-00002.gguf"));
    }

    void saysWhatThereIsInstead_data() {
        QTest::addColumn<QString>("files");
        QTest::addColumn<QString>("says");
        const auto row = [](const char* files, const char* says) {
            QTest::newRow(says) << QString::fromLatin1(files) << QString::fromLatin1(says);
        };
        row("config.json pytorch_model-00001-of-00002.bin tokenizer.json", "pickle");
        row("adapter_config.json adapter_model.safetensors", "adapter");
        row("README.md", "no weights");
        row("model.safetensors", "without config.json");
        row("config.json model-00001-of-00002.safetensors model.safetensors.index.json", "no part 2");
        row("config.json model-00001-of-00001.safetensors", "without model.safetensors.index.json");
        row("config.json onnx/model.safetensors", "without config.json, or not those of a language model");
    }
    void saysWhatThereIsInstead() {
        QFETCH(QString, files);
        QFETCH(QString, says);
        const auto models = modelsOf(listing(files.split(u' ')), QStringLiteral("org/name"));
        QVERIFY(!models);
        QCOMPARE(models.error().code, ErrorCode::badInput);
        const QString message = QString::fromStdString(models.error().message());
        QVERIFY2(message.contains(says) && message.contains(QLatin1String("org/name")), qPrintable(message));
    }

    void nothingAtAllIsAnError() { QVERIFY(!modelsOf({}, QStringLiteral("a/b"))); }
};

QTEST_GUILESS_MAIN(RepositoryFilesTest)
#include "repository_files_test.moc"
