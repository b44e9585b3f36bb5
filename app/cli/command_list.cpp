// list and remove: the models of the store.
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "models/store.h"

namespace edgechat::cli {
namespace {

nlohmann::json modelsJson(const std::vector<models::StoreEntry>& entries) {
    nlohmann::json array = nlohmann::json::array();
    for (const models::StoreEntry& entry : entries) {
        nlohmann::json model = {{"name", entry.name.toStdString()},
                                {"path", entry.path.toStdString()},
                                {"architecture", entry.architecture.toStdString()},
                                {"parameters", entry.parameters},
                                {"quantization", entry.quantization.toStdString()},
                                {"bytes", entry.bytes}};
        if (entry.damaged) {
            model["damaged"] = true;
            model["problem"] = entry.problem.toStdString();
        }
        array.push_back(std::move(model));
    }
    return array;
}

std::string modelsText(const std::vector<models::StoreEntry>& entries) {
    std::string text;
    for (const models::StoreEntry& entry : entries) {
        text += padded(oneLine(entry.name.toStdString()), 40) + "  ";
        if (entry.damaged) {
            text += "damaged: " + oneLine(entry.problem.toStdString());
        } else {
            text += padded(entry.architecture.toStdString(), 10) +
                    padded(countText(entry.parameters), 8, true) + "  " +
                    padded(entry.quantization.toStdString(), 14) + padded(bytesText(entry.bytes), 10, true);
        }
        text += '\n';
    }
    return text;
}

Result<int> runList(const Arguments&, Output& output) {
    const models::Store store;
    const std::vector<models::StoreEntry> entries = store.list();
    if (output.asJson()) {
        output.writeJson({{"models", modelsJson(entries)}});
    } else if (entries.empty()) {
        output.message("no models in " + store.folder().toStdString() +
                       "; `import FILE_OR_FOLDER` puts one there");
    } else {
        output.write(modelsText(entries));
    }
    return kExitDone;
}

Result<int> runRemove(const Arguments& arguments, Output& output) {
    models::Store store;
    const QString name = QString::fromStdString(arguments.operands()[0]);
    const Result<QString> trashed = store.remove(name);
    if (!trashed) return trashed.error();
    // Nobody can say Undo here; what the window put into the trash stays.
    if (Result<void> discarded = store.discard(*trashed); !discarded) return discarded.error();
    if (output.asJson())
        output.writeJson({{"removed", name.toStdString()}, {"models", modelsJson(store.list())}});
    return kExitDone;
}

}  // namespace

Command listCommand() {
    return {"list", "", "the models of the store", {}, runList};
}

Command removeCommand() {
    return {"remove", "NAME", "delete a model from the store", {}, runRemove};
}

}  // namespace edgechat::cli
