#include "models/hub/endpoint.h"

#include <QHostAddress>
#include <QRegularExpression>

namespace edgechat::models::hub {
namespace {

const QString kHub = QStringLiteral("https://huggingface.co");
constexpr int kMostRevisionCharacters = 200;

Error usage(const char* what, const QString& given, const QString& found, const QString& expected) {
    Error error;
    error.code = ErrorCode::usage;
    error.what = what;
    error.file = given.left(200).toStdString();
    error.found = found.toStdString();
    error.expected = expected.toStdString();
    return error;
}

/// One of the two names: what the Hub allows.
bool isName(const QString& name) {
    static const QRegularExpression allowed(
        QStringLiteral("\\A[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?\\z"));
    return allowed.match(name).hasMatch() && !name.contains(QStringLiteral("--")) &&
           !name.contains(QStringLiteral("..")) && !name.endsWith(QStringLiteral(".git"));
}

bool isThisMachine(const QString& host) {
    return host.compare(QStringLiteral("localhost"), Qt::CaseInsensitive) == 0 ||
           QHostAddress(host).isLoopback();
}

}  // namespace

Result<RepositoryName> readRepositoryName(const QString& text) {
    RepositoryName name;
    QString rest = text.trimmed();
    const bool isAddress =
        rest.startsWith(QStringLiteral("https://")) || rest.startsWith(QStringLiteral("http://"));
    if (isAddress) rest = QUrl(rest).path(QUrl::FullyDecoded).mid(1);
    QStringList parts = rest.split(u'/');
    if (isAddress) {
        while (parts.size() > 2 && parts.last().isEmpty()) parts.removeLast();
        const bool namesRevision =
            parts.size() >= 4 && (parts[2] == QStringLiteral("tree") || parts[2] == QStringLiteral("blob") ||
                                  parts[2] == QStringLiteral("resolve"));
        if (namesRevision) name.revision = parts[3];
        parts = parts.mid(0, 2);
    } else if (const qsizetype at = rest.indexOf(u'@'); at >= 0) {
        name.revision = rest.mid(at + 1);
        parts = rest.left(at).split(u'/');
        if (const Result<void> checked = checkRevision(name.revision); !checked) return checked.error();
    }
    if (parts.size() != 2 || !isName(parts[0]) || !isName(parts[1])) {
        return usage(
            "cannot look for the model", text, QStringLiteral("no name of a repository"),
            QStringLiteral("org/name, such as HuggingFaceTB/SmolLM2-135M-Instruct, or the address of "
                           "its page"));
    }
    if (!name.revision.isEmpty()) {
        if (const Result<void> checked = checkRevision(name.revision); !checked) return checked.error();
    }
    name.id = parts.join(u'/');
    return name;
}

Result<void> checkRevision(const QString& revision) {
    bool good = !revision.isEmpty() && revision.size() <= kMostRevisionCharacters &&
                !revision.contains(QStringLiteral("..")) && !revision.startsWith(u'-') &&
                !revision.startsWith(u'/') && !revision.endsWith(u'/');
    for (const QChar c : revision) good = good && c.isPrint() && !c.isSpace() && c != u'\\';
    if (good) return {};
    return usage("cannot look for the revision", revision, QStringLiteral("no name that git allows"),
                 QStringLiteral("a branch, a tag or a commit, such as main"));
}

Endpoint::Endpoint() : m_base(kHub) {}

Result<Endpoint> Endpoint::from(const QString& address) {
    QString text = address.trimmed();
    while (text.endsWith(u'/')) text.chop(1);
    const QUrl url(text, QUrl::StrictMode);
    if (!url.isValid() || url.host().isEmpty() || !url.userInfo().isEmpty() || url.hasQuery() ||
        url.hasFragment() || !isSecure(url)) {
        return usage("cannot use the Hub at", shownUrl(url), QStringLiteral("no address of the kind"),
                     QStringLiteral("https://host (http only for this machine itself)"));
    }
    return Endpoint(url);
}

Result<Endpoint> Endpoint::fromEnvironment() {
    const QString address = qEnvironmentVariable("HF_ENDPOINT");
    return address.isEmpty() ? Result<Endpoint>(Endpoint()) : from(address);
}

QString Endpoint::host() const {
    const QString host = m_base.host().toLower();
    return m_base.port() < 0 ? host : host + u':' + QString::number(m_base.port());
}

bool Endpoint::isMirror() const {
    return !Endpoint().owns(m_base);
}

bool Endpoint::owns(const QUrl& url) const {
    const int usual = m_base.scheme() == QStringLiteral("https") ? 443 : 80;
    return url.scheme() == m_base.scheme() && url.host().compare(m_base.host(), Qt::CaseInsensitive) == 0 &&
           url.port(usual) == m_base.port(usual);
}

QUrl Endpoint::at(const QByteArray& encodedPath, const QString& query) const {
    QUrl url = QUrl::fromEncoded(m_base.toEncoded() + encodedPath, QUrl::StrictMode);
    if (!query.isEmpty()) url.setQuery(query);
    return url;
}

QUrl Endpoint::repositoryInfo(const QString& id, const QString& revision) const {
    // A revision is one part of the path: refs/pr/1 becomes refs%2Fpr%2F1.
    return at("/api/models/" + QUrl::toPercentEncoding(id, "/") + "/revision/" +
              QUrl::toPercentEncoding(revision));
}

QUrl Endpoint::tree(const QString& id, const QString& revision) const {
    return at(
        "/api/models/" + QUrl::toPercentEncoding(id, "/") + "/tree/" + QUrl::toPercentEncoding(revision),
        QStringLiteral("recursive=true"));
}

QUrl Endpoint::file(const QString& id, const QString& commit, const QString& path) const {
    return at('/' + QUrl::toPercentEncoding(id, "/") + "/resolve/" + QUrl::toPercentEncoding(commit) + '/' +
              QUrl::toPercentEncoding(path, "/"));
}

QString Endpoint::page(const QString& id) const {
    return m_base.toString() + u'/' + id;
}

bool isSecure(const QUrl& url) {
    if (url.host().isEmpty() || !url.userInfo().isEmpty()) return false;
    if (url.scheme() == QStringLiteral("https")) return true;
    return url.scheme() == QStringLiteral("http") && isThisMachine(url.host());
}

QString shownUrl(const QUrl& url) {
    return url.toString(QUrl::RemoveUserInfo | QUrl::RemoveQuery | QUrl::RemoveFragment);
}

}  // namespace edgechat::models::hub
