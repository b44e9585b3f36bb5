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
        {QStringLiteral("canContinue"), status != MessageList::Complete && status != MessageList::Streaming},
        {QStringLiteral("modelChanged"), false}};
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
    return {
        {QStringLiteral("name"), QString::fromUtf8(name)},
        {QStringLiteral("path"), QStringLiteral("/mnt/models/%1.gguf").arg(QString::fromUtf8(name))},
        {QStringLiteral("title"), QString()},
        {QStringLiteral("family"), QStringLiteral("LLaMA")},
        {QStringLiteral("parametersText"), QString::fromUtf8(parameters)},
        {QStringLiteral("quantization"), QString::fromUtf8(quantization)},
        {QStringLiteral("sizeText"), QString::fromUtf8(size)},
        {QStringLiteral("bytes"), 98000000},
        {QStringLiteral("inStore"), inStore},
        {QStringLiteral("loaded"), loaded},
        {QStringLiteral("damaged"), damaged},
        {QStringLiteral("context"), 8192},
        {QStringLiteral("fileCount"), 1},
        {QStringLiteral("warnings"), QStringList()},
        {QStringLiteral("switchCost"),
         loaded || damaged ? QString() : QStringLiteral("Loads %1, about 1 s").arg(QString::fromUtf8(size))},
        {QStringLiteral("switchWarning"), QString()},
        {QStringLiteral("repository"),
         damaged ? QStringLiteral("unsloth/Llama-3.2-1B-Instruct-GGUF") : QString()},
        {QStringLiteral("origin"),
         damaged ? QStringLiteral("unsloth/Llama-3.2-1B-Instruct-GGUF at 53ac64c") : QString()},
        {QStringLiteral("licence"), QString()},
        {QStringLiteral("lastUsed"), loaded ? QStringLiteral("today") : QString()},
        {QStringLiteral("verified"), QString()},
        {QStringLiteral("canRepair"), damaged},
        {QStringLiteral("ownSettings"), loaded},
        {QStringLiteral("problem"),
         damaged ? QStringLiteral("The file ends after 61 MB; its header speaks of 98 MB.") : QString()}};
}

void fillLibrary(Program& program, bool loaded) {
    program.library()->setRows(
        {model("SmolLM2-135M-Instruct", "135M", "Q4_1", "98 MB", loaded),
         model("SmolLM2-360M-Instruct-Q8_0", "362M", "Q8_0", "386 MB", false, false, false),
         model("Llama-3.2-1B-Instruct", "1.2B", "Q4_0", "773 MB", false, true)});
}

QVariantMap memory(double weights, double context, double available) {
    return memoryAt({{QStringLiteral("weights"), weights},
                     {QStringLiteral("context"), context},
                     {QStringLiteral("runtime"), 1.2e8},
                     {QStringLiteral("available"), available}},
                    1, 1);
}

QVariantMap offer(const char* name, const char* family, const char* goodAt, const char* parameters,
                  double download, const char* licence, double weights, double rest, bool gated,
                  const char* badge = "") {
    const double available = 6.1e9;
    return {{QStringLiteral("catalogId"), QString::fromUtf8(name)},
            {QStringLiteral("name"), QString::fromUtf8(name)},
            {QStringLiteral("family"), QString::fromUtf8(family)},
            {QStringLiteral("repository"), QStringLiteral("org/") + QString::fromUtf8(name)},
            {QStringLiteral("goodAt"), QString::fromUtf8(goodAt)},
            {QStringLiteral("parametersText"), QString::fromUtf8(parameters)},
            {QStringLiteral("downloadBytes"), download},
            {QStringLiteral("licenceName"), QString::fromUtf8(licence)},
            {QStringLiteral("licenceUrl"), QStringLiteral("https://example.org/licence")},
            {QStringLiteral("gated"), gated},
            {QStringLiteral("badge"), QString::fromUtf8(badge)},
            {QStringLiteral("context"), 4096},
            {QStringLiteral("memory"), memory(weights, rest, available)},
            {QStringLiteral("fits"), weights + rest < available},
            {QStringLiteral("largestContext"), weights + rest < available ? 8192 : 0},
            {QStringLiteral("diskNeeded"), download + weights},
            {QStringLiteral("diskFits"), download + weights < 11.3e9},
            {QStringLiteral("rate"), weights > 1e9 ? 26e9 / weights : 0.0},
            {QStringLiteral("problem"), QString()}};
}

