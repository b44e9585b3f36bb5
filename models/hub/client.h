// Questions to the Hub that have a small answer: what a repository is, which files it has, what a small file
// of it says. Nothing is written to the disk.
#pragma once

#include <QObject>
#include <functional>
#include <memory>
#include <vector>

#include "models/hub/answers.h"
#include "models/hub/problem.h"
#include "models/hub/session.h"

namespace edgechat::models::hub {

/// Each function returns at once and calls back once, later, in the session's thread; attempts are repeated
/// as for downloads. Nothing is called back after the client's end, or after stop().
class Client : public QObject {
    Q_OBJECT

  public:
    explicit Client(Session& session, QObject* parent = nullptr);

    /// Which commit a revision is, gated or not, licence.
    /// @param revision  branch, tag or commit; "main" where it is empty
    void repositoryInfo(const QString& id, const QString& revision,
                        std::function<void(Outcome<RepositoryInfo>)> done);

    /// All files at a commit, page by page, kMostFiles at most.
    void files(const QString& id, const QString& commit,
               std::function<void(Outcome<std::vector<RepositoryFile>>)> done);

    /// The content of a file of at most kMostAnswerBytes, verified: config.json before a download, say.
    void smallFile(const QString& id, const QString& commit, const RepositoryFile& file,
                   std::function<void(Outcome<QByteArray>)> done);

    /// The first bytes of a file, at most kMostAnswerBytes and no more than it has. Not verified: its digest
    /// is of the whole.
    void beginning(const QString& id, const QString& commit, const RepositoryFile& file, qint64 bytes,
                   std::function<void(Outcome<QByteArray>)> done);

    void stop();

  Q_SIGNALS:
    /// Waiting before another attempt.
    void retrying(const edgechat::models::hub::Failure& why, int milliseconds);

  private:
    using Answered = std::function<void(const Outcome<QByteArray>& body, const QByteArray& link)>;
    struct Listing {
        std::vector<RepositoryFile> files;
        int pages = 0;
    };
    void ask(const QUrl& url, const QString& id, const QString& subject, qint64 most, Answered done,
             bool beginning = false);
    void nextFiles(const QString& id, const QUrl& url, const std::shared_ptr<Listing>& sofar,
                   std::function<void(Outcome<std::vector<RepositoryFile>>)> done);

    Session& m_session;
};

}  // namespace edgechat::models::hub
