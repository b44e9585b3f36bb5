// Where the inference thread leaves text and figures, and the GUI thread fetches them about 30 times a
// second.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace edgechat::app {

/// A running answer's figures at one moment.
struct LiveFigures {
    int prefillDone = 0;  ///< tokens; those found in the cache count as done
    int prefillTotal = 0;
    int prefillCached = 0;        ///< done at the first report
    int generated = 0;            ///< tokens
    double prefillSeconds = 0;    ///< since the first report of prefill
    double timeToFirstToken = 0;  ///< 0 before the first token
    double decodeSeconds = 0;     ///< from the first token to the newest
};

/// One writer, one reader.
class TokenBuffer {
  public:
    void begin();                          ///< either, between answers
    void addText(std::string_view text);   ///< writer
    void setPrefill(int done, int total);  ///< writer
    void setGenerated(int tokens);         ///< writer

    std::string takeText();  ///< reader: all text since the last call
    LiveFigures figures() const;

  private:
    using Clock = std::chrono::steady_clock;
    mutable std::mutex m_mutex;
    std::string m_text;
    LiveFigures m_figures;
    Clock::time_point m_start, m_prefillStart, m_firstToken;
};

}  // namespace edgechat::app