void fillCatalog(Program& program) {
    program.catalog()->setRows(
        {offer("TinyLlama 1.1B Chat", "LLaMA", "Short conversations in English on small machines.", "1.1B",
               2.2e9, "Apache License 2.0", 6.4e8, 1.8e8, false),
         offer("Mistral 7B Instruct v0.3", "Mistral",
               "Conversation, summaries and code; the best all-rounder of its size.", "7.2B", 14.5e9,
               "Apache License 2.0", 4.2e9, 7.1e8, false),
         offer("Llama 2 7B Chat", "LLaMA", "Friendly conversation in English.", "6.7B", 13.5e9,
               "Llama 2 Community License", 3.9e9, 2.6e9, true, "tight"),
         offer("Llama 3.1 8B Instruct", "LLaMA", "Conversation and reasoning in many languages.", "8.0B",
               16.1e9, "Llama 3.1 Community License", 5.5e9, 8.9e8, true, "advanced")});
}

/// As beside a card of 8 GB: on it, on the processor in its place, and on neither.
void placeCatalog(Program& program) {
    CatalogList& catalog = *program.catalog();
    const auto place = [&](int row, const char* key, const QVariant& value) {
        QVariantMap memory = catalog.row(row)[QStringLiteral("memory")].toMap();
        memory[QLatin1String(key)] = value;
        catalog.setValue(row, QStringLiteral("memory"), memory);
    };
    for (const int row : {0, 2}) {
        place(row, "inGpuMemory", true);
        place(row, "runtime", 0.0);
        place(row, "available", 4.7e9);
    }
    place(1, "available", 12.3e9);
    place(1, "gpuNeeded", 5.1e9);
    place(1, "gpuFree", 4.7e9);
}

void setOffer(RepositoryOffer& offer, bool known) {
    if (!known) {
        offer.setProperty("problem",
                          QStringLiteral("stabilityai/stablelm-2-1_6b is of a kind that EdgeChat does not "
                                         "know: \"stablelm\". EdgeChat runs models of the LLaMA, Mistral "
                                         "and Falcon families."));
        offer.setProperty("state", RepositoryOffer::Refused);
        return;
    }
    offer.setProperty("repository", QStringLiteral("teknium/OpenHermes-2.5-Mistral-7B"));
    offer.setProperty("name", QStringLiteral("OpenHermes-2.5-Mistral-7B"));
    offer.setProperty("family", QStringLiteral("Mistral"));
    offer.setProperty("about", QStringLiteral("Runs here. It is quantized to 4 bits on this machine."));
    offer.setProperty("parametersText", QStringLiteral("7.2B"));
    offer.setProperty("downloadBytes", 14.5e9);
    offer.setProperty("licence", QStringLiteral("apache-2.0"));
    offer.setProperty("licenceUrl", QStringLiteral("https://example.org/page"));
    offer.setProperty("memory", memory(4.15e9, 6.3e8, 6.1e9));
    offer.setProperty("largestContext", 11264);
    offer.setProperty("diskNeeded", 18.9e9);
    offer.setProperty("diskFits", false);
    offer.setProperty("rate", 5.2);
    offer.setProperty("state", RepositoryOffer::Known);
}

QVariantMap cached(const char* name, const char* quantization, const char* size, const char* problem = "") {
    const QString text = QString::fromUtf8(name);
    return {{QStringLiteral("name"), text},
            {QStringLiteral("repository"), QStringLiteral("org/") + text},
            {QStringLiteral("path"), QStringLiteral("/data/ada/.cache/huggingface/hub/models--org--") + text},
            {QStringLiteral("family"), *problem ? QString() : QStringLiteral("LLaMA")},
            {QStringLiteral("parametersText"), *problem ? QString() : QStringLiteral("1.1B")},
            {QStringLiteral("quantization"), QString::fromUtf8(quantization)},
            {QStringLiteral("sizeText"), QString::fromUtf8(size)},
            {QStringLiteral("complete"), *problem == 0},
            {QStringLiteral("problem"), QString::fromUtf8(problem)}};
}

