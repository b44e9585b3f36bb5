// What tests may know of the harness' clock (bench_device.cpp).
#pragma once

namespace edgechat::gpu {

/// Whether what was started on a stream waits for a StreamClock's letGo().
bool streamIsHeld();

}  // namespace edgechat::gpu
