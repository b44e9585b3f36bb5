// import: checks a model whole and puts it into the store.
#include <nlohmann/json.hpp>

#include "app/cli/commands.h"
#include "app/cli/interrupt.h"
#include "models/store.h"

namespace edgechat::cli {
namespace {

nlohmann::json filesJson(const std::vector<models::StoredFile>& files) {
    nlohmann::json array = nlohmann::json::array();
    for (const models::StoredFile& file : files) {
        array.push_back({{"name", file.name.toStdString()},
                         {"bytes", file.bytes},
                         {"sha256", file.sha256.toStdString()}});
    }
    return array;
}

Result<int> run(const Arguments& arguments, Output& output) {
    const std::string name = arguments.text("--name");
    if (arguments.has("--name") && name.empty()) return usageError("the option", "--name", "\"\"", "a name");
    models::Store store;
    const Result<models::StoreEntry> entry =
        store.importModel(QString::fromStdString(arguments.operands()[0]), QString::fromStdString(name),
                          [&output](uint64_t done, uint64_t total) {
                              output.progress("import", done, total, "bytes");
                              return !interrupted();
                          });
    output.clearProgress();
    if (!entry) return entry.error();
    for (const QString& warning : entry->warnings) output.message("warning: " + warning.toStdString());
    if (output.asJson()) {
        output.writeJson({{"name", entry->name.toStdString()},
                          {"path", entry->path.toStdString()},
                          {"bytes", entry->bytes},
                          {"files", filesJson(entry->files)}});
    } else {
        output.write(entry->name.toStdString() + "  " + bytesText(entry->bytes) + "  " +
                     entry->path.toStdString() + '\n');
    }
    return kExitDone;
}

}  // namespace

Command importCommand() {
    return {"import",
            "FILE_OR_FOLDER",
            "check a model whole and put it into the store",
            {{"--name", "NAME", "its name there (from the file's)"}},
            run};
}

}  // namespace edgechat::cli
