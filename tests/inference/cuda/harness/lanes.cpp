#include "tests/inference/cuda/harness/lanes.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "inference/cuda/host_lanes.h"
#include "inference/cuda/host_launch.h"
#include "tests/inference/cuda/harness/fiber.h"
#include "tests/inference/cuda/harness/kernel_budgets.h"

namespace edgechat::testing {
namespace {

constexpr int kWarp = 32;
constexpr size_t kSlot = 64;  // bytes that a lane can give

enum class Wait { none, warp, block };

struct Copy {
    void* to;
    const void* from;
    bool valid;
};

struct Thread {
    Fiber fiber;
    int index = 0;
    Wait wait = Wait::none;
    int round = 0;  // exchanges so far: two buffers take turns
    std::vector<Copy> uncommitted;
    std::deque<std::vector<Copy>> groups;
};

struct Warp {
    const char* kind = nullptr;
    int arrived = 0;
    alignas(16) std::byte slots[2][kWarp * kSlot];
};

[[noreturn]] void fail(const std::string& why) {
    std::fprintf(stderr, "kernel harness: %s\n", why.c_str());
    std::abort();
}

class Block {
  public:
    void run(const void* kernel, std::array<int, 3> grid, int threads, size_t shared,
             const std::function<void()>& body) {
        if (m_current != nullptr) fail("a kernel started a kernel");
        if (threads < 1 || threads > 1024 || threads % kWarp != 0)
            fail("a block of " + std::to_string(threads) + " threads");
        if (shared > size_t{48} << 10) fail(std::to_string(shared) + " bytes of shared memory");
        if (const KernelBudget& budget = budgetOf(kernel); shared > budget.sharedBytes) {
            fail(budget.name + " gets " + std::to_string(shared) +
                 " bytes of shared memory, budgets.json has " + std::to_string(budget.sharedBytes));
        }
        for (const int blocks : grid) {
            if (blocks < 1) fail("a grid without blocks");
        }
        if (grid[1] > 65535 || grid[2] > 65535) fail("a grid of too many blocks");
        m_grid = grid;
        while (static_cast<int>(m_threads.size()) < threads) m_threads.push_back(std::make_unique<Thread>());
        m_warps.resize(static_cast<size_t>(threads / kWarp));
        m_count = threads;
        for (int z = 0; z < grid[2]; ++z)
            for (int y = 0; y < grid[1]; ++y)
                for (int x = 0; x < grid[0]; ++x) runBlock({x, y, z}, shared, body);
    }

    Thread& current() {
        if (m_current == nullptr) fail("a kernel's operation outside a kernel");
        return *m_current;
    }
    int count() const { return m_count; }
    int block(int axis) const { return m_block[static_cast<size_t>(axis)]; }
    int grid(int axis) const { return m_grid[static_cast<size_t>(axis)]; }
    std::byte* shared() { return m_shared.get(); }
    void seed(uint32_t seed) { m_random.seed(seed); }

    const std::byte* exchange(const char* kind, const void* mine, size_t bytes) {
        Thread& thread = current();
        Warp& warp = m_warps[static_cast<size_t>(thread.index / kWarp)];
        if (bytes > kSlot) fail("a lane gives too much");
        if (warp.arrived == 0) warp.kind = kind;
        if (std::strcmp(warp.kind, kind) != 0) {
            fail(std::string("lanes of a warp meet in ") + warp.kind + " and " + kind);
        }
        std::byte* slots = warp.slots[thread.round++ % 2];
        if (bytes > 0) std::memcpy(slots + kSlot * static_cast<size_t>(thread.index % kWarp), mine, bytes);
        if (++warp.arrived < kWarp) {
            thread.wait = Wait::warp;
            thread.fiber.giveWay();
        } else {
            warp.arrived = 0;
            wake(thread.index / kWarp * kWarp, kWarp, thread);
        }
        return slots;
    }

    void barrier() {
        Thread& thread = current();
        if (++m_arrived < m_count) {
            thread.wait = Wait::block;
            thread.fiber.giveWay();
        } else {
            m_arrived = 0;
            wake(0, m_count, thread);
        }
    }

