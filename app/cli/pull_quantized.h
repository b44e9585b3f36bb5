// pull --quantize: download, quantize and store in one go, as one resumable job.
#pragma once

#include "app/cli/output.h"
#include "models/hub/session.h"
#include "models/jobs/job.h"
#include "models/store.h"

namespace edgechat::cli {

/// Runs the job to its end in this thread, where a QCoreApplication must be. What an earlier call for the
/// same repository, revision and method left is gone on with, however that ended.
/// @return ErrorCode::interrupted after a signal; else what the job's failure means
Result<models::StoreEntry> pullQuantized(const models::hub::Settings& settings,
                                         const models::jobs::JobRequest& request, Output& output);

}  // namespace edgechat::cli
