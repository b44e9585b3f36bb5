// What a Hub and a person say, read without a network: answers, header fields, names, addresses, which files.
#include "models/hub/answers.h"

#include <QtTest>
#include <algorithm>

#include "models/hub/endpoint.h"
#include "models/hub/file_selection.h"
#include "models/hub/headers.h"

using namespace edgechat;
using namespace edgechat::models::hub;

namespace {

const std::string kSha1(40, 'a');
const std::string kSha256(64, 'b');

/// JSON with ' for ": Qt's moc loses its way in a raw string that is an argument of a test's macro.
std::string json(std::string text) {
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

/// One entry of a listing.
std::string entry(const std::string& path, const std::string& size, const std::string& more = "") {
    return json("{'type':'file','oid':'" + kSha1 + "','size':" + size + ",'path':'" + path + "'") + more +
           "}";
}

std::string lfs(const std::string& oid, const std::string& size) {
    return json(",'lfs':{'oid':'" + oid + "','size':" + size + ",'pointerSize':134}");
}

std::vector<RepositoryFile> filesOf(const std::vector<const char*>& paths) {
    std::vector<RepositoryFile> files;
    for (const char* path : paths) files.push_back({path, 10, "", kSha1});
    return files;
}

QStringList namesOf(const std::vector<SelectedFile>& files) {
    QStringList names;
    for (const SelectedFile& file : files) names << file.name;
    return names;
}

const QString kRepository = QStringLiteral("org/name");

}  // namespace

class AnswersTest : public QObject {
    Q_OBJECT

  private Q_SLOTS:
    void aRepositorysAnswerIsRead() {
        const auto info = readRepositoryInfo(
            json("{'id':'meta-llama/Llama-3.2-1B-Instruct','sha':") + json("'" + kSha1 + "'") +
                json(",'gated':'manual','private':false,'disabled':false,'siblings':[{'rfilename':'x'}],"
                     "                "
                     "'cardData':{'license':'llama3.2','license_link':'https://llama.com/license'},"
                     "                'safetensors':{'parameters':{'BF16':1235814400},'total':1235814400}}"),
            "a");
        QVERIFY(bool(info));
        QCOMPARE(info->commit, kSha1);
        QCOMPARE(info->gate, Gate::manual);
        QCOMPARE(info->licence, std::string("llama3.2"));
        QCOMPARE(info->licenceLink, std::string("https://llama.com/license"));
        QCOMPARE(info->parameters, 1235814400);
    }

    void whatAuthorsLeaveOutIsEmpty() {
        const std::string head = json("{'id':'a/b','sha':") + json("'" + kSha1 + "'");
        const auto info = readRepositoryInfo(head + '}', "a");
        QVERIFY(bool(info));
        QCOMPARE(info->gate, Gate::none);
        QVERIFY(info->licence.empty());
        QCOMPARE(readRepositoryInfo(head + json(",'gated':'auto'}"), "a")->gate, Gate::automatic);
        QCOMPARE(readRepositoryInfo(head + json(",'gated':false}"), "a")->gate, Gate::none);
        // Their words may be of any kind.
        QCOMPARE(readRepositoryInfo(head + json(",'cardData':{'license':['mit']}}"), "a")->licence,
                 std::string("mit"));
        QVERIFY(readRepositoryInfo(head + json(",'cardData':{'license':5}}"), "a")->licence.empty());
        QVERIFY(
            readRepositoryInfo(head + json(",'cardData':{'license':'a\\u001bb'}}"), "a")->licence.empty());
        QCOMPARE(
            readRepositoryInfo(head + json(",'cardData':{'license':'other','license_name':'falcon'}}"), "a")
                ->licence,
            std::string("falcon"));
    }

    void aWrongAnswerIsRefused_data() {
        QTest::addColumn<QByteArray>("json");
        for (const char* json :
             {"", "[]", "null", "{\"id\":\"a/b\"}", "{\"id\":\"a/b\",\"sha\":\"main\"}",
              "{\"id\":\"../b\",\"sha\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
              "{\"id\":\"a/b\",\"sha\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
              "{\"id\":\"a/b\",\"sha\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"gated\":\"x\"}"}) {
            QTest::newRow(json) << QByteArray(json);
        }
    }
    void aWrongAnswerIsRefused() {
        QFETCH(QByteArray, json);
        const auto info = readRepositoryInfo(json.toStdString(), "org/name");
        QVERIFY(!info);
        QVERIFY(info.error().message().find("org/name") != std::string::npos);
    }

