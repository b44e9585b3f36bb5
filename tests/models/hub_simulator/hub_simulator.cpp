#include "tests/models/hub_simulator/hub_simulator.h"

#include <QUrl>
#include <QUrlQuery>
#include <algorithm>

namespace edgechat::testing {
namespace {

HttpAnswer json(const QByteArray& body) {
    HttpAnswer answer;
    answer.headers = {{"Content-Type", "application/json; charset=utf-8"}};
    answer.body = body;
    return answer;
}

HttpAnswer failure(int status, const QByteArray& code, const QByteArray& message) {
    HttpAnswer answer = json("{\"error\":\"" + message + "\"}");
    answer.status = status;
    if (!code.isEmpty()) answer.headers.append({"X-Error-Code", code});
    answer.headers.append({"X-Error-Message", message});
    return answer;
}

const Fault* find(const QList<Fault>& faults, Fault::Kind kind) {
    const auto fault =
        std::find_if(faults.begin(), faults.end(), [kind](const Fault& one) { return one.kind == kind; });
    return fault == faults.end() ? nullptr : &*fault;
}

void setHeader(HttpAnswer& answer, const QByteArray& name, const QByteArray& value) {
    for (auto& [key, old] : answer.headers) {
        if (key == name) {
            old = value;
            return;
        }
    }
    answer.headers.append({name, value});
}

bool hasHeader(const HttpAnswer& answer, const QByteArray& name) {
    return std::any_of(answer.headers.begin(), answer.headers.end(),
                       [&name](const auto& header) { return header.first == name; });
}

QString text(const QByteArray& ascii) {
    return QString::fromLatin1(ascii);
}

}  // namespace

HubSimulator::HubSimulator(QObject* parent) : QObject(parent) {
    connect(&m_hub, &QTcpServer::newConnection, this, [this] { onConnection(m_hub, "hub"); });
    connect(&m_cdn, &QTcpServer::newConnection, this, [this] { onConnection(m_cdn, "cdn"); });
}

bool HubSimulator::listen(quint16 port) {
    return m_hub.listen(QHostAddress::LocalHost, port) && m_cdn.listen(QHostAddress::LocalHost);
}

QString HubSimulator::endpoint() const {
    return QStringLiteral("http://127.0.0.1:%1").arg(m_hub.serverPort());
}

void HubSimulator::setTokens(const QByteArray& member, const QByteArray& guest) {
    m_member = "Bearer " + member;
    m_guest = "Bearer " + guest;
}

void HubSimulator::onConnection(QTcpServer& server, const QByteArray& name) {
    while (QTcpSocket* const socket = server.nextPendingConnection()) {
        // Which of m_requests the connection's present body belongs to.
        const auto current = std::make_shared<qsizetype>(-1);
        new HttpConnection(
            socket,
            [this, name, current](const HttpRequest& request) {
                RecordedRequest record;
                record.method = request.method;
                record.target = request.target;
                record.server = name;
                record.host = request.header("Host");
                record.range = request.header("Range");
                record.authorized = !request.header("Authorization").isEmpty() || holdsToken(request);
                HttpAnswer answered = answer(request, record);
                record.status = answered.status;
                *current = m_requests.size();
                m_requests.append(record);
                Q_EMIT requested(record);
                return answered;
            },
            [this, current](qint64 bytes) {
                if (*current >= m_requests.size()) return;  // the record was cleared
                m_requests[*current].sent += bytes;
                Q_EMIT sent(m_requests[*current].sent);
            },
            this);
    }
}

bool HubSimulator::holdsToken(const HttpRequest& request) const {
    QByteArray all = request.target;
    for (const auto& [name, value] : request.headers) all += '\n' + name + ": " + value;
    const auto holds = [&all](const QByteArray& bearer) {
        const QByteArray token = bearer.mid(7);  // behind "Bearer "
        return !token.isEmpty() && all.contains(token);
    };
    return holds(m_member) || holds(m_guest);
}

HttpAnswer HubSimulator::answer(const HttpRequest& request, RecordedRequest& record) {
    const QList<Fault> faults = faultsFor(m_script, request.method, request.target, record.server);
    if (const Fault* const fault = find(faults, Fault::Kind::status)) {
        HttpAnswer refusal = failure(fault->status, fault->errorCode, "a scripted fault");
        if (!fault->value.isEmpty()) refusal.headers.append({"Retry-After", fault->value});
        return refusal;
    }
    HttpAnswer answered;
    if (const Fault* const to = find(faults, Fault::Kind::redirect)) {
        answered.status = 302;
        answered.headers = {{"Location", to->value}};
        return answered;
    }
    if (find(faults, Fault::Kind::endlessRedirect)) {
        answered.status = 302;
        answered.headers = {
            {"Location", request.target + (request.target.contains('?') ? "&" : "?") + "again"}};
        return answered;
    }
    if (const Fault* const body = find(faults, Fault::Kind::body)) {
        answered.body = body->value;
    } else {
        const QList<QByteArray> parts = request.target.split('?');
        const QString path = QUrl::fromPercentEncoding(parts[0]);
        const QString query = text(parts.value(1));
        answered = record.server == "hub" ? hubAnswer(request, path, query) : cdnAnswer(path, query);
    }
    applyRange(request, faults, answered, record);
    applyFaults(faults, answered);
    return answered;
}

HttpAnswer HubSimulator::hubAnswer(const HttpRequest& request, const QString& path, const QString& query) {
    const bool api = path.startsWith(QStringLiteral("/api/models/"));
    const bool cache = path.startsWith(QStringLiteral("/api/resolve-cache/models/"));
    const QStringList parts = path.mid(cache ? 26 : api ? 12 : 1).split(u'/');
    const auto found =
        parts.size() < 2 ? m_repositories.end() : m_repositories.find(parts[0] + u'/' + parts[1]);
    if (found == m_repositories.end()) {
        // The Hub does not tell strangers which private repositories exist.
        return request.header("Authorization").isEmpty()
                   ? failure(401, "RepoNotFound", "Invalid username or password.")
                   : failure(404, "RepoNotFound", "Repository not found");
    }
    const SimulatedRepository& repository = found->second;
    const QString commit = text(repository.commit());
    const auto isRevision = [&commit](const QString& revision) {
        return revision == QStringLiteral("main") || revision == QStringLiteral("refs/pr/1") ||
               revision == commit;
    };
    // A revision has been decoded with the rest of the path, so it may hold slashes.
    const QString verb = parts.value(2);
    QString rest = parts.mid(3).join(u'/');
    if (cache) rest = parts.mid(2).join(u'/');
    if (api && !cache) {
        if (!verb.isEmpty() && !isRevision(rest)) return failure(404, "RevisionNotFound", "Invalid rev id");
        if (verb == QStringLiteral("tree")) return tree(repository, query, path);
        return json(repository.infoJson(query.contains(QStringLiteral("blobs=true"), Qt::CaseInsensitive)));
    }
    for (const QString& revision : {commit, QStringLiteral("main"), QStringLiteral("refs/pr/1")}) {
        if (rest.startsWith(revision + u'/'))
            return resolve(request, repository, rest.mid(revision.size() + 1));
    }
    return failure(404, "RevisionNotFound", "Invalid rev id");
}

HttpAnswer HubSimulator::tree(const SimulatedRepository& repository, const QString& query,
                              const QString& path) const {
    const qsizetype begin = QUrlQuery(query).queryItemValue(QStringLiteral("cursor")).toLongLong();
    HttpAnswer page = json(repository.treeJson(begin, begin + m_pageSize));
    if (begin + m_pageSize < repository.treeSize()) {
        const QString next = QStringLiteral("<%1%2?recursive=true&cursor=%3>; rel=\"next\"")
                                 .arg(endpoint(), path)
                                 .arg(begin + m_pageSize);
        page.headers.append({"Link", next.toLatin1()});
    }
    return page;
}

std::optional<HttpAnswer> HubSimulator::refused(const HttpRequest& request,
                                                const SimulatedRepository& repository) const {
    const QByteArray authorization = request.header("Authorization");
    if (!authorization.isEmpty() && authorization != m_member && authorization != m_guest)
        return failure(401, "", "Invalid credentials in Authorization header");
    if (repository.gated.isEmpty() || authorization == m_member) return std::nullopt;
    if (authorization.isEmpty()) {
        return failure(
            401, "GatedRepo",
            "Access to model " + repository.id.toUtf8() + " is restricted. You must be authenticated.");
    }
    return failure(
        403, "GatedRepo",
        "Access to model " + repository.id.toUtf8() + " is restricted and you are not in its list.");
}

HttpAnswer HubSimulator::resolve(const HttpRequest& request, const SimulatedRepository& repository,
                                 const QString& path) {
    if (std::optional<HttpAnswer> refusal = refused(request, repository)) return *refusal;
    const auto file = repository.files.find(path);
    if (file == repository.files.end()) return failure(404, "EntryNotFound", "Entry not found");
    HttpAnswer answered;
    answered.headers = {{"X-Repo-Commit", repository.commit()}};
    const QByteArray content = file->second.content;
    if (file->second.lfs) {
        const QByteArray sha256 = file->second.sha256();
        answered.status = 302;
        answered.headers.append({"X-Linked-Size", QByteArray::number(content.size())});
        answered.headers.append({"X-Linked-Etag", '"' + sha256 + '"'});
        const QByteArray location = "http://localhost:" + QByteArray::number(m_cdn.serverPort()) + "/xet/" +
                                    sha256 + "?X-Signature=secret";
        answered.headers.append({"Location", location});
        answered.body = "Found. Redirecting";
        return answered;
    }
    const QByteArray etag = '"' + file->second.blobId() + '"';
    if (m_relativeRedirect && !request.target.startsWith("/api/resolve-cache/")) {
        answered.status = 307;
        answered.headers.append({"X-Linked-Size", QByteArray::number(content.size())});
        answered.headers.append({"X-Linked-Etag", etag});
        answered.headers.append(
            {"Location", "/api/resolve-cache/models/" + QUrl::toPercentEncoding(repository.id, "/") + '/' +
                             repository.commit() + '/' + QUrl::toPercentEncoding(path, "/")});
        return answered;
    }
    answered.headers.append({"ETag", etag});
    answered.body = content;
    if (request.header("Accept-Encoding").contains("deflate")) {
        // As the Hub does with text for who takes it: no length, and ranges make no sense.
        answered.body = qCompress(content).mid(4);
        setHeader(answered, "Content-Encoding", "deflate");
        return answered;
    }
    setHeader(answered, "Accept-Ranges", "bytes");
    return answered;
}

HttpAnswer HubSimulator::cdnAnswer(const QString& path, const QString& query) const {
    if (query != QStringLiteral("X-Signature=secret")) return failure(403, "", "Request has expired");
    for (const auto& [id, repository] : m_repositories) {
        for (const auto& [name, file] : repository.files) {
            const QByteArray sha256 = file.sha256();
            if (!file.lfs || path != QStringLiteral("/xet/") + text(sha256)) continue;
            HttpAnswer answered;
            // Of the storage, not of the Hub: another form than X-Linked-Etag.
            answered.headers = {{"ETag", "\"etag-of-the-storage\""}, {"Accept-Ranges", "bytes"}};
            answered.body = file.content;
            return answered;
        }
    }
    return failure(404, "", "no such object");
}

void HubSimulator::applyRange(const HttpRequest& request, const QList<Fault>& faults, HttpAnswer& answer,
                              RecordedRequest& record) const {
    QByteArray range = request.header("Range");
    if (answer.status != 200 || !hasHeader(answer, "Accept-Ranges") || find(faults, Fault::Kind::ignoreRange))
        return;
    if (!range.startsWith("bytes=")) return;
    range.remove(0, 6);
    const qint64 size = answer.body.size();
    qint64 first = range.left(range.indexOf('-')).toLongLong();
    const QByteArray end = range.mid(range.indexOf('-') + 1);
    const qint64 last = end.isEmpty() ? size - 1 : std::min<qint64>(end.toLongLong(), size - 1);
    if (first >= size) {
        answer = failure(416, "", "Range Not Satisfiable");
        answer.headers.append({"Content-Range", "bytes */" + QByteArray::number(size)});
        return;
    }
    if (const Fault* const wrong = find(faults, Fault::Kind::wrongRange))
        first = std::min(first + wrong->bytes, last);
    const Fault* const lying = find(faults, Fault::Kind::lyingRange);
    record.first = first;
    answer.status = 206;
    answer.body = answer.body.mid(first, last - first + 1);
    answer.headers.append({"Content-Range", "bytes " + QByteArray::number(first) + '-' +
                                                QByteArray::number(last) + '/' +
                                                QByteArray::number(lying ? lying->bytes : size)});
}

void HubSimulator::applyFaults(const QList<Fault>& faults, HttpAnswer& answer) const {
    for (const Fault& fault : faults) {
        switch (fault.kind) {
            case Fault::Kind::cut:
                answer.end = HttpAnswer::End::cut;
                break;
            case Fault::Kind::reset:
                answer.end = HttpAnswer::End::reset;
                break;
            case Fault::Kind::stall:
                answer.end = HttpAnswer::End::stall;
                break;
            case Fault::Kind::slow:
                answer.bytesPerTick = fault.bytes;
                break;
            case Fault::Kind::wrongBytes:
                if (!answer.body.isEmpty()) answer.body[answer.body.size() / 2] ^= 1;
                break;
            case Fault::Kind::etag:
                setHeader(answer, hasHeader(answer, "X-Linked-Etag") ? "X-Linked-Etag" : "ETag", fault.value);
                break;
            case Fault::Kind::linkedSize:
                setHeader(answer, "X-Linked-Size", fault.value);
                break;
            case Fault::Kind::hugeHeader:
                if (fault.value == "one") {
                    answer.headers.prepend({"X-Huge", QByteArray(fault.bytes, 'x')});
                } else {
                    for (qint64 i = 0; i < fault.bytes / 100; i++)
                        answer.headers.prepend({"X-" + QByteArray::number(i), QByteArray(90, 'x')});
                }
                break;
            case Fault::Kind::compressed:
                setHeader(answer, "Content-Encoding", "gzip");
                break;
            default:
                break;
        }
        if (answer.end != HttpAnswer::End::complete && answer.endsAfter < 0) answer.endsAfter = fault.bytes;
    }
}

}  // namespace edgechat::testing
