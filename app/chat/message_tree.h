// A conversation as a tree: each message knows its parent, versions of a message are siblings.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "app/storage/records.h"

namespace edgechat::app {

/// A value without threads or signals.
class MessageTree {
  public:
    MessageTree() = default;
    /// Takes records in any order. A parent that is missing, or that would close a circle, becomes "none".
    explicit MessageTree(std::vector<MessageRecord> messages);

    bool isEmpty() const { return m_messages.empty(); }
    const MessageRecord* find(qint64 id) const;  ///< null if there is none
    void add(MessageRecord message);
    void remove(qint64 id);  ///< of a message without children; others stay
    /// Replaces everything but the place in the tree.
    void update(const MessageRecord& message);

    /// From the first message to `leaf`, both included; empty for an unknown leaf.
    std::vector<qint64> pathTo(qint64 leaf) const;
    /// The model of the nearest answer above a message; nothing if there is none.
    std::optional<QString> modelBefore(qint64 id) const;
    /// Versions of a message, itself among them, oldest first.
    const std::vector<qint64>& siblings(qint64 id) const;
    /// The end of the newest branch under a message (itself if it has no children); 0: of the whole tree.
    qint64 newestLeaf(qint64 under = 0) const;
    /// The leaf to show for the sibling `step` places further; 0 if there is no such sibling.
    qint64 leafOfSibling(qint64 id, int step) const;

  private:
    std::map<qint64, MessageRecord> m_messages;
    std::map<qint64, std::vector<qint64>> m_children;  ///< by parent (0: first messages), oldest first
};

}  // namespace edgechat::app
