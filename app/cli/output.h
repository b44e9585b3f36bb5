// What the tool says: results on stdout, progress and messages on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "app/cli/time_left.h"
#include "inference/result.h"

namespace edgechat::cli {

enum class ProgressStyle { none, bar, json };

/// Results and messages of one command. One thread uses it.
class Output {
  public:
    Output(bool asJson, ProgressStyle style);

    bool asJson() const { return m_asJson; }
    void setJson(bool asJson) { m_asJson = asJson; }
    void setProgressStyle(ProgressStyle style) { m_style = style; }
    /// Bytes to stdout, at once. False when stdout takes no more (full disk, closed pipe): stop working then.
    bool write(std::string_view bytes);
    /// The one JSON object of a command. Text that is not UTF-8 gets U+FFFD.
    void writeJson(const nlohmann::json& object);
    bool jsonWritten() const { return m_jsonWritten; }
    /// Why stdout takes no more, if so.
    const std::optional<Error>& failure() const { return m_failure; }

    /// "edgechat: <text>", one line on stderr.
    void message(std::string_view text);

    /// Progress of long work; shown at most ten times a second, and at its end.
    /// @param detail  a few words about what runs, behind the rest
    void progress(std::string_view stage, uint64_t done, uint64_t total, std::string_view unit,
                  std::string_view detail = {});
    /// Takes a progress bar off the terminal, so that other text can follow.
    void clearProgress();

  private:
    using Clock = std::chrono::steady_clock;

    bool m_asJson;
    ProgressStyle m_style;
    bool m_jsonWritten = false;
    bool m_barShown = false;
    std::optional<Error> m_failure;
    std::string m_stage;
    Clock::time_point m_lastShown;
    TimeLeft m_timeLeft;
};

/// One line without control characters: safe on a terminal and in a log.
std::string oneLine(std::string_view text);

/// "98.4 MB", "1.2 GB": bytes for people, decimal.
std::string bytesText(uint64_t bytes);
/// "135 M", "7.2 B": a count of parameters for people.
std::string countText(uint64_t count);
/// A number with `decimals` digits after the point, whatever the locale is.
std::string numberText(double value, int decimals);
/// `text` filled up with spaces to `width` columns (UTF-8 characters); on the left with `alignRight`.
std::string padded(std::string_view text, size_t width, bool alignRight = false);

}  // namespace edgechat::cli
