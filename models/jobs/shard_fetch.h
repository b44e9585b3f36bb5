// A checkpoint that comes shard by shard, for a disk that does not hold it beside what is made of it.
//
//     the small files, and of each shard its header (<shard>.header, by a request for a range)
//     -> now the room that all of it takes at once is known exactly, and checked
//     -> one shard, verified as ever; the quantizer goes as far as it leads (quant/source_shards.h)
//     -> the shard goes, the next one comes, the quantizer goes on
//
// What is on the disk says where that stands, so a kill at any moment costs no more than elsewhere.
#pragma once

#include <QObject>
#include <memory>
#include <optional>

#include "models/hub/download.h"
#include "models/jobs/job_folder.h"

namespace edgechat::models::jobs {

struct ShardRequest {
    QString repository, commit;
    QString folder;          ///< the job's
    QStringList companions;  ///< names of the small files, with the index
    std::vector<hub::SelectedFile> shards;
    uint64_t output = 0, work = 0;  ///< bytes that the quantizer writes, as PlannedModel has them
};

/// Ends with all that the quantizer needs for its next step in the source folder. Lives in the session's
/// thread; no signal comes from within a call. Taking a shard apart holds the thread up for as long as
/// copying less than a layer takes.
class ShardFetch : public QObject {
    Q_OBJECT

  public:
    ShardFetch(hub::Session& session, ShardRequest request, FreeBytes freeBytes, QObject* parent = nullptr);
    ~ShardFetch() override;

    void start();
    void pause();
    void resume();
    /// Nothing follows.
    void stop();

    /// Bytes of the model that were fetched, also of shards that are used up.
    uint64_t bytesDone() const;
    uint64_t bytesTotal() const { return m_total; }
    /// Bytes that this and the quantizer will still write before anything is deleted.
    uint64_t bytesToCome() const;

  Q_SIGNALS:
    void progressed();
    void retrying(const edgechat::models::hub::Failure& why, int milliseconds);
    void finished();
    void failed(const edgechat::models::jobs::JobFailure& failure);

  private:
    /// Fetches files, then goes on with `next`.
    void fetch(const QStringList& names, void (ShardFetch::*next)());
    void nextHeader();
    void askHeader(const hub::SelectedFile& shard, qint64 bytes);
    void onHeader(const hub::SelectedFile& shard, const QByteArray& beginning);
    void checkDisk();
    void advance();
    void end();
    void startOver(const Error& why);
    void fail(const JobFailure& failure);
    void later(void (ShardFetch::*next)());
    QString pathOf(const hub::SelectedFile& shard) const { return m_source + u'/' + shard.name; }
    uint64_t stillToWrite() const;

    hub::Session& m_session;
    ShardRequest m_request;
    FreeBytes m_freeBytes;
    QString m_source, m_quantized;
    hub::Client m_client;
    std::unique_ptr<hub::Download> m_download;
    void (ShardFetch::*m_waiting)() = nullptr;  ///< what comes after resume()
    uint64_t m_done = 0, m_total = 0;
    bool m_paused = false, m_over = false;
};

}  // namespace edgechat::models::jobs
