#include "app/job_list.h"

#include <algorithm>
#include <cmath>

#include "app/format.h"
#include "app/model_library.h"
#include "app/settings/hub_access.h"
#include "models/hub/endpoint.h"
#include "models/repository_link.h"

namespace edgechat::app {

using models::jobs::Job;
using models::jobs::Method;
using models::jobs::Problem;
using models::jobs::Stage;

namespace {

QString timeText(double seconds) {
    const auto minutes = static_cast<int>(std::lround(seconds / 60));
    if (seconds < 90) return JobList::tr("%1 s left").arg(static_cast<int>(std::ceil(seconds)));
    if (minutes < 90) return JobList::tr("%1 min left").arg(minutes);
    return JobList::tr("%1 h %2 min left").arg(minutes / 60).arg(minutes % 60);
}

QString stageText(const Job& job) {
    if (job.paused && !job.isOver()) return JobList::tr("Paused");
    switch (job.stage) {
        case Stage::waiting:
            return JobList::tr("Waiting for its turn");
        case Stage::fetch:
            return JobList::tr("Downloading");
        case Stage::quantize:
            return job.request.method == Method::smoothquant ? JobList::tr("Quantizing to 8 bits")
                                                             : JobList::tr("Quantizing to 4 bits");
        case Stage::add:
            return JobList::tr("Checking and adding");
        case Stage::done:
            return JobList::tr("Ready");
        case Stage::failed:
            return JobList::tr("Stopped");
        case Stage::cancelled:
            return JobList::tr("Cancelled");
    }
    return {};
}

QString detailText(const Job& job) {
    const models::jobs::Progress& progress = job.progress;
    if (job.isOver()) return job.stage == Stage::done ? job.storedName : QString();
    QStringList parts;
    if (progress.total > 0) {
        if (progress.inBytes) {
            parts << JobList::tr("%1 of %2")
                         .arg(byteText(static_cast<qint64>(progress.done)),
                              byteText(static_cast<qint64>(progress.total)));
        } else {
            parts << JobList::tr("layer %1 of %2")
                         .arg(std::min(progress.done + 1, progress.total))
                         .arg(progress.total);
        }
    }
    if (progress.inBytes && progress.perSecond > 0 && !job.paused)
        parts << JobList::tr("%1/s").arg(byteText(static_cast<qint64>(progress.perSecond)));
    if (progress.secondsLeft >= 0 && !job.paused) parts << timeText(progress.secondsLeft);
    // What a quantizer says of its layers is for logs; a reason to wait is for people.
    if (progress.total == 0 && !progress.detail.isEmpty()) parts << progress.detail;
    return parts.join(QStringLiteral("  \u00B7  "));
}

QString fixText(const Job& job) {
    switch (job.problem) {
        case Problem::needsToken:
            return JobList::tr(
                "Make an account, accept the licence on its page, and make an access token "
                "there. It is kept on this machine and sent to that Hub alone.");
        case Problem::needsAcceptance:
            return JobList::tr(
                "Accept the licence on its page with the account of your token, then try "
                "again.");
        case Problem::offline:
            return JobList::tr("Allow EdgeChat to use the network, then try again.");
        case Problem::network:
            return JobList::tr("What has come is kept. Look at the connection, then try again.");
        case Problem::diskFull:
            return JobList::tr("Make room on the disk, then try again. What has come is kept.");
        case Problem::memory:
            return JobList::tr(
                "Close other programs. Trying again takes less memory and more time, and goes "
                "on after the last finished layer.");
        case Problem::interrupted:
            return JobList::tr("Trying again goes on after the last finished layer.");
        default:
            return {};
    }
}

}  // namespace

Result<models::jobs::JobRequest> wantedRepository(const QString& wanted) {
    const Result<models::RepositoryLink> link = models::parseRepositoryLink(wanted);
    if (!link) return link.error();
    models::jobs::JobRequest request;
    request.repository = link->repository;
    request.revision = link->revision;
    request.gguf = link->file.endsWith(QLatin1String(".gguf")) ? link->file : link->variant;
    request.method = Method::awq;
    return request;
}

JobList::JobList(models::jobs::JobService& service, HubAccess& hub, QObject* parent)
    : QAbstractListModel(parent), m_service(service), m_hub(hub) {
    connect(&service, &models::jobs::JobService::changed, this, &JobList::onChanged);
    connect(&service, &models::jobs::JobService::removed, this, &JobList::onRemoved);
    connect(&service, &models::jobs::JobService::reordered, this, &JobList::onReordered);
    connect(&service, &models::jobs::JobService::refused, this, &JobList::setRefused);
    connect(&service, &models::jobs::JobService::unusable, this, &JobList::setRefused);
    connect(&service, &models::jobs::JobService::opened, this, &JobList::setRefused);
}

int JobList::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : count();
}

