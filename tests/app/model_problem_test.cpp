// The sentences that a person reads when a model cannot be used.
#include "app/model_problem.h"

#include <QTest>

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
};

QTEST_GUILESS_MAIN(ModelProblemTest)
#include "model_problem_test.moc"
