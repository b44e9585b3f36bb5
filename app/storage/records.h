// What the history keeps, as values that threads hand to one another.
#pragma once

#include <QDateTime>
#include <QString>

#include <vector>

namespace edgechat::app {

/// Stored as these numbers: never renumber.
enum class MessageRole { user = 0, assistant = 1, system = 2 };
enum class MessageStatus {
    complete = 0,
    streaming = 1,    ///< being written now; found at start it means the program died
    stopped = 2,      ///< the user pressed Stop
    interrupted = 3,  ///< the program or the machine went away
    length = 4,       ///< the limit of tokens per answer
    contextFull = 5,
    failed = 6
};

/// Figures of one answer; all zero for a user's message.
struct AnswerFigures {
    QString model;
    QString device;
    int promptTokens = 0;
    int cachedTokens = 0;  ///< of promptTokens
    int generatedTokens = 0;
    int contextUsed = 0;  ///< tokens that prompt and answer took together
    int contextSize = 0;
    double prefillRate = 0;  ///< tokens per second
    double decodeRate = 0;
    double timeToFirstToken = 0;  ///< seconds
    bool operator==(const AnswerFigures&) const = default;
};

struct MessageRecord {
    qint64 id = 0;
    qint64 conversationId = 0;
    qint64 parentId = 0;  ///< 0: a first message
    MessageRole role = MessageRole::user;
    MessageStatus status = MessageStatus::complete;
    QString text;
    QDateTime createdAt;
    AnswerFigures figures;
    bool operator==(const MessageRecord&) const = default;
};

struct ConversationSummary {
    qint64 id = 0;
    QString title;
    QDateTime updatedAt;
    bool operator==(const ConversationSummary&) const = default;
};

/// A conversation with its whole message tree.
struct ConversationRecord {
    ConversationSummary summary;
    QString draft;
    qint64 activeLeaf = 0;  ///< 0: none chosen
    std::vector<MessageRecord> messages;
    int unreadable = 0;  ///< messages that could not be read and were left out
};

/// One hit of a search. `messageId` is 0 when only the title matched.
struct SearchHit {
    ConversationSummary conversation;
    qint64 messageId = 0;
    QString snippet;  ///< plain text, each hit between U+2068 and U+2069
    bool operator==(const SearchHit&) const = default;
};

}  // namespace edgechat::app
