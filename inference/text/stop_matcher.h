// Ends an answer at the first stop text, and never lets a part of one through.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace edgechat::inference {

class StopMatcher {
  public:
    explicit StopMatcher(std::vector<std::string> stopTexts) : m_stopTexts(std::move(stopTexts)) {}

    /// Takes more text and returns what may be shown: everything up to a stop text, or up to a tail that
    /// could still become one.
    std::string push(std::string_view text);
    /// The end without a stop text: what was held back.
    std::string flush();
    bool stopped() const { return m_stopped; }

  private:
    std::vector<std::string> m_stopTexts;
    std::string m_held;
    bool m_stopped = false;
};

}  // namespace edgechat::inference