QVariantMap job(double id, const char* title, const char* stage, const char* detail, double share) {
    return {{QStringLiteral("jobId"), id},
            {QStringLiteral("title"), QString::fromUtf8(title)},
            {QStringLiteral("repository"), QStringLiteral("org/") + QString::fromUtf8(title)},
            {QStringLiteral("stageText"), QString::fromUtf8(stage)},
            {QStringLiteral("detail"), QString::fromUtf8(detail)},
            {QStringLiteral("share"), share},
            {QStringLiteral("paused"), false},
            {QStringLiteral("running"), true},
            {QStringLiteral("done"), false},
            {QStringLiteral("failed"), false},
            {QStringLiteral("problem"), QString()},
            {QStringLiteral("fix"), QString()},
            {QStringLiteral("hubPage"), QString()},
            {QStringLiteral("wantsToken"), false},
            {QStringLiteral("canGoFirst"), false},
            {QStringLiteral("storedName"), QString()}};
}

QVariantMap ended(QVariantMap job, const char* state) {
    job[QStringLiteral("running")] = false;
    job[QString::fromUtf8(state)] = true;
    return job;
}

/// Every state that a job can be in.
void fillJobs(Program& program) {
    QVariantMap gated = ended(job(3, "Llama-2-7b-chat-hf", "Stopped", "", 0), "failed");
    gated[QStringLiteral("problem")] =
        QStringLiteral("meta-llama/Llama-2-7b-chat-hf is given out to accounts that accepted its licence.");
    gated[QStringLiteral("fix")] = QStringLiteral(
        "Make an account, accept the licence on its page, and make an access token there. It is kept on this "
        "machine and sent to that Hub alone.");
    gated[QStringLiteral("hubPage")] = QStringLiteral("https://example.org/page");
    gated[QStringLiteral("wantsToken")] = true;
    QVariantMap full = ended(job(4, "Mistral-7B-Instruct-v0.3", "Stopped", "", 0), "failed");
    full[QStringLiteral("problem")] = QStringLiteral("The disk is full: 9.1 GB are needed, 2.4 GB are free.");
    full[QStringLiteral("fix")] =
        QStringLiteral("Make room on the disk, then try again. What has come is kept.");
    QVariantMap waiting = job(7, "Falcon3-3B-Instruct", "Waiting for its turn", "", -1);
    waiting[QStringLiteral("canGoFirst")] = true;
    QVariantMap paused = job(5, "falcon-7b-instruct", "Paused", "9.8 GB of 14.4 GB", 0.68);
    paused[QStringLiteral("running")] = false;
    paused[QStringLiteral("paused")] = true;
    program.jobs()->setRows(
        {job(1, "TinyLlama-1.1B-Chat-v1.0", "Downloading",
             "1.2 GB of 2.2 GB  \u00B7  24 MB/s  \u00B7  41 s left", 0.55),
         waiting,
         job(2, "SmolLM2-1.7B-Instruct", "Quantizing to 4 bits", "layer 9 of 24  \u00B7  7 min left", 0.34),
         paused, gated, full,
         ended(job(6, "SmolLM2-360M-Instruct", "Ready", "SmolLM2-360M-Instruct", 1), "done")});
}

QVariantMap with(QVariantMap model, const QVariantMap& changes) {
    for (auto change = changes.begin(); change != changes.end(); ++change)
        model[change.key()] = change.value();
    return model;
}