    void aListingIsRead() {
        const auto files =
            readTree('[' + entry("config.json", "10") + json(",{'type':'directory','path':'x','size':0},") +
                         entry("m.safetensors", "1099511627776", lfs(kSha256, "1099511627776")) + ']',
                     "a");
        QVERIFY(bool(files));
        QCOMPARE(files->size(), size_t{2});
        QCOMPARE((*files)[0].bytes, 10);
        QVERIFY((*files)[0].sha256.empty());
        QCOMPARE((*files)[1].sha256, kSha256);
        QCOMPARE((*files)[1].bytes, int64_t{1} << 40);
    }

    void impossibleNumbersAndDigestsAreRefused() {
        const std::string good = entry("a", "1", lfs(kSha256, "1"));
        QVERIFY(bool(readTree('[' + good + ']', "a")));
        for (const std::string& bad :
             {entry("a", "-1"), entry("a", "1.5"), entry("a", "\"1\""), entry("a", "1099511627777"),
              entry("a", "99999999999999999999999"), entry("a", "1", lfs(kSha256, "-1")),
              entry("a", "1", lfs(kSha1, "1")), entry("a", "1", lfs("../" + kSha256, "1")),
              std::string(json("{'type':'file','path':'a','size':1}")),
              std::string(json("{'type':'file','path':'a','size':1,'oid':'zz'}"))}) {
            QVERIFY2(!readTree('[' + bad + ']', "a"), bad.c_str());
        }
        QVERIFY(!readTree("{}", "a"));
        QVERIFY(!readTree("[1]", "a"));
    }

    void tooManyFilesAreRefused() {
        std::string json = "[{}";
        for (size_t i = 0; i < kMostFiles; i++) json += ",{}";
        QVERIFY(!readTree(json + ']', "a"));
    }

    void namesThatLeaveTheFolderAreRefused() {
        for (const char* path : {"..", "../a", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "",
                                 "a\\\\b", "..\\\\a", "a\\u0000b", "a\\nb", "a\\u001b[2Jb", "a\\u007f"}) {
            QVERIFY2(!readTree('[' + entry(path, "1") + ']', "a"), path);
        }
        QVERIFY(!isSafePath(std::string(513, 'a')) && !isSafePath(std::string(256, 'a')));
        for (const char* path : {"a", "a/b/c.json", "..a", "a..b", ".gitattributes", "weights é.gguf"})
            QVERIFY2(isSafePath(path), path);
    }

    void contentRanges() {
        const auto range = readContentRange("bytes 10-19/100");
        QVERIFY(range && range->first == 10 && range->last == 19 && range->total == 100);
        QVERIFY(!readContentRange("Bytes 0-0/*")->total);
        for (const char* bad : {"", "bytes", "bytes */100", "bytes 5-4/10", "bytes 0-10/10", "bytes -1-4/10",
                                "bytes 0-4", "bytes a-b/c", "items 0-4/10", "bytes 0-4/10x", "bytes 0 -4/-10",
                                "bytes 0-9999999999999999999/99999999999999999999"}) {
            QVERIFY2(!readContentRange(bad), bad);
        }
    }

    void tagsLoseTheirQuotes() {
        QCOMPARE(bareEtag("\"abc\""), std::string("abc"));
        QCOMPARE(bareEtag("W/\"abc\""), std::string("abc"));
        QCOMPARE(bareEtag(" abc "), std::string("abc"));
        QCOMPARE(bareEtag("\""), std::string("\""));
        QCOMPARE(bareEtag(""), std::string());
    }

    void theNextPageIsFound() {
        QCOMPARE(nextPage("<https://h/a?cursor=x>; rel=\"next\""), std::string("https://h/a?cursor=x"));
        QCOMPARE(nextPage("</p>; rel=prev, </n,1>; title=\"a\"; rel=next"), std::string("/n,1"));
        QVERIFY(!nextPage("<https://h/a>; rel=\"prev\""));
        QVERIFY(!nextPage("https://h/a; rel=\"next\""));
        QVERIFY(!nextPage("<https://h/a"));
        QVERIFY(!nextPage(""));
    }

