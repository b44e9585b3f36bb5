// Sizes and names as people read them.
#include <QTest>

#include "app/format.h"

using namespace edgechat::app;

class FormatTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void modelNameLeavesOutHowTheWeightsAreStored_data() {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("name");
        const auto row = [](const char* path, const char* name) {
            QTest::newRow(path) << QString::fromLatin1(path) << QString::fromLatin1(name);
        };
        row("/models/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct");
        row("TinyLlama-1.1B-Chat-v1.0-q8_0.gguf", "TinyLlama-1.1B-Chat-v1.0");
        row("Mistral-7B-v0.3_Q4_K_M.gguf", "Mistral-7B-v0.3");
        row("llama-7b-bf16.gguf", "llama-7b");
        row("FAQ4.gguf", "FAQ4");
        row("tiny.gguf", "tiny");
        row(".Q4_1.gguf", ".Q4_1");
    }
    void modelNameLeavesOutHowTheWeightsAreStored() {
        QFETCH(QString, path);
        QFETCH(QString, name);
        QCOMPARE(modelFileName(path), name);
    }

    void countsParametersInThreeDigits() {
        QCOMPARE(parameterText(134'515'008), QStringLiteral("135M"));
        QCOMPARE(parameterText(7'241'732'096), QStringLiteral("7.2B"));
        QCOMPARE(parameterText(0), QString());
    }
};

QTEST_GUILESS_MAIN(FormatTest)
#include "format_test.moc"
