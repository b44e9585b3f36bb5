// The built-in catalog against the fact sheets of its models, and what a reader of catalogs refuses.
#include "models/catalog.h"

#include <QCryptographicHash>
#include <QFile>
#include <QtTest>
#include <nlohmann/json.hpp>

#include "tests/data/test_files.h"

using namespace edgechat;
using namespace edgechat::models;
using nlohmann::json;

namespace {

/// Parameters as the models' own pages count them; a tied head counts once.
struct Known {
    const char* repository;
    uint64_t parameters;
    double gigabytes;  // of the download
    int groupSize;
};
constexpr Known kKnown[] = {
    {"HuggingFaceTB/SmolLM2-135M-Instruct", 134'515'008, 0.27, 64},
    {"HuggingFaceTB/SmolLM2-360M-Instruct", 361'821'120, 0.72, 64},
    {"TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1'100'048'384, 2.20, 128},
    {"meta-llama/Llama-3.2-1B-Instruct", 1'235'814'400, 2.47, 128},
    {"tiiuae/Falcon3-1B-Instruct", 1'669'408'768, 3.34, 128},
    {"HuggingFaceTB/SmolLM2-1.7B-Instruct", 1'711'376'384, 3.42, 128},
    {"meta-llama/Llama-3.2-3B-Instruct", 3'212'749'824, 6.43, 128},
    {"tiiuae/Falcon3-3B-Instruct", 3'227'655'168, 6.46, 128},
    {"mistralai/Mistral-7B-Instruct-v0.3", 7'248'023'552, 14.5, 128},
    {"mistralai/Mistral-7B-Instruct-v0.2", 7'241'732'096, 14.5, 128},
    {"meta-llama/Llama-2-7b-chat-hf", 6'738'415'616, 13.48, 128},
    {"tiiuae/falcon-7b-instruct", 6'921'720'704, 14.43, 64},
    {"tiiuae/Falcon3-7B-Instruct", 7'455'550'464, 14.91, 128},
    {"meta-llama/Llama-3.1-8B-Instruct", 8'030'261'248, 16.06, 128},
};

std::vector<CatalogEntry> builtIn() {
    const Result<std::vector<CatalogEntry>> entries = builtInCatalog();
    return entries ? *entries : std::vector<CatalogEntry>();
}

json smallCatalog() {
    return {{"version", 1},
            {"models",
             {{{"id", "a"},
               {"name", "A"},
               {"family", "llama"},
               {"repository", "org/a"},
               {"gated", "no"},
               {"licence", {{"id", "mit"}, {"name", "MIT"}, {"url", "https://example.org/mit"}}},
               {"parameters", 1000},
               {"about_download_bytes", 2000},
               {"files",
                {{{"name", "model.safetensors"}, {"about_bytes", 2000}},
                 {{"name", "tokenizer.model"}, {"bytes", 5}, {"sha256", std::string(64, 'a')}}}},
               {"group_size", 64},
               {"context", 256},
               {"template", "chatml"},
               {"stops", {{"ids", {2}}, {"texts", json::array()}}},
               {"good_at", "Nothing."},
               {"config",
                {{"model_type", "llama"},
                 {"architectures", {"LlamaForCausalLM"}},
                 {"hidden_size", 64},
                 {"num_hidden_layers", 2},
                 {"num_attention_heads", 4},
                 {"intermediate_size", 128},
                 {"vocab_size", 40},
                 {"max_position_embeddings", 256}}}}}}};
}

}  // namespace

class CatalogTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void builtInIsValid() {
        const Result<std::vector<CatalogEntry>> entries = builtInCatalog();
        QVERIFY2(bool(entries), entries ? "" : entries.error().message().c_str());
        QCOMPARE(entries->size(), std::size(kKnown));
    }

    void builtInSaysWhatTheModelsPagesSay() {
        const std::vector<CatalogEntry> entries = builtIn();
        QCOMPARE(entries.size(), std::size(kKnown));
        for (size_t i = 0; i < entries.size(); ++i) {
            const CatalogEntry& entry = entries[i];
            const Known& known = kKnown[i];
            QCOMPARE(entry.repository, QString::fromLatin1(known.repository));
            QCOMPARE(entry.parameters, known.parameters);
            QCOMPARE(entry.groupSize, known.groupSize);
            QCOMPARE(static_cast<double>(entry.downloadBytes), known.gigabytes * 1e9);
        }
    }

    void downloadsAreTheFilesAndTwoBytesAParameter() {
        for (const CatalogEntry& entry : builtIn()) {
            const double bytes = static_cast<double>(entry.downloadBytes);
            // Falcon's file holds the head beside the embedding that it is tied to: 65024 rows of 4544.
            const double parameters = static_cast<double>(entry.parameters) +
                                      (entry.family == QLatin1String("falcon") ? 65024.0 * 4544 : 0);
            QVERIFY2(qAbs(bytes / (2 * parameters) - 1) < 0.01, qPrintable(entry.id));
            const ModelFiles files = entry.modelFiles();
            const bool sized = std::all_of(files.weights.begin(), files.weights.end(),
                                           [](const RepositoryFile& file) { return file.bytes > 0; });
            if (sized)
                QVERIFY2(qAbs(static_cast<double>(files.weightsBytes()) / bytes - 1) < 0.01,
                         qPrintable(entry.id));
        }
    }

    void entriesThatNeedNoAccountAreThere() {
        int open = 0;
        for (const CatalogEntry& entry : builtIn()) {
            if (entry.gate == Gate::none) ++open;
            // Meta's models are granted by hand.
            QCOMPARE(entry.gate == Gate::manual, entry.repository.startsWith(QLatin1String("meta-llama/")));
        }
        QCOMPARE(open, 8);
    }

    void stopsEndWhatTheTemplateBegins() {
        for (const CatalogEntry& entry : builtIn()) {
            if (entry.chatTemplate == QLatin1String("llama3"))
                QCOMPARE(entry.stopIds, (std::vector<int>{128009, 128008, 128001}));
            if (entry.chatTemplate == QLatin1String("falcon-instruct"))
                QCOMPARE(entry.stopTexts, QStringList{QStringLiteral("\nUser:")});
            if (entry.chatTemplate == QLatin1String("falcon3")) QVERIFY(entry.stopTexts.size() == 3);
            if (entry.chatTemplate == QLatin1String("chatml"))
                QCOMPARE(entry.stopIds, (std::vector<int>{2, 0}));
        }
    }

    void hashesAreThoseOfTheRealFiles() {
        const auto data = testing::sharedData("tokenizers");
        if (!data) QSKIP("the shared test data is not there (EDGECHAT_TEST_DATA)");
        const std::pair<const char*, const char*> files[] = {
            {"llama-2-7b-chat", "llama2-tokenizer.model"},
            {"tinyllama-1.1b-chat", "llama2-tokenizer.model"},
            {"mistral-7b-instruct-v0.2", "tokenizer.model.v1"},
            {"mistral-7b-instruct-v0.3", "mistral_instruct_tokenizer_240216.model.v2"}};
        const std::vector<CatalogEntry> entries = builtIn();
        for (const auto& [id, name] : files) {
            const std::string content = testing::readFile(*data / name);
            const auto entry = std::find_if(entries.begin(), entries.end(), [id = id](const CatalogEntry& e) {
                return e.id == QLatin1String(id);
            });
            QVERIFY(entry != entries.end());
            const auto file =
                std::find_if(entry->files.begin(), entry->files.end(), [](const CatalogFile& listed) {
                    return listed.file.path == QLatin1String("tokenizer.model");
                });
            QVERIFY(file != entry->files.end());
            QCOMPARE(file->file.bytes, uint64_t{content.size()});
            QCOMPARE(file->file.sha256,
                     QString::fromLatin1(QCryptographicHash::hash(QByteArray::fromStdString(content),
                                                                  QCryptographicHash::Sha256)
                                             .toHex()));
            QVERIFY(!file->approximate);
        }
    }

    void readsEveryField() {
        json catalog = smallCatalog();
        json& model = catalog["models"][0];
        model["revision"] = std::string(40, '1');
        model["badge"] = "tight";
        model["awq"] = {{"repository", "org/a-AWQ"}, {"about_download_bytes", 700}};
        const Result<std::vector<CatalogEntry>> entries = readCatalog(catalog.dump(), "a file");
        QVERIFY2(bool(entries), entries ? "" : entries.error().message().c_str());
        const CatalogEntry& entry = entries->front();
        QCOMPARE(entry.id, QStringLiteral("a"));
        QCOMPARE(entry.revision, QString(40, u'1'));
        QCOMPARE(entry.licence.url, QStringLiteral("https://example.org/mit"));
        QCOMPARE(entry.context, 256);
        QCOMPARE(entry.stopIds, std::vector<int>{2});
        QCOMPARE(entry.badge, QStringLiteral("tight"));
        QCOMPARE(entry.awq->bytes, uint64_t{700});
        QCOMPARE(entry.files.size(), size_t{2});
        QVERIFY(entry.files[0].approximate);
        QCOMPARE(entry.files[1].file.bytes, uint64_t{5});
        QCOMPARE(entry.modelFiles().weights.size(), size_t{1});
        QCOMPARE(entry.modelFiles().companions.size(), size_t{1});
    }

    void refusesByField_data() {
        QTest::addColumn<QByteArray>("pointer");
        QTest::addColumn<QByteArray>("value");  // empty: the key is taken away
        QTest::addColumn<QByteArray>("field");
        const auto row = [](const char* name, const char* pointer, const char* value, const char* field) {
            QTest::newRow(name) << QByteArray(pointer) << QByteArray(value) << QByteArray(field);
        };
        row("version", "/version", "2", "version");
        row("no models", "/models", "[]", "models");
        row("a model that is none", "/models/0", "7", "models");
        row("unknown key", "/models/0/licens", "{}", "models[0].licens");
        row("id", "/models/0/id", "\"A B\"", "models[0].id");
        row("no name", "/models/0/name", "", "models[0].name");
        row("family", "/models/0/family", "\"gpt2\"", "models[0].family");
        row("another family", "/models/0/family", "\"mistral\"", "models[0].family");
        row("repository", "/models/0/repository", "\"a\"", "models[0].repository");
        row("revision", "/models/0/revision", "\"main\"", "models[0].revision");
        row("gate", "/models/0/gated", "true", "models[0].gated");
        row("licence", "/models/0/licence", "", "models[0].licence");
        row("licence's address", "/models/0/licence/url", "\"http://example.org\"", "models[0].licence.url");
        row("parameters", "/models/0/parameters", "0", "models[0].parameters");
        row("parameters as text", "/models/0/parameters", "\"7B\"", "models[0].parameters");
        row("no files", "/models/0/files", "[]", "models[0].files");
        row("path", "/models/0/files/0/name", "\"../x.safetensors\"", "models[0].files[0].name");
        row("no weights", "/models/0/files/0/name", "\"a.json\"", "models[0].files");
        row("twice", "/models/0/files/1/name", "\"model.safetensors\"", "models[0].files");
        row("sha256", "/models/0/files/1/sha256", "\"abc\"", "models[0].files[1].sha256");
        row("sha256 without bytes", "/models/0/files/1/bytes", "", "models[0].files[1].sha256");
        row("group size", "/models/0/group_size", "48", "models[0].group_size");
        row("context", "/models/0/context", "512", "models[0].context");
        row("template", "/models/0/template", "\"alpaca\"", "models[0].template");
        row("no stops", "/models/0/stops/ids", "[]", "models[0].stops.ids");
        row("stop outside", "/models/0/stops/ids", "[40]", "models[0].stops.ids");
        row("badge", "/models/0/badge", "\"new\"", "models[0].badge");
        row("awq", "/models/0/awq", "{\"repository\":\"x\"}", "models[0].awq.repository");
        row("shape", "/models/0/config/hidden_size", "\"64\"", "models[0].config.hidden_size");
        row("shape of another kind", "/models/0/config/architectures", "[\"BertModel\"]",
            "models[0].config.architectures");
    }
    void refusesByField() {
        QFETCH(QByteArray, pointer);
        QFETCH(QByteArray, value);
        QFETCH(QByteArray, field);
        json catalog = smallCatalog();
        QVERIFY(bool(readCatalog(catalog.dump(), "a file")));
        const json::json_pointer place(pointer.toStdString());
        if (value.isEmpty()) {
            catalog[place.parent_pointer()].erase(place.back());
        } else {
            catalog[place] = json::parse(value.toStdString());
        }
        const Result<std::vector<CatalogEntry>> entries = readCatalog(catalog.dump(), "a file");
        QVERIFY(!entries);
        QCOMPARE(entries.error().code, ErrorCode::badInput);
        QCOMPARE(QByteArray::fromStdString(entries.error().field), field);
        QCOMPARE(entries.error().file, std::string("a file"));
        QVERIFY(!entries.error().found.empty() && !entries.error().expected.empty());
    }

    void refusesAnIdTwice() {
        json catalog = smallCatalog();
        catalog["models"].push_back(catalog["models"][0]);
        const Result<std::vector<CatalogEntry>> entries = readCatalog(catalog.dump(), "a file");
        QVERIFY(!entries);
        QCOMPARE(entries.error().field, std::string("models[1].id"));
    }

    void refusesWhatIsNoJson() {
        for (const char* text : {"", "{", "[]", "7", "{\"version\":1,\"version\":1}", "{} {}"})
            QVERIFY2(!readCatalog(text, "a file"), text);
    }
};

QTEST_GUILESS_MAIN(CatalogTest)
#include "catalog_test.moc"
