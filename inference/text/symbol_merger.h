// The heart of both BPE tokenizers: joins neighbouring symbols, best pair first, in O(n log n).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace edgechat::inference {

/// A token under construction.
struct Symbol {
    int id = -1;        ///< in the vocabulary, -1 if it is not there
    size_t begin = 0;   ///< where it stands in the text, in whatever unit the caller likes
    size_t length = 0;  ///< in the same unit; 0: it was joined to the one on its left
};

/// A pair that may be joined.
struct SymbolMerge {
    double priority = 0;  ///< lower goes first, of equals the leftmost
    int id = -1;          ///< of the joined symbol; -1: the pair cannot be joined
};

/// Reuse one object for many texts: it keeps its memory.
class SymbolMerger {
  public:
    /// Fill this, call merge(), and read it again: symbols of length 0 are gone.
    std::vector<Symbol> symbols;

    /// @param find  SymbolMerge(const Symbol& left, const Symbol& right)
    template <class Find>
    void merge(const Find& find) {
        m_links.resize(symbols.size());
        m_heap.clear();
        for (size_t i = 0; i < symbols.size(); ++i) m_links[i] = {i - 1, i + 1};
        for (size_t i = 1; i < symbols.size(); ++i) consider(i - 1, i, find);
        while (!m_heap.empty()) {
            std::pop_heap(m_heap.begin(), m_heap.end());
            const Candidate best = m_heap.back();
            m_heap.pop_back();
            Symbol& left = symbols[best.left];
            Symbol& right = symbols[best.right];
            // A candidate is stale when one of its two symbols has since been joined to another.
            if (left.length == 0 || right.length == 0 || left.length + right.length != best.length) continue;
            left.id = best.id;
            left.length += right.length;
            right.length = 0;
            const size_t next = m_links[best.right].next;
            m_links[best.left].next = next;
            if (next < symbols.size()) {
                m_links[next].previous = best.left;
                consider(best.left, next, find);
            }
            if (best.left > 0) consider(m_links[best.left].previous, best.left, find);
        }
    }

  private:
    struct Links {
        size_t previous, next;
    };
    struct Candidate {
        double priority;
        size_t left, right, length;
        int id;
        // Heaps put the largest on top.
        bool operator<(const Candidate& other) const {
            return priority != other.priority ? priority > other.priority : left > other.left;
        }
    };

    template <class Find>
    void consider(size_t left, size_t right, const Find& find) {
        const SymbolMerge merge = find(symbols[left], symbols[right]);
        if (merge.id < 0) return;
        m_heap.push_back(
            {merge.priority, left, right, symbols[left].length + symbols[right].length, merge.id});
        std::push_heap(m_heap.begin(), m_heap.end());
    }

    std::vector<Links> m_links;
    std::vector<Candidate> m_heap;
};

}  // namespace edgechat::inference
