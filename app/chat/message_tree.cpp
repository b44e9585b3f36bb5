#include "app/chat/message_tree.h"

#include <algorithm>
#include <utility>

namespace edgechat::app {

MessageTree::MessageTree(std::vector<MessageRecord> messages) {
    // A child is always younger than its parent, and ids only grow: sorting by id puts parents first. A row
    // that breaks this rule (a damaged file) loses its parent, which also rules out circles.
    std::sort(messages.begin(), messages.end(),
              [](const MessageRecord& a, const MessageRecord& b) { return a.id < b.id; });
    for (MessageRecord& message : messages) add(std::move(message));
}

const MessageRecord* MessageTree::find(qint64 id) const {
    const auto found = m_messages.find(id);
    return found == m_messages.end() ? nullptr : &found->second;
}

void MessageTree::add(MessageRecord message) {
    if (m_messages.count(message.id) != 0) return;
    if (m_messages.count(message.parentId) == 0) message.parentId = 0;
    m_children[message.parentId].push_back(message.id);
    m_messages.emplace(message.id, std::move(message));
}

void MessageTree::remove(qint64 id) {
    const MessageRecord* message = find(id);
    if (message == nullptr || m_children.count(id) != 0) return;
    const auto family = m_children.find(message->parentId);
    std::erase(family->second, id);
    if (family->second.empty()) m_children.erase(family);
    m_messages.erase(id);
}

void MessageTree::update(const MessageRecord& message) {
    const auto found = m_messages.find(message.id);
    if (found == m_messages.end()) return;
    const qint64 parent = found->second.parentId;
    found->second = message;
    found->second.parentId = parent;
}

std::vector<qint64> MessageTree::pathTo(qint64 leaf) const {
    std::vector<qint64> path;
    for (const MessageRecord* message = find(leaf); message != nullptr; message = find(message->parentId)) {
        path.push_back(message->id);
    }
    std::reverse(path.begin(), path.end());
    return path;
}

std::optional<QString> MessageTree::modelBefore(qint64 id) const {
    const MessageRecord* message = find(id);
    while (message != nullptr && (message = find(message->parentId)) != nullptr) {
        if (message->role == MessageRole::assistant && !message->figures.model.isEmpty())
            return message->figures.model;
    }
    return std::nullopt;
}

const std::vector<qint64>& MessageTree::siblings(qint64 id) const {
    static const std::vector<qint64> none;
    const MessageRecord* message = find(id);
    return message == nullptr ? none : m_children.at(message->parentId);
}

qint64 MessageTree::newestLeaf(qint64 under) const {
    qint64 leaf = under;
    for (auto family = m_children.find(leaf); family != m_children.end(); family = m_children.find(leaf)) {
        leaf = family->second.back();
    }
    return leaf;
}

qint64 MessageTree::leafOfSibling(qint64 id, int step) const {
    const std::vector<qint64>& versions = siblings(id);
    const auto here = std::find(versions.begin(), versions.end(), id);
    if (here == versions.end()) return 0;
    const auto wanted = (here - versions.begin()) + step;
    if (wanted < 0 || wanted >= static_cast<std::ptrdiff_t>(versions.size())) return 0;
    return newestLeaf(versions[static_cast<size_t>(wanted)]);
}

}  // namespace edgechat::app
