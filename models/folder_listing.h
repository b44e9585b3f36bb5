// What is in a folder that anybody may have filled.
#pragma once

#include <QString>
#include <QStringList>

#include "inference/result.h"

namespace edgechat::models {

constexpr int kMostEntries = 20'000;  ///< of a folder that is looked through

/// Names of all entries, sorted; nothing is said about what they are, and no link is followed. Names that are
/// not valid in the file system's encoding are left out: no program here could open them. ErrorCode::badInput
/// for a folder that cannot be read or has more than kMostEntries.
Result<QStringList> listFolder(const QString& folder);

}  // namespace edgechat::models
