// The header fields of an answer that a download hangs on, read without Qt. Nothing in them is trusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace edgechat::models::hub {

/// A count of bytes: digits alone, below 2^62.
std::optional<int64_t> readCount(std::string_view text);

/// "bytes <first>-<last>/<total>" (RFC 9110, 14.4).
struct ContentRange {
    int64_t first = 0;
    int64_t last = 0;              ///< inclusive, >= first
    std::optional<int64_t> total;  ///< nothing for "*"; > last
};
/// Nothing when the field is malformed or contradicts itself.
std::optional<ContentRange> readContentRange(std::string_view field);

/// An ETag without the W/ of a weak one and without quotes.
std::string bareEtag(std::string_view field);

/// The target of rel="next" in a Link field (RFC 8288), as written there.
std::optional<std::string> nextPage(std::string_view linkField);

/// Seconds that a server asks to wait: of RateLimit ("...;r=<left>;t=<seconds>") one more than its t when
/// nothing is left, else of Retry-After where it is a number. A date counts as no answer. At most a day.
std::optional<int64_t> secondsToWait(std::string_view retryAfter, std::string_view rateLimit);

}  // namespace edgechat::models::hub
