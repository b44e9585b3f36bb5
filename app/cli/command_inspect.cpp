// inspect: what a checkpoint holds and what it will take, without loading it.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "app/cli/commands.h"
#include "app/cli/model_argument.h"
#include "app/cli/quantization_text.h"
#include "inference/model/packing.h"
#include "quant/report_file.h"

namespace edgechat::cli {

using namespace edgechat::inference;

namespace {

constexpr int kSmallestPlan = 512;  // tokens
constexpr size_t kNameColumns = 14;

/// 512, 1024, 2048, ... up to what the model was trained for, which is always the last.
std::vector<int> contexts(int trained) {
    std::vector<int> lengths;
    for (int64_t length = kSmallestPlan; length < trained; length *= 2)
        lengths.push_back(static_cast<int>(length));
    lengths.push_back(trained);
    return lengths;
}

nlohmann::json tensorsJson(const Checkpoint& checkpoint) {
    nlohmann::json tensors = nlohmann::json::array();
    for (const TensorInfo& tensor : checkpoint.allTensors()) {
        nlohmann::json shape = nlohmann::json::array({tensor.columns});
        if (tensor.rows != 1) shape = nlohmann::json::array({tensor.rows, tensor.columns});
        tensors.push_back({{"name", tensor.name},
                           {"type", tensorTypeName(tensor.type)},
                           {"shape", shape},
                           {"bytes", tensor.bytes}});
    }
    return tensors;
}

/// How many tensors are stored in each way, and what becomes of them when the model is loaded.
nlohmann::json typesJson(const Checkpoint& checkpoint) {
    struct Count {
        uint64_t tensors = 0, bytes = 0;
    };
    using Way = std::tuple<std::string, std::string, std::string>;  // type, the one it runs as, loss
    std::map<Way, Count> counts;
    for (const TensorInfo& tensor : checkpoint.allTensors()) {
        Count& count =
            counts[{tensorTypeName(tensor.type), tensorTypeName(keptType(tensor)), keptTypeLoss(tensor)}];
        ++count.tensors;
        count.bytes += tensor.bytes;
    }
    nlohmann::json types = nlohmann::json::array();
    for (const auto& [way, count] : counts) {
        const auto& [type, runsAs, loss] = way;
        types.push_back({{"type", type},
                         {"tensors", count.tensors},
                         {"bytes", count.bytes},
                         {"runs_as", runsAs},
                         {"loss", loss}});
    }
    return types;
}

nlohmann::json memoryJson(const Checkpoint& checkpoint, KvKind kv) {
    nlohmann::json plans = nlohmann::json::array();
    for (const int context : contexts(checkpoint.config().context)) {
        const MemoryPlan plan = planMemory(checkpoint, context, kv);
        plans.push_back({{"context", context},
                         {"weights", plan.weights},
                         {"kv", plan.kv},
                         {"scratch", plan.scratch},
                         {"total", plan.total()}});
    }
    return plans;
}

/// The template's name, or why this version cannot use it: that must not hide the rest.
std::string templateText(const Vocabulary& vocabulary) {
    const Result<ChatTemplate> chosen =
        ChatTemplate::choose(vocabulary.checkpoint->chatTemplate(), *vocabulary.tokenizer);
    return chosen ? chosen->name() : "unsupported";
}

nlohmann::json describe(const std::string& model, const Vocabulary& vocabulary, KvKind kv) {
    const Checkpoint& checkpoint = *vocabulary.checkpoint;
    const ModelConfig& config = checkpoint.config();
    const TokenizerData* tokenizer = checkpoint.tokenizer();
    return {{"model", model},
            {"path", checkpoint.path().string()},
            {"file_bytes", checkpoint.fileBytes()},
            {"name", config.name},
            {"architecture", config.architecture},
            {"parameters", config.parameters},
            {"quantization", config.quantization},
            {"layers", config.layers},
            {"hidden", config.hidden},
            {"heads", config.heads},
            {"kv_heads", config.kvHeads},
            {"head_size", config.headSize},
            {"ffn", config.ffn},
            {"vocab", config.vocab},
            {"context", config.context},
            {"sliding_window", config.slidingWindow},
            {"rope_base", config.ropeBase},
            {"tied_head", config.tiedHead},
            {"tokenizer", tokenizer ? tokenizer->model : "files of its own"},
            {"pre_tokenizer", tokenizer ? tokenizer->preTokenizer : ""},
            {"adds_bos", vocabulary.tokenizer->addsBos()},
            {"template", templateText(vocabulary)},
            {"template_source", checkpoint.chatTemplate()},
            {"types", typesJson(checkpoint)},
            {"warnings", checkpoint.warnings()},
            {"tensors", tensorsJson(checkpoint)},
            {"memory", memoryJson(checkpoint, kv)}};
}

std::string line(std::string_view name, const std::string& value) {
    return padded(name, kNameColumns) + value + '\n';
}

std::string configText(const nlohmann::json& d) {
    const auto number = [&d](const char* key) { return std::to_string(d[key].get<int64_t>()); };
    const std::string preTokenizer = d["pre_tokenizer"].get<std::string>();
    std::string text =
        line("file", d["path"].get<std::string>() + ", " + bytesText(d["file_bytes"].get<uint64_t>()));
    if (const std::string name = d["name"].get<std::string>(); !name.empty()) text += line("name", name);
    return text + line("architecture", d["architecture"].get<std::string>()) +
           line("parameters", countText(d["parameters"].get<uint64_t>())) +
           line("quantization", d["quantization"].get<std::string>()) +
           line("layers", number("layers") + " of hidden " + number("hidden") + ", ffn " + number("ffn")) +
           line("heads",
                number("heads") + " query, " + number("kv_heads") + " key/value, of " + number("head_size")) +
           line("vocabulary",
                number("vocab") + (d["tied_head"].get<bool>() ? ", head tied to the embedding" : "")) +
           line("context",
                number("context") + " tokens" +
                    (d["sliding_window"] == 0 ? "" : ", each sees the last " + number("sliding_window"))) +
           line("tokenizer",
                d["tokenizer"].get<std::string>() + (preTokenizer.empty() ? "" : ", " + preTokenizer)) +
           line("template", d["template"].get<std::string>());
}

std::string warningsText(const nlohmann::json& warnings) {
    std::string text;
    for (const nlohmann::json& warning : warnings) text += line("warning", warning.get<std::string>());
    return text;
}

std::string typesText(const nlohmann::json& types) {
    std::string text = "\ntensor types\n";
    for (const nlohmann::json& type : types) {
        const std::string loss = type["loss"].get<std::string>();
        text += "  " + padded(type["type"].get<std::string>(), 6) +
                padded(std::to_string(type["tensors"].get<uint64_t>()), 6, true) + " tensors" +
                padded(bytesText(type["bytes"].get<uint64_t>()), 11, true) + "  " +
                (loss.empty() ? "run as stored" : loss) + '\n';
    }
    return text;
}

std::string memoryText(const nlohmann::json& plans) {
    std::string text = "\nmemory at a context of\n" + padded("tokens", 10, true);
    for (const char* column : {"weights", "kv cache", "scratch", "total"}) text += padded(column, 12, true);
    text += '\n';
    for (const nlohmann::json& plan : plans) {
        text += padded(std::to_string(plan["context"].get<int>()), 10, true);
        for (const char* key : {"weights", "kv", "scratch", "total"}) {
            text += padded(bytesText(plan[key].get<uint64_t>()), 12, true);
        }
        text += '\n';
    }
    return text;
}

std::string tensorsText(const nlohmann::json& tensors) {
    size_t longestName = 0;
    for (const nlohmann::json& tensor : tensors)
        longestName = std::max(longestName, tensor["name"].get_ref<const std::string&>().size());
    std::string text = "\n" + std::to_string(tensors.size()) + " tensors\n";
    for (const nlohmann::json& tensor : tensors) {
        text += "  " + padded(tensor["name"].get<std::string>(), longestName) + ' ' +
                padded(tensor["type"].get<std::string>(), 5) + ' ' + padded(tensor["shape"].dump(), 16) +
                padded(bytesText(tensor["bytes"].get<uint64_t>()), 10, true) + '\n';
    }
    return text;
}

/// What quantize left in the model's folder, if it made it.
Result<std::optional<quant::QuantizationReport>> readReport(const Checkpoint& checkpoint) {
    if (!std::filesystem::is_directory(checkpoint.path())) return std::optional<quant::QuantizationReport>();
    return quant::readReport(checkpoint.path());
}

Result<int> run(const Arguments& arguments, Output& output) {
    const Result<EngineOptions> options = readEngineOptions(arguments);
    if (!options) return options.error();
    const std::string& model = arguments.operands()[0];
    const Result<Vocabulary> vocabulary = openVocabulary(model, Need::wholeModel);
    if (!vocabulary) return vocabulary.error();
    nlohmann::json description = describe(model, *vocabulary, options->kv);
    // A report says nothing that the model needs: a damaged one must not hide the rest.
    const Result<std::optional<quant::QuantizationReport>> report = readReport(*vocabulary->checkpoint);
    if (!report) description["warnings"].push_back(report.error().message());
    const bool reported = report && *report;
    description["quantization_report"] = reported ? toJson(**report) : nlohmann::json();
    for (const nlohmann::json& warning : description["warnings"])
        output.message("warning: " + warning.get<std::string>());
    if (output.asJson()) {
        output.writeJson(description);
    } else {
        output.write(configText(description) + (reported ? originText(**report, kNameColumns) : "") +
                     warningsText(description["warnings"]) + typesText(description["types"]) +
                     memoryText(description["memory"]) + tensorsText(description["tensors"]));
    }
    return kExitDone;
}

}  // namespace

Command inspectCommand() {
    return {"inspect",
            "MODEL",
            "configuration, tensors, sizes and memory plan",
            {{"--kv", "fp16|int8", "the key/value cache that the plan is for (fp16)"}},
            run};
}

}  // namespace edgechat::cli