/// Models of three families, as they stand beside a conversation of some length.
void fillFamilies(Program& program) {
    const auto cost = [](const char* text) {
        return QVariantMap{{QStringLiteral("switchCost"), QString::fromUtf8(text)}};
    };
    const auto folder = [](const char* family, int context, int files) {
        return QVariantMap{{QStringLiteral("family"), QString::fromUtf8(family)},
                           {QStringLiteral("context"), context},
                           {QStringLiteral("fileCount"), files}};
    };
    program.model()->setProperty("expectedBytes", QVariant::fromValue<qint64>(157'000'000));
    program.model()->setProperty("residentBefore", QVariant::fromValue<qint64>(79'000'000));
    QVariantMap warned = with(model("Mistral-7B-Instruct-v0.2-AWQ", "7.2B", "AWQ INT4 g128", "4.2 GB", false),
                              folder("Mistral", 32768, 9));
    warned[QStringLiteral("repository")] = QStringLiteral("TheBloke/Mistral-7B-Instruct-v0.2-AWQ");
    warned[QStringLiteral("origin")] = QStringLiteral("TheBloke/Mistral-7B-Instruct-v0.2-AWQ at 7ab8c92");
    warned[QStringLiteral("licence")] = QStringLiteral("apache-2.0");
    warned[QStringLiteral("lastUsed")] = QStringLiteral("yesterday");
    warned[QStringLiteral("verified")] = QStringLiteral("today");
    warned[QStringLiteral("title")] = QStringLiteral("Mistral 7B Instruct v0.2");
    warned[QStringLiteral("path")] =
        QStringLiteral("/data/ada/.local/share/edgechat/models/Mistral-7B-Instruct-v0.2-AWQ");
    warned[QStringLiteral("warnings")] = QStringList{QStringLiteral(
        "config.json speaks of groups of 64 weights; the tensors have groups of 128, and these count.")};
    program.library()->setRows(
        {model("SmolLM2-135M-Instruct", "135M", "Q4_1", "98 MB", true),
         with(warned, cost("Loads 4.2 GB and reads about 680 tokens of this conversation again, about 50 s")),
         with(
             with(model("falcon-7b-instruct-a-model-whose-maker-could-not-stop-naming-it", "7.2B", "Q4_0",
                        "4.1 GB", false),
                  folder("Falcon", 2048, 3)),
             cost(
                 "Loads 4.1 GB and reads about 680 tokens of this conversation again; how long that takes is "
                 "unknown until it has run once")),
         with(with(model("stories15M", "15M", "F16", "31 MB", false), folder("LLaMA", 256, 4)),
              {{QStringLiteral("switchCost"), QStringLiteral("Loads 31 MB")},
               {QStringLiteral("switchWarning"),
                QStringLiteral(
                    "This conversation has about 680 tokens, and this model takes in 256: it could answer "
                    "only in a new chat.")}}),
         model("Llama-3.2-1B-Instruct", "1.2B", "Q4_0", "773 MB", false, true)});
}

void setCompletion(Program& program, bool carried) {
    ModelHost& host = *program.model();
    host.setProperty("name", QStringLiteral("falcon-7b"));
    host.setProperty("sizeText", QStringLiteral("7.2B"));
    host.setProperty("quantization", QStringLiteral("AWQ INT4 g64"));
    host.setProperty("completesText", true);
    host.setProperty("templateProblem",
                     carried ? QStringLiteral("cannot run the chat template line 3: found a call of "
                                              "\"strptime\", expected a known function")
                             : QString());
    host.setProperty(
        "templateNote",
        carried ? QStringLiteral("The chat template that this model carries cannot be used here, so it "
                                 "continues your text instead of answering.")
                : QStringLiteral("This model has no chat template: it continues your text instead of "
                                 "answering."));
}

void setReady(Program& program) {
    ModelHost& host = *program.model();
    host.setProperty("name", QStringLiteral("SmolLM2-135M-Instruct"));
    host.setProperty("sizeText", QStringLiteral("135M"));
    host.setProperty("quantization", QStringLiteral("Q4_1"));
    host.setProperty("device", QStringLiteral("CPU"));
    host.setProperty("deviceText", QStringLiteral("CPU \u00B7 6 threads"));
    host.setProperty("path", QStringLiteral("/mnt/models/SmolLM2-135M-Instruct.gguf"));
    host.setProperty("contextSize", 2048);
    host.setProperty("trainedContext", 8192);
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
        telemetry.setProperty("energyPerToken", 0.42);
    }
}