QVariant JobList::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
    const Job& job = m_jobs[static_cast<size_t>(index.row())];
    const bool needsPage = job.problem == Problem::needsToken || job.problem == Problem::needsAcceptance;
    switch (role) {
        case IdRole:
            return static_cast<double>(job.id);
        case Qt::DisplayRole:
        case TitleRole:
            return job.request.name.isEmpty() ? job.request.repository.section(u'/', -1) : job.request.name;
        case RepositoryRole:
            return job.request.repository;
        case StageTextRole:
            return stageText(job);
        case DetailRole:
            return detailText(job);
        case ShareRole:
            return job.progress.total > 0
                       ? static_cast<double>(job.progress.done) / static_cast<double>(job.progress.total)
                       : -1.0;
        case PausedRole:
            return job.paused && !job.isOver();
        case RunningRole:
            return !job.paused && !job.isOver();
        case DoneRole:
            return job.stage == Stage::done;
        case FailedRole:
            return job.stage == Stage::failed;
        case ProblemRole:
            return job.error;
        case FixRole:
            return fixText(job);
        case PageRole:
            return needsPage ? models::hub::Endpoint().page(job.request.repository) : QString();
        case WantsTokenRole:
            return job.stage == Stage::failed && job.problem == Problem::needsToken;
        case StoredNameRole:
            return job.storedName;
        case CanGoFirstRole:
            return canGoFirst(job);
        default:
            return {};
    }
}

QHash<int, QByteArray> JobList::roleNames() const {
    return {{IdRole, "jobId"},
            {TitleRole, "title"},
            {RepositoryRole, "repository"},
            {StageTextRole, "stageText"},
            {DetailRole, "detail"},
            {ShareRole, "share"},
            {PausedRole, "paused"},
            {RunningRole, "running"},
            {DoneRole, "done"},
            {FailedRole, "failed"},
            {ProblemRole, "problem"},
            {FixRole, "fix"},
            {PageRole, "hubPage"},
            {WantsTokenRole, "wantsToken"},
            {StoredNameRole, "storedName"},
            {CanGoFirstRole, "canGoFirst"}};
}

void JobList::get(const QString& wanted) {
    setRefused({});
    const Result<models::jobs::JobRequest> request = wantedRepository(wanted);
    if (!request) {
        setRefused(QString::fromStdString(request.error().message()));
        return;
    }
    if (has(request->repository)) {
        setRefused(tr("%1 is on its way already.").arg(request->repository));
        return;
    }
    m_service.add(*request);
}

void JobList::repair(const ModelEntry& model) {
    setRefused({});
    models::jobs::JobRequest request;
    request.repository = model.hub.repository;
    request.revision = model.hub.commit;
    request.name = model.name;
    if (model.madeBy.isEmpty()) {
        request.repairs = true;
        if (model.path.endsWith(QLatin1String(".gguf"))) request.gguf = model.path.section(u'/', -1);
    } else {
        request.method = model.madeBy == QLatin1String("smoothquant") ? Method::smoothquant : Method::awq;
        request.groupSize = model.groupSize;
    }
    m_service.add(request);
}