    void waitsThatServersAskFor() {
        QCOMPARE(secondsToWait("30", ""), 30);
        QCOMPARE(secondsToWait("", "\"api\";r=0;t=45"), 46);
        QCOMPARE(secondsToWait("7", "\"api\";r=12;t=45"), 7);
        QCOMPARE(secondsToWait("99999999", ""), 86400);
        QVERIFY(!secondsToWait("Wed, 21 Oct 2015 07:28:00 GMT", ""));
        QVERIFY(!secondsToWait("", ""));
        QVERIFY(!secondsToWait("-3", "\"api\";r=x;t=y"));
    }

    void repositoriesAsPeopleNameThem() {
        const auto is = [](const char* text, const char* id, const char* revision) {
            const auto name = readRepositoryName(QString::fromUtf8(text));
            QVERIFY2(bool(name), text);
            QCOMPARE(name->id, QString::fromLatin1(id));
            QCOMPARE(name->revision, QString::fromLatin1(revision));
        };
        is("HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", "");
        is(" org/name@refs/pr/1 ", "org/name", "refs/pr/1");
        is("https://huggingface.co/org/name", "org/name", "");
        is("https://huggingface.co/org/name/", "org/name", "");
        is("https://huggingface.co/org/name/tree/v1.0?x=y#z", "org/name", "v1.0");
        is("https://hf-mirror.com/org/name/blob/main/config.json", "org/name", "main");
        for (const char* bad :
             {"", "name", "a/b/c", "../b", "a/..", "/a/b", "a/b\\c", "a b/c", "-a/b", "a/b--c", "a/.b",
              "a/b.git", "https://huggingface.co/org", "a/b@", "a/b@..", "a/b@x y", "a/b\nc"}) {
            QVERIFY2(!readRepositoryName(QString::fromLatin1(bad)), bad);
        }
    }

    void addressesAreEncodedOnce() {
        const Endpoint hub;
        const QString id = QStringLiteral("a/b");
        QCOMPARE(hub.repositoryInfo(id, QStringLiteral("refs/pr/1")).toEncoded(),
                 QByteArray("https://huggingface.co/api/models/a/b/revision/refs%2Fpr%2F1"));
        QCOMPARE(hub.tree(id, QStringLiteral("main")).toEncoded(),
                 QByteArray("https://huggingface.co/api/models/a/b/tree/main?recursive=true"));
        QCOMPARE(hub.file(id, QStringLiteral("c"), QStringLiteral("x/50% #?é.gguf")).toEncoded(),
                 QByteArray("https://huggingface.co/a/b/resolve/c/x/50%25%20%23%3F%C3%A9.gguf"));
        const auto mirror = Endpoint::from(QStringLiteral("https://mirror.org/hf/"));
        QCOMPARE(mirror->file(id, QStringLiteral("c"), QStringLiteral("f")).toEncoded(),
                 QByteArray("https://mirror.org/hf/a/b/resolve/c/f"));
        QVERIFY(mirror->isMirror() && !hub.isMirror());
    }

