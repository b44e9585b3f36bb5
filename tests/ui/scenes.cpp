#include "tests/ui/scenes.h"

#include <cmath>

namespace edgechat::fake {
namespace {

QVariantMap conversation(qint64 id, const char* title, ConversationList::Group group, bool current = false,
                         const QString& snippet = {}) {
    return {{QStringLiteral("conversationId"), id},
            {QStringLiteral("title"), QString::fromUtf8(title)},
            {QStringLiteral("group"), static_cast<int>(group)},
            {QStringLiteral("snippet"), snippet},
            {QStringLiteral("messageId"), 0},
            {QStringLiteral("current"), current}};
}

QVariantMap message(qint64 id, MessageList::Role role, const QString& text,
                    MessageList::Status status = MessageList::Complete) {
    const bool answer = role == MessageList::Assistant;
    return {
        {QStringLiteral("messageId"), id},
        {QStringLiteral("role"), static_cast<int>(role)},
        {QStringLiteral("text"), text},
        {QStringLiteral("status"), static_cast<int>(status)},
        {QStringLiteral("versionIndex"), answer ? 2 : 1},
        {QStringLiteral("versionCount"), answer ? 3 : 1},
        {QStringLiteral("modelName"), answer ? QStringLiteral("SmolLM2-135M-Instruct") : QString()},
        {QStringLiteral("generatedTokens"), answer ? 212 : 0},
        {QStringLiteral("decodeRate"), answer ? 154.3 : 0.0},
        {QStringLiteral("prefillRate"), answer ? 344.0 : 0.0},
        {QStringLiteral("timeToFirstToken"), answer ? 0.31 : 0.0},
        {QStringLiteral("canContinue"), status != MessageList::Complete && status != MessageList::Streaming}};
}

const QString kQuestion =
    QStringLiteral("How do I read a file line by line in Python, and how does that compare with C++?");

const QString kAnswer = QStringLiteral(
    "## Reading a file\n\n"
    "Both languages read a file **line by line** without holding all of it in memory. In Python a file "
    "object is its "
    "own iterator, so `for line in file` is enough:\n\n"
    "```python\nfrom pathlib import Path\n\n# The file is closed when the block ends\nwith "
    "Path(\"notes.txt\").open(encoding=\"utf-8\") as file:\n"
    "    for number, line in enumerate(file, start=1):\n        print(f\"{number:>4}  "
    "{line.rstrip()}\")\n```\n\n"
    "A few things to keep in mind:\n\n"
    "1. The newline stays at the end of `line`; remove it with `rstrip()`.\n"
    "2. Name the encoding, or the system's is used.\n   - On Linux that is nearly always UTF-8.\n   - On "
    "Windows it often is not.\n"
    "3. See [the documentation](https://docs.python.org) for *text* and *binary* mode.\n\n"
    "| Language | Call | Closes by itself |\n|---|---|:-:|\n| Python | `open()` | yes |\n| C++ | "
    "`std::getline` | yes |\n| C | `fgets` | no |\n\n"
    "> A file that is larger than memory is no problem for either.\n\n"
    "- [x] read\n- [ ] write\n");

void fillConversations(Program& program) {
    QVariantList rows = {conversation(1, "Reading files in Python", ConversationList::Today, true),
                         conversation(2, "A letter to the landlord", ConversationList::Today),
                         conversation(3, "Names for a sailing boat that nobody else has thought of yet",
                                      ConversationList::Yesterday),
                         conversation(4, "Five steps to learn to cook", ConversationList::LastWeek),
                         conversation(5, "Why is the sky blue?", ConversationList::LastWeek),
                         conversation(6, "Trip to Lisbon", ConversationList::Older)};
    program.conversations()->setRows(rows);
}

QVariantMap model(const char* name, const char* parameters, const char* quantization, const char* size,
                  bool loaded, bool damaged = false, bool inStore = true) {
    return {{QStringLiteral("name"), QString::fromUtf8(name)},
            {QStringLiteral("path"), QStringLiteral("/mnt/models/%1.gguf").arg(QString::fromUtf8(name))},
            {QStringLiteral("architecture"), QStringLiteral("llama")},
            {QStringLiteral("parametersText"), QString::fromUtf8(parameters)},
            {QStringLiteral("quantization"), QString::fromUtf8(quantization)},
            {QStringLiteral("sizeText"), QString::fromUtf8(size)},
            {QStringLiteral("bytes"), 98000000},
            {QStringLiteral("inStore"), inStore},
            {QStringLiteral("loaded"), loaded},
            {QStringLiteral("damaged"), damaged},
            {QStringLiteral("problem"),
             damaged ? QStringLiteral("The file ends after 61 MB; its header speaks of 98 MB.") : QString()}};
}

void fillLibrary(Program& program, bool loaded) {
    program.library()->setRows(
        {model("SmolLM2-135M-Instruct", "135M", "Q4_1", "98 MB", loaded),
         model("SmolLM2-360M-Instruct-Q8_0", "362M", "Q8_0", "386 MB", false, false, false),
         model("Llama-3.2-1B-Instruct", "1.2B", "Q4_0", "773 MB", false, true)});
}

void setReady(Program& program) {
    ModelHost& host = *program.model();
    host.setProperty("name", QStringLiteral("SmolLM2-135M-Instruct"));
    host.setProperty("sizeText", QStringLiteral("135M"));
    host.setProperty("quantization", QStringLiteral("Q4_1"));
    host.setProperty("device", QStringLiteral("CPU"));
    host.setProperty("contextSize", 2048);
    host.setProperty("state", ModelHost::Ready);
    program.chat()->setProperty("contextSize", 2048);
    fillLibrary(program, true);
}

void setFigures(Program& program, bool jetson) {
    Telemetry& telemetry = *program.telemetry();
    telemetry.setProperty("processBytes", QVariant::fromValue<qint64>(231'000'000));
    telemetry.setProperty("modelBytes", QVariant::fromValue<qint64>(148'000'000));
    telemetry.setProperty("memoryTotal", QVariant::fromValue<qint64>(7'990'000'000));
    telemetry.setProperty("memoryAvailable", QVariant::fromValue<qint64>(4'210'000'000));
    telemetry.setProperty("prefillRate", 344.0);
    telemetry.setProperty("decodeRate", 154.3);
    telemetry.setProperty("timeToFirstToken", 0.31);
    QList<qreal> rates;
    for (int i = 0; i < 90; ++i) rates.append(150 + 14 * std::sin(i / 5.0) + (i % 7) * 2 - (i < 4 ? 80 : 0));
    telemetry.setProperty("rateHistory", QVariant::fromValue(rates));
    if (jetson) {
        telemetry.setProperty("jetson", true);
        telemetry.setProperty("gpuLoad", 0.87);
        telemetry.setProperty("temperature", 58.5);
        telemetry.setProperty("power", 12.4);
        telemetry.setProperty("powerMode", QStringLiteral("15W"));
    }
}

void setConversation(Program& program, const QString& answer, MessageList::Status status) {
    program.chat()->setProperty("conversationId", 1);
    program.chat()->setProperty("title", QStringLiteral("Reading files in Python"));
    program.chat()->setProperty("contextUsed", 684);
    program.chat()->messages()->setRows(
        {message(11, MessageList::User, QStringLiteral("Hello! Which languages do you know?")),
         message(12, MessageList::Assistant,
                 QStringLiteral(
                     "I can help with most common programming languages, such as Python, C++ and Rust.")),
         message(13, MessageList::User, kQuestion), message(14, MessageList::Assistant, answer, status)});
}

}  // namespace

QStringList sceneNames() {
    return {QStringLiteral("no-model"),     QStringLiteral("pick-model"),   QStringLiteral("loading"),
            QStringLiteral("ready"),        QStringLiteral("conversation"), QStringLiteral("prefilling"),
            QStringLiteral("generating"),   QStringLiteral("stopped"),      QStringLiteral("interrupted"),
            QStringLiteral("context-full"), QStringLiteral("load-failed"),  QStringLiteral("history-failed"),
            QStringLiteral("search"),       QStringLiteral("models"),       QStringLiteral("models-empty"),
            QStringLiteral("settings"),     QStringLiteral("palette"),      QStringLiteral("shortcuts"),
            QStringLiteral("switcher"),     QStringLiteral("deleted"),      QStringLiteral("editing"),
            QStringLiteral("jetson"),       QStringLiteral("long-draft"),   QStringLiteral("large-text")};
}

void setScene(Program& program, const QString& name) {
    fillConversations(program);
    setFigures(program, name == u"jetson");
    if (name == u"no-model" || name == u"models-empty") {
        program.conversations()->setRows({});
        return;
    }
    if (name == u"pick-model") {
        fillLibrary(program, false);
        return;
    }
    if (name == u"loading") {
        fillLibrary(program, false);
        program.model()->setProperty("name", QStringLiteral("SmolLM2-135M-Instruct"));
        program.model()->setProperty("progress", 0.62);
        program.model()->setProperty("state", ModelHost::Loading);
        return;
    }
    if (name == u"load-failed") {
        fillLibrary(program, false);
        program.model()->setProperty("name", QStringLiteral("Llama-3.2-1B-Instruct"));
        program.model()->setProperty(
            "problem", QStringLiteral("The file ends after 61 MB; its header speaks of 773 MB."));
        program.model()->setProperty(
            "problemFix", QStringLiteral("Copy or download the file again, then import it once more."));
        program.model()->setProperty(
            "problemDetails",
            QStringLiteral(
                "reading /mnt/models/Llama-3.2-1B-Instruct.gguf: tensor blk.9.ffn_up.weight: found offset "
                "64012288, expected at most 61000000"));
        program.model()->setProperty("state", ModelHost::Failed);
        return;
    }
    setReady(program);
    if (name == u"ready") return;
    if (name == u"history-failed") {
        program.setProperty("historyProblem",
                            QStringLiteral("history.sqlite is locked by another program. Chats of this "
                                           "session are kept in memory only."));
        program.setProperty("historyProblemFix",
                            QStringLiteral("Close the other EdgeChat window, then try again."));
        program.setProperty("historyProblemDetails",
                            QStringLiteral("opening history.sqlite: database is locked (5)"));
        return;
    }
    if (name == u"prefilling") {
        setConversation(program, QString(), MessageList::Streaming);
        program.chat()->setProperty("prefillDone", 1280);
        program.chat()->setProperty("prefillTotal", 4096);
        program.chat()->setProperty("prefillSecondsLeft", 6.2);
        program.chat()->setProperty("state", ChatSession::Prefilling);
    } else if (name == u"generating") {
        setConversation(program, kAnswer.left(660), MessageList::Streaming);
        program.chat()->setProperty("state", ChatSession::Generating);
    } else if (name == u"stopped") {
        setConversation(program, kAnswer.left(170), MessageList::Stopped);
    } else if (name == u"interrupted") {
        setConversation(program, kAnswer.left(210), MessageList::Interrupted);
    } else if (name == u"context-full") {
        setConversation(program, kAnswer.left(210), MessageList::ContextFull);
        program.chat()->setProperty("contextUsed", 2041);
        program.chat()->setProperty("state", ChatSession::ContextFull);
    } else {
        setConversation(program, kAnswer, MessageList::Complete);
    }
    if (name == u"search") {
        program.conversations()->setRows(
            {conversation(1, "Reading files in Python", ConversationList::Today, true,
                          QStringLiteral("\u2026own iterator, so for line in \u2068file\u2069 is enough")),
             conversation(6, "Trip to Lisbon", ConversationList::Older, false,
                          QStringLiteral("\u2026put the tickets into one \u2068file\u2069 and print it"))});
    }
    if (name == u"long-draft") {
        QString draft;
        for (int i = 1; i <= 12; ++i)
            draft += QStringLiteral("Line %1 of a longer draft that the field shows.\n").arg(i);
        program.chat()->setProperty("draft", draft.trimmed());
        program.chat()->setProperty("draftTokens", 141);
    }
    if (name == u"large-text") program.settings()->setProperty("textScale", 1.6);
    if (name == u"deleted") program.conversations()->remove(2);
}

}  // namespace edgechat::fake