void JobList::pause(double id) {
    m_service.pause(static_cast<qint64>(id));
}

void JobList::resume(double id) {
    m_service.resume(static_cast<qint64>(id));
}

void JobList::goFirst(double id) {
    const Job* const job = find(id);
    if (job == nullptr || m_jobs.empty()) return;
    m_service.moveBefore(job->id, m_jobs.front().id);
}

bool JobList::canGoFirst(const Job& job) const {
    if (job.stage != Stage::waiting || job.paused) return false;
    for (const Job& other : m_jobs) {
        if (other.id == job.id) return false;
        if (other.stage == Stage::waiting && !other.paused) return true;
    }
    return false;
}

void JobList::onReordered() {
    const std::vector<Job>& order = m_service.jobs();
    const auto place = [&order](const Job& job) {
        return std::find_if(order.begin(), order.end(), [&job](const Job& one) { return one.id == job.id; });
    };
    beginResetModel();
    std::stable_sort(m_jobs.begin(), m_jobs.end(),
                     [&place](const Job& a, const Job& b) { return place(a) < place(b); });
    endResetModel();
}

void JobList::cancel(double id) {
    m_service.cancel(static_cast<qint64>(id));
}

void JobList::retry(double id) {
    const Job* job = find(id);
    if (job == nullptr) return;
    m_service.retry(job->id, job->problem == Problem::memory ? models::jobs::lowerMemoryLimit(*job) : 0);
}

void JobList::dismiss(double id) {
    m_service.forget(static_cast<qint64>(id));
}

void JobList::giveToken(double id, const QString& token) {
    if (find(id) == nullptr) return;
    if (!m_hub.setToken(token)) setRefused(m_hub.tokenProblem());
}

bool JobList::has(const QString& repository) const {
    return std::any_of(m_jobs.begin(), m_jobs.end(), [&repository](const Job& job) {
        return job.request.repository == repository && !job.isOver();
    });
}

const Job* JobList::find(double id) const {
    const auto found = std::find_if(m_jobs.begin(), m_jobs.end(),
                                    [id](const Job& job) { return static_cast<double>(job.id) == id; });
    return found == m_jobs.end() ? nullptr : &*found;
}

void JobList::onChanged(const Job& job) {
    const auto found =
        std::find_if(m_jobs.begin(), m_jobs.end(), [&job](const Job& known) { return known.id == job.id; });
    if (found == m_jobs.end()) {
        if (job.stage == Stage::cancelled) return;
        beginInsertRows({}, count(), count());
        m_jobs.push_back(job);
        endInsertRows();
        Q_EMIT countChanged();
        return;
    }
    const Stage before = found->stage;
    if (job.stage == Stage::cancelled) {
        m_service.forget(job.id);
        onRemoved(job.id);
        return;
    }
    *found = job;
    const QModelIndex row = index(static_cast<int>(found - m_jobs.begin()));
    Q_EMIT dataChanged(row, row);
    if (job.stage == before) return;
    Q_EMIT dataChanged(index(0), index(count() - 1), {CanGoFirstRole});  // of the others, too
    if (job.stage == Stage::done) Q_EMIT arrived(job.storedName);
    if (job.stage == Stage::failed) Q_EMIT failed(data(row, TitleRole).toString(), job.error);
}

void JobList::onRemoved(qint64 id) {
    const auto found =
        std::find_if(m_jobs.begin(), m_jobs.end(), [id](const Job& job) { return job.id == id; });
    if (found == m_jobs.end()) return;
    const auto row = static_cast<int>(found - m_jobs.begin());
    beginRemoveRows({}, row, row);
    m_jobs.erase(found);
    endRemoveRows();
    Q_EMIT countChanged();
}

void JobList::setRefused(const QString& text) {
    if (text == m_refused) return;
    m_refused = text;
    Q_EMIT refusedChanged();
}

}  // namespace edgechat::app
