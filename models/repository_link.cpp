#include "models/repository_link.h"

#include <QRegularExpression>
#include <QUrl>
#include <algorithm>

#include "inference/model/gguf.h"

namespace edgechat::models {
namespace {

constexpr int kMostText = 2000;  // characters of a link
constexpr int kMostName = 96;    // of a repository, with the organization and the slash
const std::string kExpected = "org/name, or a link to a model on huggingface.co";

Error refusal(const QString& text, const std::string& found, const std::string& expected = kExpected) {
    Error error;
    error.code = ErrorCode::usage;
    error.what = "cannot find a model under";
    error.file = inference::quotedForMessage(text.left(200).toStdString());
    error.found = found;
    error.expected = expected;
    return error;
}

/// One of the two parts of a repository's name.
bool isNamePart(const QString& part) {
    static const QRegularExpression allowed(QStringLiteral("^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$"));
    return allowed.match(part).hasMatch() && !part.contains(QLatin1String("--")) &&
           !part.contains(QLatin1String(".."));
}

bool isRevision(const QString& text) {
    static const QRegularExpression allowed(QStringLiteral("^[A-Za-z0-9_][A-Za-z0-9_./+-]*$"));
    return text.size() <= 200 && allowed.match(text).hasMatch() && !text.contains(QLatin1String(".."));
}

/// A path that stays inside of the repository.
bool isFilePath(const QString& path) {
    const QStringList parts = path.split(u'/');
    const bool plain = std::all_of(path.begin(), path.end(), [](QChar c) { return c.isPrint(); });
    return plain && !path.contains(u'\\') && std::all_of(parts.begin(), parts.end(), [](const QString& part) {
               return !part.isEmpty() && part != QLatin1String(".") && part != QLatin1String("..");
           });
}

bool isHubHost(const QString& host) {
    return host == QLatin1String("huggingface.co") || host == QLatin1String("www.huggingface.co") ||
           host == QLatin1String("hf.co");
}

/// "host" or "host:port" of an address with or without a scheme.
QString hostOf(const QString& address) {
    const QUrl url(address.contains(QLatin1String("://")) ? address : QStringLiteral("https://") + address);
    return url.port() < 0 ? url.host() : url.host() + u':' + QString::number(url.port());
}

/// The mirror's address, empty when the host is none.
QString mirrorAt(const QString& host, const QStringList& mirrors) {
    if (host == QLatin1String("hf-mirror.com")) return QStringLiteral("https://hf-mirror.com");
    for (const QString& mirror : mirrors) {
        if (hostOf(mirror) != host) continue;
        return mirror.contains(QLatin1String("://")) ? mirror : QStringLiteral("https://") + mirror;
    }
    return {};
}

/// What people put around a link: white space, quotes, <...>.
QString bare(const QString& text) {
    QString inner = text.trimmed();
    const QString pairs = QStringLiteral("\"\"''``<>");
    for (int i = 0; i + 1 < pairs.size(); i += 2) {
        if (inner.size() >= 2 && inner.front() == pairs[i] && inner.back() == pairs[i + 1])
            inner = inner.mid(1, inner.size() - 2).trimmed();
    }
    return inner;
}

/// "REV", "REV/path", "refs/pr/7/path", "refs%2Fpr%2F7/path" behind tree, blob, raw or resolve. `rest` is
/// still encoded.
Result<void> readRevision(const QString& text, const QStringList& rest, bool file, RepositoryLink& link) {
    const auto decoded = [](const QString& part) { return QUrl::fromPercentEncoding(part.toUtf8()); };
    // A revision with slashes of its own is one of the Hub's: refs/pr/7, refs/convert/parquet.
    const int words = rest.front() == QLatin1String("refs") ? 3 : 1;
    if (rest.size() < words) return refusal(text, "a revision that is cut short", "refs/pr/NUMBER");
    link.revision = decoded(rest.mid(0, words).join(u'/'));
    if (!isRevision(link.revision))
        return refusal(text, "a revision with other characters", "a branch, a tag or a commit");
    QStringList path;
    for (const QString& part : rest.mid(words)) path << decoded(part);
    if (path.isEmpty()) {
        if (file) return refusal(text, "no file behind the revision", "a link to a file of the repository");
        return {};
    }
    if (!isFilePath(path.join(u'/')))
        return refusal(text, "a path that leads out of the repository", "a file of the repository");
    // A folder of the tree says nothing: a model is the whole repository.
    if (file) link.file = path.join(u'/');
    return {};
}

/// The path of a link, in its encoded form.
Result<RepositoryLink> readPath(const QString& text, const QString& path, const QString& endpoint) {
    RepositoryLink link;
    link.endpoint = endpoint;
    QStringList parts = path.split(u'/', Qt::SkipEmptyParts);
    // "models" stands in some links of the Hub's API.
    if (parts.size() > 2 && parts[0] == QLatin1String("api")) parts.removeFirst();
    if (parts.size() > 2 && parts[0] == QLatin1String("models")) parts.removeFirst();
    if (parts.isEmpty()) return refusal(text, "a link to the Hub itself");
    for (const char* other : {"datasets", "spaces", "collections", "docs", "blog", "papers", "posts",
                              "models", "settings", "organizations", "api", "learn"}) {
        if (parts[0] == QLatin1String(other))
            return refusal(text, std::string("a link to ") + other + ", not to a model");
    }
    if (parts.size() == 1)
        return refusal(text, "an organization or a name alone: " + parts[0].toStdString(), "org/name");
    if (!isNamePart(parts[0]) || !isNamePart(parts[1]) || parts[0].size() + 1 + parts[1].size() > kMostName)
        return refusal(text, "a name that no repository can have",
                       "letters, digits, '.', '_' and '-', as org/name");
    link.repository = parts[0] + u'/' + parts[1];
    if (parts.size() == 2) return link;
    const QString kind = parts[2];
    const QStringList rest = parts.mid(3);
    const bool file = kind == QLatin1String("blob") || kind == QLatin1String("resolve") ||
                      kind == QLatin1String("raw") || kind == QLatin1String("blame");
    if (file || kind == QLatin1String("tree") || kind == QLatin1String("commit") ||
        kind == QLatin1String("commits") || kind == QLatin1String("revision")) {
        if (rest.isEmpty()) return link;
        if (Result<void> read = readRevision(text, rest, file, link); !read) return read.error();
        return link;
    }
    if (kind == QLatin1String("discussions")) return link;
    return refusal(text, "a link to \"" + inference::quotedForMessage(kind.toStdString()) + '"',
                   "a link to the model's page, its tree or one of its files");
}

/// "org/name@revision" or "org/name:variant".
Result<RepositoryLink> readShort(const QString& text, QString name) {
    RepositoryLink tail;
    if (const auto at = name.indexOf(u'@'); at >= 0) {
        tail.revision = name.mid(at + 1);
        name.truncate(at);
        if (!isRevision(tail.revision))
            return refusal(text, "no revision behind the @", "a branch, a tag or a commit");
    } else if (const auto colon = name.lastIndexOf(u':'); colon >= 0) {
        tail.variant = name.mid(colon + 1);
        name.truncate(colon);
        if (!isNamePart(tail.variant)) return refusal(text, "no variant behind the colon", "one as Q4_K_M");
        if (!name.contains(u'/'))
            return refusal(text, "a name of another program's library", "org/name of a Hub");
    }
    Result<RepositoryLink> link = readPath(text, name, {});
    if (!link) return link.error();
    if (!tail.revision.isEmpty()) link->revision = tail.revision;
    link->variant = tail.variant;
    return link;
}

bool looksLikeAPath(const QString& text) {
    return text.startsWith(u'/') || text.startsWith(u'~') || text.startsWith(QLatin1String("./")) ||
           text.startsWith(QLatin1String("../")) || text.startsWith(QLatin1String("file:")) ||
           text.contains(u'\\');
}

}  // namespace

bool isRepositoryName(const QString& text) {
    const QStringList parts = text.split(u'/');
    return parts.size() == 2 && isNamePart(parts[0]) && isNamePart(parts[1]) && text.size() <= kMostName;
}

Result<RepositoryLink> parseRepositoryLink(const QString& text, const QStringList& mirrors) {
    const QString link = bare(text);
    if (link.isEmpty()) return refusal(text, "nothing");
    if (link.size() > kMostText)
        return refusal(link, std::to_string(link.size()) + " characters", "a link of at most 2000");
    if (std::any_of(link.begin(), link.end(), [](QChar c) { return c.isSpace() || !c.isPrint(); }))
        return refusal(link, "several words", "one name or link");
    if (looksLikeAPath(link))
        return refusal(link, "a path on this machine",
                       "org/name of a Hub; a file or folder that is here already can be imported");

    static const QRegularExpression scheme(QStringLiteral("^([A-Za-z][A-Za-z0-9+.-]*)://(.*)$"));
    const QRegularExpressionMatch withScheme = scheme.match(link);
    const QString kind = withScheme.captured(1).toLower();
    QString rest = withScheme.hasMatch() ? withScheme.captured(2) : link;
    if (kind == QLatin1String("hf")) return readShort(link, rest);
    if (!withScheme.hasMatch() && rest.startsWith(QLatin1String("hf:"), Qt::CaseInsensitive))
        return readShort(link, rest.mid(3));
    if (withScheme.hasMatch() && kind != QLatin1String("https") && kind != QLatin1String("http"))
        return refusal(link, "a link of the kind " + kind.toStdString() + "://", "https://, or org/name");

    // Without a scheme the first word is a host where it is a known one, else an organization.
    const QString authority = rest.section(u'/', 0, 0);
    if (authority.contains(u'@') && withScheme.hasMatch())
        return refusal(QString(link).remove(authority.section(u'@', 0, -2) + u'@'),
                       "a link with a password or token in it", "the link without it");
    const QString host = authority.toLower();
    const QString mirror = mirrorAt(host, mirrors);
    if (isHubHost(host) || !mirror.isEmpty()) {
        const QString path = rest.section(u'/', 1).section(u'#', 0, 0).section(u'?', 0, 0);
        // hf.co/org/name:Q4_K_M is a spelling of other programs.
        if (path.count(u'/') == 1 && path.contains(u':')) {
            Result<RepositoryLink> read = readShort(link, path);
            if (read) read->endpoint = mirror;
            return read;
        }
        return readPath(link, path, mirror);
    }
    if (withScheme.hasMatch())
        return refusal(link, "the host " + inference::quotedForMessage(host.toStdString()),
                       "huggingface.co, hf-mirror.com, or the mirror that the settings name");
    return readShort(link, rest);
}

}  // namespace edgechat::models
