#include "models/fit.h"

#include <sys/statvfs.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>

namespace edgechat::models {
namespace {

// Measured as resident size of the command line: 14 MB for the program and its libraries, 6 MB of buffers and
// stacks while a model is loaded and run, and 310 bytes for each token of a byte-level BPE vocabulary (49,152
// and 65,024 tokens); a SentencePiece vocabulary takes half as much.
constexpr uint64_t kProgramBytes = 20 << 20;
constexpr uint64_t kTokenBytes = 320;

}  // namespace

MemoryFit memoryFit(const PlannedModel& model, int context, inference::KvKind kv, uint64_t available) {
    MemoryFit fit;
    fit.context = context;
    fit.available = available;
    fit.exact = model.exact && model.loaded;
    fit.weights = model.otherWeights;
    fit.runtime = kProgramBytes;
    if (!model.loaded) return fit;
    const inference::MemoryPlan plan = inference::planMemory(*model.loaded, context, kv);
    fit.contextKnown = true;
    fit.weights += plan.weights;
    fit.kv = plan.kv;
    fit.scratch = plan.scratch;
    fit.runtime += kTokenBytes * static_cast<uint64_t>(model.loaded->config().vocab);
    const uint64_t fixed = model.otherWeights + fit.runtime;
    if (available > fixed)
        fit.largestContext = inference::largestContext(*model.loaded, kv, available - fixed);
    return fit;
}

DiskFit diskFit(const PlannedModel& model, uint64_t available, uint64_t fetched) {
    DiskFit fit;
    fit.source = model.sourceBytes - std::min(fetched, model.sourceBytes);
    fit.output = model.outputBytes;
    fit.work = model.workBytes;
    fit.fetched = fetched;
    fit.sourceAtOnce = model.sourceAtOnce;
    fit.available = available;
    return fit;
}

uint64_t freeDiskBytes(const QString& folder) {
    QString existing = QDir::cleanPath(QDir::current().absoluteFilePath(folder));
    while (!QFileInfo::exists(existing) && existing != QLatin1String("/"))
        existing = QFileInfo(existing).path();
    struct statvfs disk {};
    if (::statvfs(QFile::encodeName(existing).constData(), &disk) != 0) return 0;
    return static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
}

}  // namespace edgechat::models
