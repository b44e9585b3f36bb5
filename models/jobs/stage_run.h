// One stage of a job while it runs: what the runner asks of fetch, quantize and add alike.
#pragma once

#include <QObject>

#include "models/jobs/job.h"

namespace edgechat::models::jobs {

/// Lives in the runner's thread. After finished(), failed() or stopped() nothing follows; a slot of theirs
/// deletes it with deleteLater(). Deleting it earlier ends its work at once; what is on disk can be gone on
/// with.
class StageRun : public QObject {
    Q_OBJECT

  public:
    using QObject::QObject;

    virtual void start() = 0;
    virtual void pause() = 0;
    virtual void resume() = 0;
    /// Ends early; stopped() follows, possibly from within the call.
    virtual void stop() = 0;
    /// Bytes that the job will still write to the disk, as far as it is known; 0 where this cannot be told.
    virtual uint64_t bytesToCome() const { return 0; }

  Q_SIGNALS:
    void progressed(const edgechat::models::jobs::Progress& progress);
    void finished();
    void failed(const edgechat::models::jobs::JobFailure& failure);
    void stopped();
};

}  // namespace edgechat::models::jobs
