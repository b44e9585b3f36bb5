// Runs kernels on a processor: the blocks of a launch one after the other, the threads of a block as fibers
// that go on in a random order from one barrier, shuffle or tensor-core product to the next. What was written
// without a barrier between writer and reader gives different numbers from order to order; shared memory
// begins as NaNs and is as large as the launch said, so that the address sanitizer sees what lies outside.
#pragma once

#include <cstdint>

namespace edgechat::testing {

/// The order of the threads from here on. Every launch goes on with the same random numbers.
void seedLanes(uint32_t seed);

}  // namespace edgechat::testing
