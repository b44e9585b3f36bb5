// The sentences that a person reads when a model cannot be used.
#include "app/model_problem.h"

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include "models/checkpoint_summary.h"

using namespace edgechat;
using namespace edgechat::app;

namespace {

ModelProblem problemOf(const char* file, const char* field, const char* found, const char* expected,
                       const char* name) {
    return modelProblem({ErrorCode::badInput, "cannot read the model", file, field, found, expected},
                        QString::fromUtf8(name));
}

}  // namespace

class ModelProblemTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void says_data() {
        QTest::addColumn<QByteArray>("file");
        QTest::addColumn<QByteArray>("field");
        QTest::addColumn<QByteArray>("found");
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("what");
        QTest::addColumn<QString>("fix");
        const auto row = [](const char* tag, const char* file, const char* field, const char* found,
                            const char* name, const char* what, const char* fix) {
            QTest::newRow(tag) << QByteArray(file) << QByteArray(field) << QByteArray(found)
                               << QString::fromUtf8(name) << QString::fromUtf8(what)
                               << QString::fromUtf8(fix);
        };
        row("architecture", "/m/rwkv.gguf", "general.architecture", "\"rwkv7\"", "rwkv.gguf",
            "rwkv.gguf is of a kind that EdgeChat does not know: \"rwkv7\".", "LLaMA, Mistral and Falcon");
        row("architecture of a folder", "/m/qwen/config.json", "model_type", "\"qwen2_moe\"", "qwen",
            "qwen is of a kind that EdgeChat does not know: \"qwen2_moe\".", "LLaMA, Mistral and Falcon");
        row("GPTQ", "/m/x/config.json", "quantization_config.quant_method", "\"gptq\"", "x",
            "x is quantized as GPTQ, which EdgeChat cannot read.", "GGUF or AWQ");
        row("pickle", "/m/falcon-7b-awq", "", "only pytorch_model.bin", "falcon-7b-awq",
            "falcon-7b-awq holds its weights only in PyTorch's own files", ".safetensors");
        row("missing part", "/m/f-00002-of-00003.gguf", "", "no such file", "f-00001-of-00003.gguf",
            "f-00001-of-00003.gguf is not complete: its part f-00002-of-00003.gguf is missing.",
            "same folder");
        row("missing shard", "/m/x/model-00001-of-00002.safetensors", "", "no such file", "x",
            "x is not complete: its part model-00001-of-00002.safetensors is missing.", "same folder");
        row("truncated", "/m/x.gguf", "tensor blk.9.ffn_up.weight", "a file of 61000000 bytes", "x.gguf",
            "x.gguf is damaged or was not downloaded completely: it ends too early.", "again");
        row("no model", "/m/notes.txt", "magic", "\"Dear\"", "notes.txt",
            "notes.txt is no model that EdgeChat can read.", "Hugging Face folder");
        row("tokenizer", "/m/x.gguf", "tokenizer.ggml.model", "\"t5\"", "x.gguf",
            "x.gguf uses a tokenizer that EdgeChat cannot use: \"t5\".", "another");
        row("anything else", "/m/x.gguf", "llama.block_count", "0", "x.gguf",
            "x.gguf cannot be used: in it, llama.block_count is wrong. It says 0.",
            "What would work: so and so.");
    }
    void says() {
        QFETCH(QByteArray, file);
        QFETCH(QByteArray, field);
        QFETCH(QByteArray, found);
        QFETCH(QString, name);
        QFETCH(QString, what);
        QFETCH(QString, fix);
        const ModelProblem problem =
            problemOf(file.constData(), field.constData(), found.constData(), "so and so", qPrintable(name));
        QVERIFY2(problem.what.startsWith(what), qPrintable(problem.what));
        QVERIFY2(problem.fix.contains(fix), qPrintable(problem.fix));
        // The engine's own words are always at hand.
        QVERIFY(problem.details.contains(QString::fromUtf8(found)));
        QVERIFY(problem.details.contains(QString::fromUtf8(file)));
    }

    void theEnginesOwnWordsAreUnderstood_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("what");
        const auto make = [this](const char* name,
                                 std::initializer_list<std::pair<const char*, QByteArray>> files) {
            const QString folder = m_folder.filePath(QString::fromLatin1(name));
            QVERIFY(QDir().mkpath(folder));
            for (const auto& [file, content] : files) {
                QFile out(folder + u'/' + QLatin1String(file));
                QVERIFY(out.open(QIODevice::WriteOnly));
                out.write(content);
            }
        };
        const QByteArray config = readAll(QStringLiteral("llama3/config.json"));
        const QByteArray weights = readAll(QStringLiteral("llama3/model.safetensors"));
        QVERIFY(!config.isEmpty() && !weights.isEmpty());
        QByteArray gptq = config;
        gptq.insert(gptq.indexOf('{') + 1,
                    "\"quantization_config\": {\"quant_method\": \"gptq\", \"bits\": 4},");
        make("pickle", {{"config.json", config}, {"pytorch_model.bin", "x"}});
        make("gptq", {{"config.json", gptq}, {"model.safetensors", weights}});
        make("other", {{"config.json", QByteArray(config).replace("\"llama\"", "\"rwkv7\"")},
                       {"model.safetensors", weights}});
        make("cut", {{"config.json", config}, {"model.safetensors", weights.left(weights.size() / 2)}});
        make("shards", {{"config.json", config},
                        {"model.safetensors.index.json",
                         "{\"weight_map\": {\"lm_head.weight\": \"model-00001-of-00002.safetensors\"}}"}});
        make("notes", {{"notes.txt", "hello"}});
        make("adapter", {{"adapter_config.json", "{}"}});
        const QString part = QStringLiteral("gguf_smollm_split-00001-of-00002.gguf");
        make("split", {{qPrintable(part), readAll(part)}});
        const auto row = [this](const char* model, const char* what) {
            QTest::newRow(model) << m_folder.filePath(QString::fromLatin1(model)) << QString::fromUtf8(what);
        };
        row("pickle", "pickle holds its weights only in PyTorch's own files");
        row("gptq", "gptq is quantized as GPTQ, which EdgeChat cannot read.");
        row("other", "other is of a kind that EdgeChat does not know: \"rwkv7\".");
        row("cut", "cut is damaged or was not downloaded completely");
        row("shards", "shards is not complete: its part model-00001-of-00002.safetensors is missing.");
        row("notes", "notes is no model that EdgeChat can read.");
        row("adapter", "adapter cannot be used: an adapter (LoRA), which changes another model.");
        row("split", "split is not complete: its part gguf_smollm_split-00002-of-00002.gguf is missing.");
    }
    void theEnginesOwnWordsAreUnderstood() {
        QFETCH(QString, model);
        QFETCH(QString, what);
        const Result<QString> path = models::checkpointPath(model);
        QVERIFY(bool(path));
        const Result<models::CheckpointSummary> read = models::readCheckpoint(*path);
        QVERIFY(!read);
        const ModelProblem problem = modelProblem(read.error(), QFileInfo(model).fileName());
        QVERIFY2(problem.what.startsWith(what), qPrintable(problem.what + u'\n' + problem.details));
        QVERIFY(!problem.fix.isEmpty());
    }

  private:
    static QByteArray readAll(const QString& model) {
        QFile file(QStringLiteral(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/") + model);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

    QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(ModelProblemTest)
#include "model_problem_test.moc"
