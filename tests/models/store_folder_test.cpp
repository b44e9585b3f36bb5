// Checkpoints of several files in the store: Hugging Face folders and split GGUF files. What the engine finds
// in them is told by a stand-in, so that the files need no weights.
#include <sys/stat.h>

#include <QCryptographicHash>
#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "models/checkpoint_summary.h"
#include "models/store.h"
#include "quant/report_file.h"

using namespace edgechat;
using namespace edgechat::models;

namespace {

void writeAll(const QString& path, const QByteArray& content) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
}

ino_t inodeOf(const QString& path) {
    struct stat status {};
    return ::stat(QFile::encodeName(path).constData(), &status) == 0 ? status.st_ino : 0;
}

QString sha256Of(const QByteArray& content) {
    return QString::fromLatin1(QCryptographicHash::hash(content, QCryptographicHash::Sha256).toHex());
}

QStringList namesOf(const StoreEntry& entry) {
    QStringList names;
    for (const StoredFile& file : entry.files) names << file.name;
    return names;
}

}  // namespace

class StoreFolderTest : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_folder;
    CheckpointSummary m_found;  ///< what the stand-in for the engine answers

    QString path(const QString& name) const { return m_folder->filePath(name); }
    Store store() const {
        return Store(path(QStringLiteral("models")),
                     [this](const QString& opened) -> Result<CheckpointSummary> {
                         CheckpointSummary summary = m_found;
                         summary.path = opened;
                         for (const QString& file : summary.files)
                             summary.bytes += static_cast<uint64_t>(QFileInfo(file).size());
                         return summary;
                     });
    }

    /// A folder of two shards with 3, 5 and some more bytes; `m_found` says what belongs to it.
    QString makeFolder(const QString& name = QStringLiteral("Mistral-7B-Instruct-v0.2-AWQ")) {
        const QString folder = path(name);
        QDir().mkpath(folder);
        const QStringList names = {QStringLiteral("model-00001-of-00002.safetensors"),
                                   QStringLiteral("model-00002-of-00002.safetensors"),
                                   QStringLiteral("model.safetensors.index.json"),
                                   QStringLiteral("config.json"), QStringLiteral("tokenizer.json")};
        m_found = {};
        for (int i = 0; i < names.size(); i++) {
            writeAll(folder + u'/' + names[i], QByteArray(3 + 2 * i, static_cast<char>('a' + i)));
            m_found.files << folder + u'/' + names[i];
        }
        writeAll(folder + QStringLiteral("/README.md"), "not the model's");
        writeAll(folder + QStringLiteral("/pytorch_model.bin"), "not read by anybody");
        m_found.architecture = QStringLiteral("mistral");
        m_found.quantization = QStringLiteral("AWQ INT4 g128");
        m_found.parameters = 7'241'732'096;
        m_found.context = 32768;
        m_found.warnings = {QStringLiteral("The group size is 64, not 128 as config.json says.")};
        return folder;
    }

    QStringList incoming() const {
        return QDir(path(QStringLiteral("models/.incoming")))
            .entryList(QDir::AllEntries | QDir::NoDotAndDotDot);
    }

  private Q_SLOTS:
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        QVERIFY(m_folder->isValid());
        m_found = {};
    }

    void aFolderIsTakenWithTheFilesThatBelongToIt() {
        const QString folder = makeFolder();
        const Result<StoreEntry> entry = store().importModel(folder);
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QCOMPARE(entry->name, QStringLiteral("Mistral-7B-Instruct-v0.2-AWQ"));
        QCOMPARE(entry->path, entry->folder);
        QCOMPARE(entry->origin, folder);
        QCOMPARE(entry->bytes, uint64_t{3 + 5 + 7 + 9 + 11});
        QCOMPARE(entry->parameters, uint64_t{7'241'732'096});
        QCOMPARE(entry->context, 32768);
        QCOMPARE(entry->warnings, m_found.warnings);
        QCOMPARE(entry->files.size(), size_t{5});
        QCOMPARE(entry->files[1].name, QStringLiteral("model-00002-of-00002.safetensors"));
        QCOMPARE(entry->files[1].bytes, uint64_t{5});
        QCOMPARE(entry->files[1].sha256, sha256Of("bbbbb"));
        QCOMPARE(
            QDir(entry->folder).entryList(QDir::Files | QDir::Hidden, QDir::Name),
            (QStringList{QStringLiteral("config.json"), QStringLiteral("edgechat.json"),
                         QStringLiteral("model-00001-of-00002.safetensors"),
                         QStringLiteral("model-00002-of-00002.safetensors"),
                         QStringLiteral("model.safetensors.index.json"), QStringLiteral("tokenizer.json")}));
        QCOMPARE(inodeOf(entry->folder + QStringLiteral("/config.json")),
                 inodeOf(folder + QStringLiteral("/config.json")));
        QVERIFY(incoming().isEmpty());
    }

    void progressGoesOverAllFiles() {
        std::vector<uint64_t> done;
        uint64_t total = 0;
        QVERIFY(bool(store().importModel(makeFolder(), {}, [&](uint64_t bytes, uint64_t all) {
            done.push_back(bytes);
            total = all;
            return true;
        })));
        QCOMPARE(done, (std::vector<uint64_t>{3, 8, 15, 24, 35}));
        QCOMPARE(total, uint64_t{35});
    }

    void stoppedInTheMiddleItLeavesNothing() {
        const Result<StoreEntry> entry =
            store().importModel(makeFolder(), {}, [](uint64_t done, uint64_t) { return done < 10; });
        QVERIFY(!entry);
        QCOMPARE(entry.error().code, ErrorCode::interrupted);
        QVERIFY(incoming().isEmpty());
        QVERIFY(store().list().empty());
        QVERIFY(QFile::exists(m_found.files.last()));
    }

    void aFileThatCannotBeReadLeavesNothing() {
        const QString folder = makeFolder();
        m_found.files << folder + QStringLiteral("/gone.json");
        const Result<StoreEntry> entry = store().importModel(folder);
        QVERIFY(!entry);
        QVERIFY2(entry.error().message().find("gone.json") != std::string::npos,
                 entry.error().message().c_str());
        QVERIFY(incoming().isEmpty());
        QVERIFY(store().list().empty());
    }

    void everyFileCountsForDamage_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<bool>("gone");
        for (const char* file : {"model-00002-of-00002.safetensors", "tokenizer.json"}) {
            QTest::addRow("%s gone", file) << QString::fromLatin1(file) << true;
            QTest::addRow("%s cut", file) << QString::fromLatin1(file) << false;
        }
    }
    void everyFileCountsForDamage() {
        QFETCH(QString, file);
        QFETCH(bool, gone);
        const Result<StoreEntry> entry = store().importModel(makeFolder(), QStringLiteral("mine"));
        QVERIFY(bool(entry));
        const QString stored = entry->folder + u'/' + file;
        QVERIFY(QFile::remove(stored));
        if (!gone) writeAll(stored, "x");
        const Result<StoreEntry> found = store().find(QStringLiteral("mine"));
        QVERIFY(!found);
        const QString text = QString::fromStdString(found.error().message());
        QVERIFY2(text.contains(file), qPrintable(text));
        QVERIFY2(text.contains(gone ? QStringLiteral("no such file") : QStringLiteral("1 bytes")),
                 qPrintable(text));
        QVERIFY(store().list()[0].damaged);
        QVERIFY(bool(store().remove(QStringLiteral("mine"))));
    }

    void theReportOfAQuantizationStays() {
        const QString folder = makeFolder();
        const QByteArray report =
            R"({"method":"awq","source":"big","source_bytes":1000,"output_bytes":300,"seconds":1.5,)"
            R"("calibration":"a text","calibration_tokens":65536,"computed_with":"plain","layers":[{"name":"q",)"
            R"("group_size":64,"rtn_error":0.5,"error":0.25,"method":"gptq","scale":"none","fallback":null}]})";
        writeAll(folder + QStringLiteral("/edgechat.json"), "{\"format\":1,\"quantization\":" + report + "}");
        const Result<StoreEntry> entry = store().importModel(folder, QStringLiteral("mine"));
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QVERIFY(!entry->damaged);
        QCOMPARE(entry->quantization, QStringLiteral("AWQ INT4 g128"));
        QCOMPARE(entry->warnings, m_found.warnings);
        const QJsonObject expected = QJsonDocument::fromJson(report).object();
        for (auto member = expected.begin(); member != expected.end(); ++member)
            QCOMPARE(entry->quantizationReport.value(member.key()), member.value());
        // The file is the store's record now; what is imported from there has the report as well.
        const auto read = quant::readReport(entry->folder.toStdString());
        QVERIFY(read && *read);
        QCOMPARE((*read)->layers[0][0].groupSize, 64);
        for (QString& file : m_found.files) file = entry->folder + u'/' + QFileInfo(file).fileName();
        const Result<StoreEntry> again = store().importModel(entry->folder, QStringLiteral("again"));
        QVERIFY2(bool(again), again ? "" : again.error().message().c_str());
        QCOMPARE(again->quantizationReport, entry->quantizationReport);
    }

    void aReportThatIsNoneIsAWarning_data() {
        QTest::addColumn<QByteArray>("content");
        QTest::newRow("no JSON") << QByteArray("{");
        QTest::newRow("other types") << QByteArray(R"({"quantization":{"method":4}})");
        QTest::newRow("deep") << QByteArray(100'000, '[');
    }
    void aReportThatIsNoneIsAWarning() {
        QFETCH(QByteArray, content);
        const QString folder = makeFolder();
        writeAll(folder + QStringLiteral("/edgechat.json"), content);
        const Result<StoreEntry> entry = store().importModel(folder);
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QVERIFY(entry->quantizationReport.isEmpty());
        QCOMPARE(entry->warnings.size(), m_found.warnings.size() + 1);
        QVERIFY2(entry->warnings.last().contains(QStringLiteral("edgechat.json")),
                 qPrintable(entry->warnings.last()));
    }

    void aReportLongerThanTheRecordMayBeIsLeftOut() {
        const QString folder = makeFolder();
        const QByteArray name(3'000'000, 'x');
        writeAll(folder + QStringLiteral("/edgechat.json"),
                 R"({"quantization":{"method":")" + name +
                     R"(","source":"","source_bytes":1,"output_bytes":1,"seconds":1,"calibration":"",)"
                     R"("calibration_tokens":1,"computed_with":"","layers":[]}})");
        const Result<StoreEntry> entry = store().importModel(folder);
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QVERIFY(!entry->damaged);
        QVERIFY(entry->quantizationReport.isEmpty());
        QVERIFY2(entry->warnings.last().contains(QStringLiteral("too large")),
                 qPrintable(entry->warnings.last()));
    }

    void aRecordCannotPointOutOfItsFolder() {
        const Result<StoreEntry> entry = store().importModel(makeFolder(), QStringLiteral("mine"));
        QVERIFY(bool(entry));
        const QString record = entry->folder + QStringLiteral("/edgechat.json");
        QFile file(record);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QByteArray content = file.readAll();
        file.close();
        writeAll(record, content.replace("tokenizer.json", "../tokenizer.json"));
        QVERIFY(store().list()[0].damaged);
        QVERIFY2(store().list()[0].problem.contains(QStringLiteral("files")),
                 qPrintable(store().list()[0].problem));
    }

    void aSnapshotOfTheHubsCacheHasTheRepositorysNameAndRealFiles() {
        const QString snapshot = makeFolder(QStringLiteral(
            "models--TheBloke--Mistral-7B-AWQ/snapshots/0123456789abcdef0123456789abcdef01234567"));
        const QString blobs = path(QStringLiteral("models--TheBloke--Mistral-7B-AWQ/blobs"));
        QVERIFY(QDir().mkpath(blobs));
        for (const QString& file : std::as_const(m_found.files)) {
            const QString blob = blobs + u'/' + QFileInfo(file).fileName() + QStringLiteral(".blob");
            QVERIFY(QFile::rename(file, blob));
            QVERIFY(QFile::link(blob, file));
        }
        const Result<StoreEntry> entry = store().importModel(snapshot);
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QCOMPARE(entry->name, QStringLiteral("Mistral-7B-AWQ"));
        QCOMPARE(entry->bytes, uint64_t{35});
        for (const StoredFile& file : entry->files)
            QVERIFY(!QFileInfo(entry->folder + u'/' + file.name).isSymLink());
        QVERIFY(QDir(path(QStringLiteral("models--TheBloke--Mistral-7B-AWQ"))).removeRecursively());
        QVERIFY(!store().list()[0].damaged);
    }

    void allPartsOfASplitFileAreTaken() {
        QDir().mkpath(path(QStringLiteral("downloads")));
        for (const char* part : {"1", "2", "3"}) {
            const QString file = path(
                QStringLiteral("downloads/falcon-7b-Q4_0-0000%1-of-00003.gguf").arg(QLatin1String(part)));
            writeAll(file, part);
            m_found.files << file;
        }
        const Result<StoreEntry> entry = store().importModel(path(QStringLiteral("downloads")));
        QVERIFY2(bool(entry), entry ? "" : entry.error().message().c_str());
        QCOMPARE(entry->name, QStringLiteral("falcon-7b-Q4_0"));
        // The parts find each other by their names.
        QCOMPARE(namesOf(*entry), (QStringList{QStringLiteral("falcon-7b-Q4_0-00001-of-00003.gguf"),
                                               QStringLiteral("falcon-7b-Q4_0-00002-of-00003.gguf"),
                                               QStringLiteral("falcon-7b-Q4_0-00003-of-00003.gguf")}));
        QCOMPARE(entry->path, entry->folder + QStringLiteral("/falcon-7b-Q4_0-00001-of-00003.gguf"));
        QCOMPARE(store().find(entry->name)->path, entry->path);
    }

    void theEngineTellsWhatBelongsToAFolder() {
        const QString models = QStringLiteral(EDGECHAT_SOURCE_DIR "/tests/data/parity/models/");
        Store real(path(QStringLiteral("models")));
        const Result<StoreEntry> folder =
            real.importModel(models + QStringLiteral("mistral_awq/config.json"));
        QVERIFY2(bool(folder), folder ? "" : folder.error().message().c_str());
        QCOMPARE(folder->name, QStringLiteral("mistral_awq"));
        QCOMPARE(folder->architecture, QStringLiteral("mistral"));
        QCOMPARE(namesOf(*folder),
                 (QStringList{QStringLiteral("model.safetensors"), QStringLiteral("config.json"),
                              QStringLiteral("tokenizer.model"), QStringLiteral("tokenizer_config.json")}));
        QVERIFY(bool(readCheckpoint(folder->path)));  // it opens in the store as well

        const Result<StoreEntry> split =
            real.importModel(models + QStringLiteral("gguf_smollm_split-00002-of-00002.gguf"));
        QVERIFY2(bool(split), split ? "" : split.error().message().c_str());
        QCOMPARE(split->name, QStringLiteral("gguf_smollm_split"));
        QCOMPARE(namesOf(*split), (QStringList{QStringLiteral("gguf_smollm_split-00001-of-00002.gguf"),
                                               QStringLiteral("gguf_smollm_split-00002-of-00002.gguf")}));
        QVERIFY(bool(readCheckpoint(split->path)));
        QVERIFY(bool(real.remove(folder->name)));
        QCOMPARE(real.list().size(), size_t{1});
    }

    void aFolderMeansItsOneModel() {
        const QString folder = path(QStringLiteral("many"));
        QDir().mkpath(folder);
        writeAll(folder + QStringLiteral("/a-00001-of-00002.gguf"), "1");
        writeAll(folder + QStringLiteral("/a-00002-of-00002.gguf"), "2");
        QCOMPARE(*checkpointPath(folder), folder + QStringLiteral("/a-00001-of-00002.gguf"));
        writeAll(folder + QStringLiteral("/b.gguf"), "3");
        const Result<QString> two = checkpointPath(folder);
        QVERIFY(!two);
        QVERIFY(two.error().message().find("b.gguf") != std::string::npos);
        // A Hugging Face folder that also holds .gguf files is a Hugging Face folder.
        writeAll(folder + QStringLiteral("/config.json"), "{}");
        QCOMPARE(*checkpointPath(folder + u'/'), folder);
        QVERIFY(!checkpointPath(path(QStringLiteral("missing"))));
    }

    void aPartMeansTheWhole() {
        const QString folder = makeFolder();
        for (const char* file :
             {"config.json", "model-00002-of-00002.safetensors", "model.safetensors.index.json"})
            QCOMPARE(*checkpointPath(folder + u'/' + QLatin1String(file)), folder);
        for (const char* file : {"a-00001-of-00002.gguf", "a-00002-of-00002.gguf", "b-00002-of-00002.gguf"})
            writeAll(path(QString::fromLatin1(file)), "x");
        QCOMPARE(*checkpointPath(path(QStringLiteral("a-00002-of-00002.gguf"))),
                 path(QStringLiteral("a-00001-of-00002.gguf")));
        // The first part is not there: the reader says so.
        QCOMPARE(*checkpointPath(path(QStringLiteral("b-00002-of-00002.gguf"))),
                 path(QStringLiteral("b-00002-of-00002.gguf")));
    }

    void companionsAreWhatALoaderReads() {
        const QStringList wanted = {
            QStringLiteral("config.json"),         QStringLiteral("generation_config.json"),
            QStringLiteral("quant_config.json"),   QStringLiteral("tokenizer.json"),
            QStringLiteral("tokenizer.model"),     QStringLiteral("tokenizer_config.json"),
            QStringLiteral("vocab.json"),          QStringLiteral("merges.txt"),
            QStringLiteral("added_tokens.json"),   QStringLiteral("special_tokens_map.json"),
            QStringLiteral("chat_template.jinja"), QStringLiteral("chat_template.json")};
        const QStringList others = {
            QStringLiteral("README.md"),          QStringLiteral("pytorch_model.bin"),
            QStringLiteral("edgechat.json"),      QStringLiteral("model.safetensors"),
            QStringLiteral("modeling_falcon.py"), QStringLiteral("training_args.json"),
            QStringLiteral("tokenizer.py"),       QStringLiteral("my_config.json")};
        QCOMPARE(companionFiles(wanted + others), wanted);
    }
};

QTEST_GUILESS_MAIN(StoreFolderTest)
#include "store_folder_test.moc"
