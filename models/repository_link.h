// What a person types or pastes to name a repository of a Hub.
#pragma once

#include <QString>
#include <QStringList>

#include "inference/result.h"

namespace edgechat::models {

struct RepositoryLink {
    QString endpoint;    ///< "https://hf-mirror.com" where the link names a mirror; empty: the Hub in use
    QString repository;  ///< "org/name"
    QString revision;    ///< branch, tag, commit or "refs/pr/7"; empty: not said
    QString file;        ///< in the repository, or empty
    QString variant;     ///< behind a colon, as "org/name:Q4_K_M"; empty: not said
};

/// Reads `org/name`, with `@revision` or `:variant` behind it, `hf:` or `hf://` or `hf.co/` before it, and
/// links to a repository's page, tree, or file (blob, raw, resolve) on huggingface.co or a mirror. White
/// space, quotes and angle brackets around it are passed over. Everything else is ErrorCode::usage with what
/// it seems to be instead. Nothing is asked of any host.
/// @param mirrors  further hosts that may be named, as the endpoint setting says: "https://hub.example.org",
///                 "hub.example.org:8080"
Result<RepositoryLink> parseRepositoryLink(const QString& text, const QStringList& mirrors = {});

/// Whether it is an "org/name" as the Hub gives them out.
bool isRepositoryName(const QString& text);

}  // namespace edgechat::models
