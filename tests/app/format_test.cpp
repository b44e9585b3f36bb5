// Sizes and names as people read them.
#include <QDir>
#include <QTemporaryDir>
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

    void aFoldersNameIsWholeAndAPartsNumberIsNot() {
        QTemporaryDir folder;
        const QString model = folder.filePath(QStringLiteral("Mistral-7B-v0.1"));
        QVERIFY(QDir().mkpath(model));
        QCOMPARE(modelFileName(model), QStringLiteral("Mistral-7B-v0.1"));
        QCOMPARE(modelFileName(QStringLiteral("/m/falcon-7b-Q4_0-00001-of-00003.gguf")),
                 QStringLiteral("falcon-7b"));
    }

    void familiesHaveTheirOwnSpelling() {
        QCOMPARE(familyName(QStringLiteral("llama")), QStringLiteral("LLaMA"));
        QCOMPARE(familyName(QStringLiteral("mistral")), QStringLiteral("Mistral"));
        QCOMPARE(familyName(QStringLiteral("falcon")), QStringLiteral("Falcon"));
        QCOMPARE(familyName(QStringLiteral("rwkv7")), QStringLiteral("rwkv7"));
    }

    void countsParametersInThreeDigits() {
        QCOMPARE(parameterText(134'515'008), QStringLiteral("135M"));
        QCOMPARE(parameterText(7'241'732'096), QStringLiteral("7.2B"));
        QCOMPARE(parameterText(0), QString());
    }
};

QTEST_GUILESS_MAIN(FormatTest)
#include "format_test.moc"
