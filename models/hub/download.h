// A model from a Hub into a folder: the way into this room.
//
//     Session                    which Hub (endpoint.h), whose token (token.h), bandwidth, offline, times
//      |- Client                 questions: repositoryInfo(), files(), smallFile(); nothing on disk
//      |- Download               all files of one model into a folder; what a job or `pull` uses
//          |- selectFiles()      which files (file_selection.h): no pickle, no second copy
//          |- Transfer x 2       one file each: HEAD, ranged GET, resume, digest (partial_file.h)
//              |- Request        one exchange, redirects by hand; the token stays with the endpoint
//
// A job: make a Session and a Download in a worker thread that runs an event loop, connect, start(). Files
// that are complete appear under their names, others as <name>.partial; the same Download again, after a
// quit, a crash or a lost network, goes on where it was. To hold a job to one version over such a break, give
// the commit that described() told as the revision. Every failure is a Failure: `problem` for the program
// (needsToken, needsAcceptance, diskFull, unreachable, ...), `error` for the person.
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <deque>
#include <map>
#include <vector>

#include "models/hub/client.h"
#include "models/hub/file_selection.h"
#include "models/hub/transfer.h"

namespace edgechat::models::hub {

constexpr int kMostConnections = 2;  // more meet the Hub's limits per address sooner, and are not faster

struct DownloadRequest {
    QString repository;       ///< "org/name"
    QString revision;         ///< branch, tag or commit; empty for main
    QString gguf;             ///< as in selectFiles()
    QString folder;           ///< absolute; made when needed
    QStringList only;         ///< names of the files wanted, beside the index; empty: all of the model
    qint64 reserveBytes = 0;  ///< that must stay free beside the files, for what is made of them
};

struct DownloadedFile {
    QString name;  ///< in the folder
    qint64 bytes = 0;
    QByteArray sha256;  ///< hexadecimal
};

/// Lives in the session's thread; all functions are called there, all signals come from its event loop. In a
/// slot, delete it with deleteLater(). After finished() or failed() nothing follows.
class Download : public QObject {
    Q_OBJECT

  public:
    Download(Session& session, DownloadRequest request, QObject* parent = nullptr);
    ~Download() override;

    void start();
    /// Gives up the connections; what came is kept. Lasts until resume().
    void pause();
    void resume();
    bool isPaused() const { return m_paused; }
    /// failed() with Problem::cancelled follows. What came stays on disk; delete the folder to be rid of it.
    void cancel();
    /// Files that have not begun come in this order before all others. Names that are none are left out.
    void prioritise(const QStringList& names);

    qint64 bytesDone() const;   ///< of the model's files, on disk
    qint64 bytesTotal() const;  ///< of all that is known to be needed so far; final from planned() on
    const std::vector<DownloadedFile>& files() const { return m_files; }  ///< that are complete

  Q_SIGNALS:
    /// The repository's commit, gate and licence, before any file is asked for.
    void described(const edgechat::models::hub::RepositoryInfo& info);
    /// All files are known, and there is room for them.
    void planned(const QStringList& names, qint64 bytes);
    void progressed(qint64 done, qint64 total);
    void fileFinished(const edgechat::models::hub::DownloadedFile& file);
    /// A connection was lost or refused; another attempt follows by itself.
    void retrying(const edgechat::models::hub::Failure& why, int milliseconds);
    void finished();
    void failed(const edgechat::models::hub::Failure& failure);

  private:
    void onInfo(const Outcome<RepositoryInfo>& info);
    void onList(const Outcome<std::vector<RepositoryFile>>& files);
    void enqueue(const std::vector<SelectedFile>& files);
    void onIndex();
    void plan();
    Result<void> checkDisk() const;
    void startMore();
    void begin(const SelectedFile& file);
    void onFinished(Transfer* transfer, const SelectedFile& file, const QByteArray& sha256);
    void release(Transfer* transfer);
    void fail(const Failure& failure);
    QString target(const SelectedFile& file) const { return m_request.folder + u'/' + file.name; }

    Session& m_session;
    DownloadRequest m_request;
    Client m_client;
    RepositoryInfo m_info;
    std::vector<RepositoryFile> m_listed;
    std::vector<SelectedFile> m_selected;
    std::deque<SelectedFile> m_queue;
    std::map<Transfer*, SelectedFile> m_active;
    std::vector<DownloadedFile> m_files;
    QStringList m_first;  ///< names, by prioritise()
    bool m_awaitsIndex = false;
    bool m_paused = false;
    bool m_over = false;
};

}  // namespace edgechat::models::hub