  private:
    void wake(int first, int count, const Thread& but) {
        for (int i = first; i < first + count; ++i) {
            Thread& thread = *m_threads[static_cast<size_t>(i)];
            if (&thread == &but) continue;
            thread.wait = Wait::none;
            m_ready.push_back(&thread);
        }
    }

    void runBlock(std::array<int, 3> block, size_t shared, const std::function<void()>& body) {
        m_block = block;
        m_shared.reset(static_cast<std::byte*>(std::aligned_alloc(16, (shared + 15) / 16 * 16)));
        if (shared > 0) std::memset(m_shared.get(), 0xff, shared);
        m_arrived = 0;
        for (Warp& warp : m_warps) warp.arrived = 0;
        m_ready.clear();
        for (int i = 0; i < m_count; ++i) {
            Thread& thread = *m_threads[static_cast<size_t>(i)];
            thread.index = i;
            thread.wait = Wait::none;
            thread.round = 0;
            thread.fiber.start(&body);
            m_ready.push_back(&thread);
        }
        int finished = 0;
        while (!m_ready.empty()) {
            const size_t chosen = m_random() % m_ready.size();
            m_current = m_ready[chosen];
            m_ready[chosen] = m_ready.back();
            m_ready.pop_back();
            m_current->fiber.resume();
            if (m_current->fiber.finished()) {
                ++finished;
                if (!m_current->uncommitted.empty())
                    fail("a thread ends with copies that it never committed");
                m_current->groups.clear();
            }
        }
        m_current = nullptr;
        if (finished < m_count) {
            int warp = 0, whole = 0;
            for (int i = 0; i < m_count; ++i) {
                const Thread& thread = *m_threads[static_cast<size_t>(i)];
                if (thread.fiber.finished()) continue;
                ++(thread.wait == Wait::warp ? warp : whole);
            }
            fail(std::to_string(finished) + " threads ended, " + std::to_string(warp) +
                 " wait for their warp and " + std::to_string(whole) + " for the block");
        }
    }

    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };

    std::vector<std::unique_ptr<Thread>> m_threads;
    std::vector<Warp> m_warps;
    std::vector<Thread*> m_ready;
    Thread* m_current = nullptr;
    int m_count = 0, m_arrived = 0;
    std::array<int, 3> m_grid{}, m_block{};
    std::unique_ptr<std::byte, Free> m_shared;
    std::minstd_rand m_random{1};
};

Block& theBlock() {
    static Block block;
    return block;
}

}  // namespace

void seedLanes(uint32_t seed) {
    theBlock().seed(seed);
}

}  // namespace edgechat::testing

namespace edgechat::inference::cuda::host {

using testing::theBlock;

int threadIndex() {
    return theBlock().current().index;
}
int blockThreads() {
    return theBlock().count();
}
int blockIndex(int axis) {
    return theBlock().block(axis);
}
int gridBlocks(int axis) {
    return theBlock().grid(axis);
}
std::byte* sharedMemory() {
    return theBlock().shared();
}
void blockBarrier() {
    theBlock().barrier();
}
const std::byte* exchange(const char* kind, const void* mine, size_t bytes) {
    return theBlock().exchange(kind, mine, bytes);
}

void copyAsync16(void* shared, const void* global, bool valid) {
    theBlock().current().uncommitted.push_back({shared, global, valid});
}

void copyAsyncCommit() {
    testing::Thread& thread = theBlock().current();
    thread.groups.push_back(std::move(thread.uncommitted));
    thread.uncommitted.clear();
}

void copyAsyncWait(int newest) {
    testing::Thread& thread = theBlock().current();
    for (; thread.groups.size() > static_cast<size_t>(newest); thread.groups.pop_front()) {
        for (const testing::Copy& copy : thread.groups.front()) {
            if (copy.valid) {
                std::memcpy(copy.to, copy.from, 16);
            } else {
                std::memset(copy.to, 0, 16);
            }
        }
    }
}

void run(const void* kernel, std::array<int, 3> grid, int threads, size_t shared,
         const std::function<void()>& thread) {
    theBlock().run(kernel, grid, threads, shared, thread);
}

}  // namespace edgechat::inference::cuda::host
