#include "app/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "app/cli/interrupt.h"

namespace edgechat::cli {
namespace {

constexpr auto kProgressInterval = std::chrono::milliseconds(100);
constexpr int kBarColumns = 24;

/// True when all bytes were taken; else errno says why.
bool writeFully(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (written == 0) errno = EIO;
            return false;
        }
        bytes.remove_prefix(static_cast<size_t>(written));
    }
    return true;
}

std::string barLine(std::string_view stage, uint64_t done, uint64_t total, std::string_view unit,
                    double eta) {
    const double share =
        total == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const int filled = static_cast<int>(share * kBarColumns);
    const bool inBytes = unit == "bytes";
    std::string line = std::string(stage) + " [" + std::string(static_cast<size_t>(filled), '#') +
                       std::string(static_cast<size_t>(kBarColumns - filled), ' ') + "] " +
                       padded(numberText(share * 100, 0), 3, true) + " %  ";
    line += inBytes ? bytesText(done) + " of " + bytesText(total)
                    : std::to_string(done) + " of " + std::to_string(total) + ' ' + std::string(unit);
    if (eta >= 0) line += "  " + numberText(eta, 0) + " s left";
    return line;
}

}  // namespace

Output::Output(bool asJson, ProgressStyle style) : m_asJson(asJson), m_style(style) {}

bool Output::write(std::string_view bytes) {
    if (m_failure) return false;
    clearProgress();
    if (writeFully(STDOUT_FILENO, bytes)) return true;
    const int reason = errno;
    Error error;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    error.code = full ? ErrorCode::doesNotFit : ErrorCode::internal;
    error.what = "cannot write the result to";
    error.file = "stdout";
    error.found = std::strerror(reason);
    error.expected = full ? "free space on the disk" : "a file or pipe that takes it";
    m_failure = error;
    return false;
}

void Output::writeJson(const nlohmann::json& object) {
    m_jsonWritten = true;
    write(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

void Output::message(std::string_view text) {
    clearProgress();
    // Nobody is left to tell when stderr is gone.
    (void)writeFully(STDERR_FILENO, "edgechat: " + oneLine(text) + '\n');
}

void Output::progress(std::string_view stage, uint64_t done, uint64_t total, std::string_view unit,
                      std::string_view detail) {
    if (m_style == ProgressStyle::none) return;
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
    const bool begins = m_stage != stage;
    if (begins) {
        m_stage = stage;
        m_timeLeft.begin(seconds, done);
    } else if (done < total && now - m_lastShown < kProgressInterval) {
        return;
    }
    m_lastShown = now;

    const double eta = m_timeLeft.at(seconds, done, total, continuedAgain());
    if (m_style == ProgressStyle::json) {
        nlohmann::json line = {{"stage", stage}, {"done", done}, {"total", total}, {"unit", unit}};
        line["eta_seconds"] = eta < 0 ? nlohmann::json() : nlohmann::json(eta);
        if (!detail.empty()) line["detail"] = detail;
        (void)writeFully(STDERR_FILENO, line.dump() + '\n');
    } else {
        std::string line = barLine(stage, done, total, unit, eta);
        if (!detail.empty()) line += "  " + std::string(detail);
        (void)writeFully(STDERR_FILENO, "\r\x1b[K" + line);
        m_barShown = true;
    }
    if (done >= total) {
        clearProgress();
        m_stage.clear();
    }
}

void Output::clearProgress() {
    if (!m_barShown) return;
    (void)writeFully(STDERR_FILENO, "\r\x1b[K");
    m_barShown = false;
}

std::string oneLine(std::string_view text) {
    std::string line(text);
    for (char& c : line) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return line;
}

std::string numberText(double value, int decimals) {
    char text[400];  // the largest double has 309 digits before the point
    const std::to_chars_result written =
        std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals);
    return written.ec == std::errc() ? std::string(text, written.ptr) : "?";
}

std::string bytesText(uint64_t bytes) {
    const double value = static_cast<double>(bytes);
    if (value < 1e6) return numberText(value / 1e3, 1) + " kB";
    if (value < 1e9) return numberText(value / 1e6, 1) + " MB";
    return numberText(value / 1e9, 2) + " GB";
}

std::string countText(uint64_t count) {
    const double value = static_cast<double>(count);
    if (value < 1e6) return numberText(value / 1e3, 0) + " K";
    if (value < 1e9) return numberText(value / 1e6, 0) + " M";
    return numberText(value / 1e9, 1) + " B";
}

std::string padded(std::string_view text, size_t width, bool alignRight) {
    const size_t columns = static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    const std::string fill(columns < width ? width - columns : 0, ' ');
    return alignRight ? fill + std::string(text) : std::string(text) + fill;
}

}  // namespace edgechat::cli