/// A card computes: its memory, load and power in the strip.
void setCard(Program& program) {
    ModelHost& host = *program.model();
    host.setProperty("device", QStringLiteral("GPU"));
    host.setProperty("deviceText", QStringLiteral("GPU \u00B7 GeForce RTX 4070 Laptop GPU"));
    host.setProperty("onGpu", true);
    host.setProperty("inGpuMemory", true);
    host.setProperty("weightBytes", QVariant::fromValue<qint64>(3'900'000'000));
    host.setProperty("kvBytes", QVariant::fromValue<qint64>(540'000'000));
    program.gpu()->setProperty("usable", true);
    program.gpu()->setProperty(
        "description",
        QStringLiteral("The GPU here is NVIDIA GeForce RTX 4070 Laptop GPU with 8.6 GB of memory."));
    Telemetry& telemetry = *program.telemetry();
    telemetry.setProperty("modelBytes", QVariant::fromValue<qint64>(0));
    telemetry.setProperty("gpuMemoryTotal", QVariant::fromValue<qint64>(8'580'000'000));
    telemetry.setProperty("gpuMemoryUsed", QVariant::fromValue<qint64>(5'310'000'000));
    telemetry.setProperty("gpuLoad", 0.96);
    telemetry.setProperty("temperature", 71.0);
    telemetry.setProperty("power", 84.6);
    telemetry.setProperty("energyPerToken", 0.55);
}

const QString kTooOld =
    QStringLiteral("The GPU cannot be used: the NVIDIA driver supports CUDA 11.4, this program needs 12.6");

/// There is a card, and something stands in its way.
void setUnusedCard(Program& program) {
    program.model()->setProperty("gpuNote", kTooOld + QStringLiteral(". Answers come from the CPU."));
    program.model()->setProperty("gpuNoteIsNew", true);
    program.gpu()->setProperty(
        "description",
        kTooOld + QStringLiteral(". Install the NVIDIA driver 525 or newer and restart the computer."));
}

/// There is a card, and the model is too large for it.
void setFullCard(Program& program) {
    ModelHost& host = *program.model();
    host.setProperty(
        "gpuNote", QStringLiteral("The GPU cannot be used: this model needs 8.9 GB of GPU memory, and 7.6 GB "
                                  "are free. Answers come from the CPU. With a context of 6,144 tokens the "
                                  "model fits on the GPU."));
    host.setProperty("gpuNoteIsNew", true);
    host.setProperty("fittingContext", 6144);
}

/// What the settings of a model show of its memory.
void setContextMemory(Program& program, const QString& scene) {
    const bool full = scene.endsWith(u"full");
    ContextMemory& memory = *program.contextMemory();
    memory.setProperty("known", true);
    memory.setProperty("context", full ? 32768 : 8192);
    memory.setProperty("trainedContext", 8192);
    memory.setProperty("largestContext", full ? 6144 : 8192);
    memory.setProperty("cacheBytes", full ? 4.29e9 : 1.07e9);
    memory.setProperty("totalBytes", full ? 8.4e9 : 2.1e9);
    memory.setProperty("availableBytes", 4.4e9);
    memory.setProperty("fits", !full);
    memory.setProperty("inGpuMemory", scene.startsWith(u"sheet-gpu") && scene != u"sheet-gpu-lacks");
    if (scene != u"sheet-gpu-lacks") return;
    memory.setProperty("gpuNeededBytes", 2.4e9);
    memory.setProperty("gpuFreeBytes", 1.9e9);
    memory.setProperty("gpuContext", 5632);
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
    return {QStringLiteral("no-model"),
            QStringLiteral("pick-model"),
            QStringLiteral("loading"),
            QStringLiteral("ready"),
            QStringLiteral("conversation"),
            QStringLiteral("prefilling"),
            QStringLiteral("generating"),
            QStringLiteral("stopped"),
            QStringLiteral("interrupted"),
            QStringLiteral("context-full"),
            QStringLiteral("load-failed"),
            QStringLiteral("does-not-fit"),
            QStringLiteral("history-failed"),
            QStringLiteral("search"),
            QStringLiteral("models"),
            QStringLiteral("models-empty"),
            QStringLiteral("settings"),
            QStringLiteral("palette"),
            QStringLiteral("shortcuts"),
            QStringLiteral("switcher"),
            QStringLiteral("deleted"),
            QStringLiteral("editing"),
            QStringLiteral("jetson"),
            QStringLiteral("long-draft"),
            QStringLiteral("large-text"),
            QStringLiteral("switcher-costs"),
            QStringLiteral("switched"),
            QStringLiteral("switch-next"),
            QStringLiteral("too-long"),
            QStringLiteral("no-template"),
            QStringLiteral("no-template-chat"),
            QStringLiteral("odd-template"),
            QStringLiteral("marker"),
            QStringLiteral("models-families"),
            QStringLiteral("models-details"),
            QStringLiteral("models-importing"),
            QStringLiteral("models-gptq"),
            QStringLiteral("models-pickle"),
            QStringLiteral("unsupported"),
            QStringLiteral("part-missing"),
            QStringLiteral("models-catalog"),
            QStringLiteral("models-offer"),
            QStringLiteral("models-gpu"),
            QStringLiteral("models-gpu-offer"),
            QStringLiteral("models-jobs"),
            QStringLiteral("models-cached"),
            QStringLiteral("models-checking"),
            QStringLiteral("models-wanted"),
            QStringLiteral("models-refused"),
            QStringLiteral("sheet"),
            QStringLiteral("sheet-answers"),
            QStringLiteral("sheet-full"),
            QStringLiteral("sheet-gpu"),
            QStringLiteral("sheet-gpu-lacks"),
            QStringLiteral("sheet-gpu-full"),
            QStringLiteral("gpu"),
            QStringLiteral("gpu-unused"),
            QStringLiteral("gpu-unused-chat"),
            QStringLiteral("gpu-lacks"),
            QStringLiteral("gpu-lacks-chat"),
            QStringLiteral("settings-gpu"),
            QStringLiteral("settings-gpu-unused"),
            QStringLiteral("settings-downloads"),
            QStringLiteral("settings-mirror")};
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
    if (name == u"does-not-fit") {
        fillLibrary(program, false);
        ModelHost& host = *program.model();
        host.setProperty("name", QStringLiteral("Llama-2-7B-Chat"));
        host.setProperty(
            "problem",
            QStringLiteral("Llama-2-7B-Chat does not fit in memory, neither in the GPU's nor in the "
                           "computer's: on the GPU it needs 8.9 GB, and 7.6 GB are available."));
        host.setProperty(
            "problemFix",
            QStringLiteral("Set the context to 6,144 tokens or fewer in Settings, or close other "
                           "programs."));
        host.setProperty(
            "problemDetails",
            QStringLiteral("the model does not fit in memory: /mnt/models/llama-2-7b-chat.gguf"));
        host.setProperty("fittingContext", 6144);
        host.setProperty("state", ModelHost::Failed);
        return;
    }
    if (name == u"unsupported" || name == u"part-missing") {
        fillLibrary(program, false);
        const bool part = name == u"part-missing";
        ModelHost& host = *program.model();
        host.setProperty("name", part ? QStringLiteral("falcon-7b-Q4_0") : QStringLiteral("rwkv-7-world"));
        host.setProperty(
            "problem",
            part ? QStringLiteral("falcon-7b-Q4_0 is not complete: its part "
                                  "falcon-7b-Q4_0-00002-of-00003.gguf is missing.")
                 : QStringLiteral("rwkv-7-world is of a kind that EdgeChat does not know: \"rwkv7\"."));
        host.setProperty(
            "problemFix",
            part ? QStringLiteral("Put all of its parts into the same folder, then try again.")
                 : QStringLiteral("EdgeChat runs models of the LLaMA, Mistral and Falcon families, as a "
                                  ".gguf file or as a Hugging Face folder with .safetensors files."));
        host.setProperty("problemDetails",
                         QStringLiteral("cannot read the model /mnt/models/rwkv-7-world.gguf "
                                        "general.architecture: found \"rwkv7\", expected \"llama\""));
        host.setProperty("state", ModelHost::Failed);
        return;
    }
    setReady(program);
    if (name == u"gpu" || name == u"settings-gpu") setCard(program);
    if (name == u"jetson") {
        program.model()->setProperty("device", QStringLiteral("GPU"));
        program.model()->setProperty("deviceText", QStringLiteral("GPU \u00B7 Orin"));
        program.model()->setProperty("onGpu", true);
    }
    if (name.endsWith(u"gpu-unused") || name == u"gpu-unused-chat") setUnusedCard(program);
    if (name.startsWith(u"gpu-lacks")) setFullCard(program);
    if (name == u"ready" || name == u"gpu-unused" || name == u"gpu-lacks") return;
    if (name == u"no-template" || name == u"odd-template") {
        setCompletion(program, name == u"odd-template");
        return;
    }
    if (name == u"models-catalog" || name == u"models-offer" || name.startsWith(u"models-gpu")) {
        fillCatalog(program);
        if (name.startsWith(u"models-gpu")) placeCatalog(program);
        program.library()->setRows({program.library()->row(0)});
    }
    if (name == u"models-wanted" || name == u"models-refused") {
        program.library()->setRows({program.library()->row(0)});
        setOffer(*program.offer(), name == u"models-wanted");
    }
    if (name == u"models-jobs") {
        fillJobs(program);
        fillCatalog(program);
    }
    if (name == u"models-families" || name == u"models-details") fillFamilies(program);
    if (name == u"models-cached") {
        program.library()->setRows({program.library()->row(0)});
        program.cached()->setRows({cached("TinyLlama-1.1B-Chat-v1.0", "F16", "2.2 GB"),
                                   cached("Mistral-7B-Instruct-v0.3", "", "",
                                          "model-00002-of-00003.safetensors was not fetched.")});
    }
    if (name == u"models-checking") {
        program.library()->setProperty("verifying", QStringLiteral("SmolLM2-135M-Instruct"));
        program.library()->setProperty("verifyProgress", 0.71);
    }
    if (name == u"models-importing") {
        program.library()->setProperty("importing", true);
        program.library()->setProperty("importProgress", 0.38);
    }
    if (name == u"models-gptq") {
        program.library()->setProperty(
            "problem",
            QStringLiteral("Llama-2-7B-Chat-GPTQ is quantized as GPTQ, which EdgeChat cannot read."));
        program.library()->setProperty(
            "problemFix",
            QStringLiteral(
                "Look for the same model as GGUF or AWQ, or take the original with .safetensors files."));
        program.library()->setProperty(
            "problemDetails",
            QStringLiteral("cannot read the model /data/ada/Downloads/Llama-2-7B-Chat-GPTQ/config.json "
                           "quantization_config.quant_method: found \"gptq\", expected \"awq\""));
    }
    if (name == u"models-pickle") {
        program.library()->setProperty(
            "problem",
            QStringLiteral(
                "falcon-7b-awq holds its weights only in PyTorch's own files (.bin or .pt). Opening such a "
                "file can run programs that are hidden in it, so EdgeChat does not."));
        program.library()->setProperty(
            "problemFix",
            QStringLiteral("Look for the same model with .safetensors files, or as a .gguf file."));
        program.library()->setProperty(
            "problemDetails", QStringLiteral("cannot read the model /data/ada/Downloads/falcon-7b-awq: found "
                                             "pytorch_model.bin, expected .safetensors files"));
    }
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
    if (name.startsWith(u"sheet")) {
        setContextMemory(program, name);
        ModelSettings& settings = *program.modelSettings();
        settings.setContextTokens(name.endsWith(u"full") ? 32768 : 8192);
        settings.setTemperature(0.3);
        if (name != u"sheet")
            settings.setSystemPrompt(QStringLiteral("You help with Python. Answer in few words."));
        program.model()->setProperty("reloadNeeded", name != u"sheet");
    }
    if (name == u"settings-mirror") {
        program.hub()->setAddress(QStringLiteral("https://hf-mirror.example.org"));
        program.hub()->setProperty("megabytesPerSecond", 12);
        program.hub()->setProperty("tokenPlace", HubAccess::File);
    }
    if (name == u"switcher-costs") fillFamilies(program);
    if (name == u"switched" || name == u"switch-next" || name == u"too-long" || name == u"no-template-chat") {
        fillFamilies(program);
        ModelHost& host = *program.model();
        program.chat()->setProperty("answeredBy", QStringLiteral("SmolLM2-135M-Instruct"));
        host.setProperty("name", QStringLiteral("Mistral-7B-Instruct-v0.2-AWQ"));
        host.setProperty("sizeText", QStringLiteral("7.2B"));
        host.setProperty("quantization", QStringLiteral("AWQ INT4 g128"));
        MessageList& messages = *program.chat()->messages();
        if (name == u"switched") {
            program.chat()->setProperty("answeredBy", host.property("name"));
            messages.setValue(3, QStringLiteral("modelName"), host.property("name"));
            messages.setValue(3, QStringLiteral("modelChanged"), true);
            messages.setValue(3, QStringLiteral("text"), kAnswer.left(210));
        } else {
            messages.setValue(3, QStringLiteral("text"), kAnswer.left(170));
        }
        if (name == u"too-long") {
            host.setProperty("name", QStringLiteral("stories15M"));
            host.setProperty("trainedContext", 256);
            program.chat()->setProperty("contextSize", 256);
            program.chat()->setProperty("state", ChatSession::ContextFull);
        }
        if (name == u"no-template-chat") {
            setCompletion(program, true);
            program.chat()->setProperty("answeredBy", host.property("name"));
        }
    }
    if (name == u"marker") {
        program.model()->setProperty("name", QStringLiteral("falcon-7b-instruct"));
        program.chat()->setProperty("draft",
                                    QStringLiteral("Continue this dialogue:\nUser: How far is the moon?"));
        program.chat()->setProperty("draftTokens", 14);
        program.chat()->setProperty("draftMarker", QStringLiteral("User:"));
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
