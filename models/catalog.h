// The catalog: the models that EdgeChat knows before it asks any host, and what a person needs to choose one.
#pragma once

#include <QByteArray>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "models/repository_files.h"

namespace edgechat::models {

/// How a Hub gives a repository out, as last seen: it may have changed, and the Hub's own word counts.
enum class Gate {
    none,
    automatic,  ///< an account that has agreed to share its address
    manual,     ///< an account whose request the authors have granted
};

struct Licence {
    QString id;    ///< the Hub's: "apache-2.0", "llama3.2"
    QString name;  ///< for people
    QString url;   ///< where it can be read, or where it is agreed to
};

struct CatalogFile {
    RepositoryFile file;       ///< bytes 0: unknown
    bool approximate = false;  ///< its bytes are rounded, and it has no sha256
};

/// A repository with the same model in AWQ's INT4 form.
struct CatalogAwq {
    QString repository;
    uint64_t bytes = 0;  ///< of the download, rounded; 0: unknown
};

struct CatalogEntry {
    QString id;    ///< unique, stays when the entry changes
    QString name;  ///< for people
    QString family;
    QString repository;
    QString revision;  ///< commit; empty: the repository's main branch
    Gate gate = Gate::none;
    Licence licence;
    uint64_t parameters = 0;
    uint64_t downloadBytes = 0;  ///< rounded
    std::vector<CatalogFile> files;
    int groupSize = 128;   ///< of the quantization
    int context = 2048;    ///< tokens, to begin with
    QString chatTemplate;  ///< ChatTemplate::name()
    std::vector<int> stopIds;
    QStringList stopTexts;
    QString goodAt;  ///< a sentence
    QString badge;   ///< "tight", "advanced", or empty
    std::optional<CatalogAwq> awq;
    QByteArray config;  ///< what config.json says about the model's shape, for planModel()

    /// `files` for planModel(), those that hold weights and those beside them.
    ModelFiles modelFiles() const;
};

/// The entries of the built-in catalog, in the order in which they are shown: from small to large. Read at
/// each call.
Result<std::vector<CatalogEntry>> builtInCatalog();

/// Reads a catalog and checks every field: its type, its range, names that nobody knows, ids that come twice.
/// An error names the field as "models[3].licence.url".
/// @param fileName  for messages
Result<std::vector<CatalogEntry>> readCatalog(std::string_view text, const std::string& fileName);

/// resources/catalog.json, as the program carries it.
std::string_view builtInCatalogText();

}  // namespace edgechat::models
