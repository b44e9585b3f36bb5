// How fast this machine can stream memory: the bound of decode, measured beside it.
#pragma once

namespace edgechat::cli {

/// Bytes per second, in 1e9, that `threads` threads read together from a buffer far larger than the
/// last-level cache: the best of several passes. 0 when there is no memory for the buffer.
double measureReadBandwidth(int threads);

}  // namespace edgechat::cli
