// What tests/inference/cuda/toolchain/budgets.json lets a kernel have, looked up by the kernel's address.
#pragma once

#include <cstddef>
#include <string>

namespace edgechat::testing {

struct KernelBudget {
    std::string name;        ///< "gemvKernel<(WeightKind)0, 1>", as budgets.json has names
    size_t sharedBytes = 0;  ///< dynamic shared memory of a block
};

/// Fast from the second time on. The program has its symbols. One thread uses it.
const KernelBudget& budgetOf(const void* kernel);

}  // namespace edgechat::testing
