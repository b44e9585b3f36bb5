#include "app/repository_offer.h"

#include <algorithm>
#include <utility>

#include "app/catalog_list.h"
#include "app/format.h"
#include "app/job_list.h"
#include "app/model_problem.h"
#include "models/hub/endpoint.h"

namespace edgechat::app {
namespace {

using models::jobs::Problem;

constexpr int kFirstContext = 4096;  // tokens: where the slider stands at first

/// Somebody who is let in may fetch it: the job asks for what is missing. A Hub says the same of a repository
/// that is not there, but does not describe it.
bool asksForAccount(const models::jobs::Look& look) {
    return look.failure && !look.info.id.empty() &&
           (look.failure->problem == Problem::needsToken ||
            look.failure->problem == Problem::needsAcceptance);
}

QString refusal(const models::jobs::Look& look) {
    const QString said = QString::fromStdString(look.failure->error.message());
    if (look.failure->problem != Problem::unsuitable) return said;
    const ModelProblem problem = modelProblem(look.failure->error, look.request.repository);
    return problem.fix.isEmpty() ? problem.what : problem.what + u' ' + problem.fix;
}

}  // namespace

RepositoryOffer::RepositoryOffer(models::jobs::JobService& service, CatalogList& machine, QObject* parent)
    : QObject(parent), m_service(service), m_machine(machine) {
    connect(&service, &models::jobs::JobService::looked, this, &RepositoryOffer::onLooked);
    connect(&service, &models::jobs::JobService::lookWaits, this, [this](const QString& why) {
        if (m_state != Looking) return;
        m_problem = why;
        Q_EMIT changed();
    });
    connect(&machine, &CatalogList::machineChanged, this, &RepositoryOffer::measure);
}

void RepositoryOffer::look(const QString& wanted) {
    m_wanted = wanted.trimmed();
    m_look = {};
    m_plan.reset();
    m_fit = {};
    m_disk = {};
    m_problem.clear();
    const Result<models::jobs::JobRequest> request = wantedRepository(m_wanted);
    if (request) {
        m_state = Looking;
        m_look.request = *request;
        m_service.look(*request);
    } else {
        m_state = Refused;
        m_problem = QString::fromStdString(request.error().message());
    }
    Q_EMIT changed();
}

void RepositoryOffer::dismiss() {
    if (m_state == Looking) m_service.stopLooking();
    m_state = None;
    Q_EMIT changed();
}

void RepositoryOffer::onLooked(const models::jobs::Look& look) {
    // One that was dismissed, or whose place another one took, may still be on its way here.
    if (m_state != Looking || look.request.repository != m_look.request.repository) return;
    m_look = look;
    m_plan.reset();
    if (look.plan) m_plan.emplace(*look.plan);
    m_problem.clear();
    m_state = look.plan || asksForAccount(look) ? Known : Refused;
    if (m_state == Refused) m_problem = refusal(look);
    measure();
}

void RepositoryOffer::measure() {
    if (m_plan) {
        const int trained = m_look.plan->loaded ? m_look.plan->loaded->config().context : 0;
        const int context = trained > 0 ? std::min(trained, kFirstContext) : kFirstContext;
        m_fit = m_plan->at(context, inference::KvKind::fp16, m_machine.memory());
        m_disk = models::diskFit(*m_look.plan, static_cast<uint64_t>(m_machine.diskAvailable()));
    }
    Q_EMIT changed();
}

QVariantMap RepositoryOffer::fitAt(int context) const {
    return m_plan ? memoryFacts(m_plan->at(context, inference::KvKind::fp16, m_machine.memory()))
                  : QVariantMap();
}

QVariantMap RepositoryOffer::memory() const {
    return memoryFacts(m_fit);
}

QString RepositoryOffer::name() const {
    return repository().section(u'/', -1);
}

QString RepositoryOffer::family() const {
    if (!m_look.plan || !m_look.plan->loaded) return {};
    return familyName(QString::fromStdString(m_look.plan->loaded->config().architecture));
}

QString RepositoryOffer::about() const {
    QStringList sentences;
    if (m_look.plan) {
        sentences << (m_look.plan->quantizes ? tr("Runs here. It is quantized to 4 bits on this machine.")
                                             : tr("Runs here as it is."));
        for (const QString& note : m_look.plan->notes) sentences << note;
    } else if (m_state == Known) {
        sentences << tr(
            "Its files are for those who have accepted its licence. What it takes is told once "
            "there is an access token.");
    }
    return sentences.join(u' ');
}

QString RepositoryOffer::parametersText() const {
    const uint64_t planned =
        m_look.plan && m_look.plan->loaded ? m_look.plan->loaded->config().parameters : 0;
    return parameterText(planned > 0 ? planned
                                     : static_cast<quint64>(std::max<int64_t>(0, m_look.info.parameters)));
}

double RepositoryOffer::downloadBytes() const {
    return m_look.plan ? static_cast<double>(m_look.plan->sourceBytes) : 0.0;
}

QString RepositoryOffer::licence() const {
    return QString::fromStdString(m_look.info.licence);
}

QString RepositoryOffer::licenceUrl() const {
    return m_look.info.id.empty() ? QString() : models::hub::Endpoint().page(repository());
}

bool RepositoryOffer::gated() const {
    return m_look.info.gate != models::hub::Gate::none;
}

double RepositoryOffer::rate() const {
    return m_machine.rate(m_fit);
}

}  // namespace edgechat::app
