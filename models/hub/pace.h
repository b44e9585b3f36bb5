// How long to wait and how fast to go: pure rules, with time handed in.
#pragma once

#include <cstdint>
#include <optional>

namespace edgechat::models::hub {

/// All times of the Hub client, in milliseconds; tests make them small.
struct Times {
    int idle = 30'000;              ///< without a byte from the server, while some are wanted
    int firstWait = 1'000;          ///< before the second attempt; doubles from then on
    int longestWait = 60'000;       ///< of the doubling
    int attempts = 8;               ///< in a row without a byte of progress
    int second = 1'000;             ///< one of Retry-After
    int longestPatience = 900'000;  ///< a server that asks for a longer wait is a failure at once
};

/// The wait before the next attempt: doubling with "equal jitter", half of it random, so that clients that a
/// server lost together do not come back together; never less than what the server asked for.
/// @param failures  in a row, >= 1
/// @param random    evenly in [0, 1)
/// @param seconds   that the server asked for, if it did
/// @return nothing when the attempts are used up or the wait would be too long
std::optional<int> waitBeforeRetry(const Times& times, int failures, double random,
                                   std::optional<int64_t> seconds);

/// A bandwidth limit as a bucket that fills with time: over any second no more than the limit and one
/// bucket's worth pass. Shared by the transfers of one thread.
class BandwidthLimit {
  public:
    /// 0: no limit.
    void setBytesPerSecond(int64_t bytes);
    int64_t bytesPerSecond() const { return m_bytesPerSecond; }

    /// How many of `wanted` bytes may be taken now, and takes them.
    /// @param now  milliseconds of a steady clock
    int64_t take(int64_t wanted, int64_t now);
    /// Milliseconds until take() gives a useful amount again; 0 when it would now.
    int64_t wait(int64_t now);

  private:
    void fill(int64_t now);
    int64_t bucket() const;

    int64_t m_bytesPerSecond = 0;
    double m_level = 0;  ///< bytes
    std::optional<int64_t> m_filled;
};

}  // namespace edgechat::models::hub
