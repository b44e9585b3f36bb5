// A repository that a person named, as the Hub describes it: looked at before anything large moves.
#pragma once

#include <QtQml/qqmlregistration.h>
#include <QObject>
#include <QString>
#include <QStringList>
#include <QVariantMap>

#include <optional>

#include "models/fit.h"
#include "models/jobs/job_service.h"

namespace edgechat::app {

class CatalogList;

/// Lives on the GUI thread. One repository at a time; a new one takes the place of the last.
class RepositoryOffer : public QObject {
    Q_OBJECT
    QML_ELEMENT
    QML_UNCREATABLE("Program owns the offer")
    Q_PROPERTY(State state READ state NOTIFY changed FINAL)
    Q_PROPERTY(QString wanted READ wanted NOTIFY changed FINAL)
    Q_PROPERTY(QString repository READ repository NOTIFY changed FINAL)
    Q_PROPERTY(QString name READ name NOTIFY changed FINAL)
    Q_PROPERTY(QString family READ family NOTIFY changed FINAL)
    Q_PROPERTY(QString about READ about NOTIFY changed FINAL)
    Q_PROPERTY(QString parametersText READ parametersText NOTIFY changed FINAL)
    Q_PROPERTY(double downloadBytes READ downloadBytes NOTIFY changed FINAL)
    Q_PROPERTY(QString licence READ licence NOTIFY changed FINAL)
    Q_PROPERTY(QString licenceUrl READ licenceUrl NOTIFY changed FINAL)
    Q_PROPERTY(bool gated READ gated NOTIFY changed FINAL)
    Q_PROPERTY(int context READ context NOTIFY changed FINAL)
    Q_PROPERTY(QVariantMap memory READ memory NOTIFY changed FINAL)
    Q_PROPERTY(bool fits READ fits NOTIFY changed FINAL)
    Q_PROPERTY(int largestContext READ largestContext NOTIFY changed FINAL)
    Q_PROPERTY(double diskNeeded READ diskNeeded NOTIFY changed FINAL)
    Q_PROPERTY(bool diskFits READ diskFits NOTIFY changed FINAL)
    Q_PROPERTY(double rate READ rate NOTIFY changed FINAL)
    Q_PROPERTY(QString problem READ problem NOTIFY changed FINAL)

  public:
    enum State {
        None,
        Looking,
        Known,   ///< it can be had; without a plan, all of `memory` 0, where only an account may read its
                 ///< files
        Refused  ///< `problem` says why
    };
    Q_ENUM(State)

    /// @param machine  knows what is free and how fast this machine is
    RepositoryOffer(models::jobs::JobService& service, CatalogList& machine, QObject* parent = nullptr);

    /// @param wanted  "org/name" or a link
    Q_INVOKABLE void look(const QString& wanted);
    Q_INVOKABLE void dismiss();
    /// As CatalogList::fitAt().
    Q_INVOKABLE QVariantMap fitAt(int context) const;

    State state() const { return m_state; }
    QString wanted() const { return m_wanted; }  ///< what look() was given
    QString repository() const { return m_look.request.repository; }
    QString name() const;
    QString family() const;
    QString about() const;  ///< a sentence on what will be done with it, and what is odd about it
    QString parametersText() const;
    double downloadBytes() const;
    QString licence() const;  ///< the Hub's identifier
    QString licenceUrl() const;
    bool gated() const;
    int context() const { return m_fit.context; }  ///< tokens that `memory` is for
    QVariantMap memory() const;                    ///< memoryFacts(); all 0 where it is not known
    bool fits() const { return m_look.plan && m_fit.fits(); }
    int largestContext() const { return m_fit.largestContext; }
    double diskNeeded() const { return static_cast<double>(m_disk.needed()); }
    bool diskFits() const { return m_disk.fits(); }
    double rate() const;  ///< tokens per second to expect; 0: unknown
    /// Why it is refused; while looking, why that takes so long.
    QString problem() const { return m_problem; }

  Q_SIGNALS:
    void changed();

  private:
    void onLooked(const models::jobs::Look& look);
    void measure();

    models::jobs::JobService& m_service;
    CatalogList& m_machine;
    State m_state = None;
    QString m_wanted, m_problem;
    models::jobs::Look m_look;
    std::optional<models::ModelFit> m_plan;  ///< of m_look.plan
    models::MemoryFit m_fit;
    models::DiskFit m_disk;
};

}  // namespace edgechat::app