    void onlySafeEndpointsAreTaken() {
        for (const char* good :
             {"https://hf-mirror.com", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:2"})
            QVERIFY2(bool(Endpoint::from(QString::fromLatin1(good))), good);
        for (const char* bad :
             {"", "hf-mirror.com", "http://hf-mirror.com", "ftp://h", "https://user:pw@h", "https://h?x=y",
              "https://h#x", "file:///etc", "http://localhost.evil.org", "http://127.0.0.1.evil.org"})
            QVERIFY2(!Endpoint::from(QString::fromLatin1(bad)), bad);
        QVERIFY(Endpoint::from(QStringLiteral("https://u:secret@h")).error().message().find("secret") ==
                std::string::npos);
    }

    void theTokensHostIsExact() {
        const Endpoint hub;
        QVERIFY(hub.owns(QUrl(QStringLiteral("https://huggingface.co/x"))));
        QVERIFY(hub.owns(QUrl(QStringLiteral("https://HuggingFace.co:443/x"))));
        for (const char* other :
             {"http://huggingface.co/x", "https://huggingface.co:8443/x", "https://cdn.huggingface.co/x",
              "https://huggingface.co.evil.org/x", "https://evil.org/huggingface.co"})
            QVERIFY2(!hub.owns(QUrl(QString::fromLatin1(other))), other);
    }

    void aFolderModelIsItsConfigTokenizerAndIndex() {
        const auto files =
            filesOf({".gitattributes", "README.md", "config.json", "consolidated.safetensors",
                     "generation_config.json", "model-00001-of-00002.safetensors",
                     "model-00002-of-00002.safetensors", "model.safetensors.index.json", "onnx/model.onnx",
                     "original/config.json", "pytorch_model.bin", "tokenizer.json", "training_args.bin"});
        const auto selection = selectFiles(files, kRepository);
        QVERIFY(bool(selection));
        QVERIFY(selection->byIndex);
        QCOMPARE(
            namesOf(selection->files).join(u' '),
            QStringLiteral("config.json generation_config.json tokenizer.json model.safetensors.index.json"));
        const auto shards = selectShards(
            files, kRepository,
            QByteArray::fromStdString(json("{'weight_map':{'a':'model-00002-of-00002.safetensors',"
                                           "'b':'model-00001-of-00002.safetensors'}}")));
        QVERIFY(bool(shards));
        QCOMPARE(namesOf(*shards).join(u' '),
                 QStringLiteral("model-00001-of-00002.safetensors model-00002-of-00002.safetensors"));
    }

    void anIndexCannotNameWhatIsNotThere() {
        const auto files = filesOf({"config.json", "model.safetensors.index.json", "pytorch_model.bin"});
        for (const char* shard :
             {"gone.safetensors", "pytorch_model.bin", "../x.safetensors", "/x.safetensors"}) {
            QVERIFY2(
                !selectShards(files, kRepository, "{\"weight_map\":{\"a\":\"" + QByteArray(shard) + "\"}}"),
                shard);
        }
    }

    void oneFileGoesBeforeAnIndex() {
        const auto selection = selectFiles(
            filesOf({"config.json", "model.safetensors", "model.safetensors.index.json"}), kRepository);
        QVERIFY(!selection->byIndex);
        QCOMPARE(namesOf(selection->files).join(u' '), QStringLiteral("config.json model.safetensors"));
    }

    void ofSeveralGgufFilesOneIsTaken() {
        const auto chosen = [](const std::vector<const char*>& paths, const char* wanted = "") {
            const auto selection = selectFiles(filesOf(paths), kRepository, QString::fromLatin1(wanted));
            return selection ? namesOf(selection->files).join(u' ')
                             : QString::fromStdString(selection.error().message());
        };
        QCOMPARE(chosen({"README.md", "m.gguf"}), QStringLiteral("m.gguf"));
        QCOMPARE(chosen({"m-F16.gguf", "m-Q8_0.gguf", "m-Q4_K_M.gguf"}), QStringLiteral("m-Q4_K_M.gguf"));
        QCOMPARE(chosen({"m-F16.gguf", "m-Q8_0.gguf"}, "m-F16.gguf"), QStringLiteral("m-F16.gguf"));
        QCOMPARE(chosen({"a/m-F16.gguf", "b/m-Q8_0.gguf"}, "m-Q8_0.gguf"), QStringLiteral("m-Q8_0.gguf"));
        QVERIFY(chosen({"a/m.gguf", "b/m.gguf"}, "m.gguf").contains(QStringLiteral("no m.gguf")));
        QCOMPARE(chosen({"q/m-Q4_0-00001-of-00002.gguf", "q/m-Q4_0-00002-of-00002.gguf"}),
                 QStringLiteral("m-Q4_0-00001-of-00002.gguf m-Q4_0-00002-of-00002.gguf"));
        QVERIFY(chosen({"q/m-Q4_0-00001-of-00002.gguf"}).contains(QStringLiteral("00002-of-00002")));
        QVERIFY(chosen({"a-x.gguf", "b-x.gguf"}).contains(QStringLiteral("2 GGUF models")));
        QVERIFY(chosen({"m.gguf", "config.json"}, "config.json").contains(QStringLiteral(".gguf")));
    }

    void withoutWeightsTheReasonIsNamed() {
        const auto reason = [](const std::vector<const char*>& paths) {
            const auto selection = selectFiles(filesOf(paths), kRepository);
            return selection ? QString() : QString::fromStdString(selection.error().message());
        };
        QVERIFY(reason({"config.json", "pytorch_model.bin"}).contains(QStringLiteral("pickle")));
        QVERIFY(reason({"adapter_model.safetensors"}).contains(QStringLiteral("adapter")));
        QVERIFY(reason({"README.md"}).contains(QStringLiteral("no weights")));
        QVERIFY(reason({"model.safetensors"}).contains(QStringLiteral("config.json")));
    }
};

QTEST_GUILESS_MAIN(AnswersTest)
#include "answers_test.moc"
