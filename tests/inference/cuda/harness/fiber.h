// Threads of the program's own: each has a stack and runs until it gives way.
#pragma once

#include <cstddef>
#include <functional>

namespace edgechat::testing {

/// Runs a function on its own stack. Fibers and whoever resumes them are on one thread of the processor.
class Fiber {
  public:
    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// The next resume() begins `body` anew. Not while a body is unfinished.
    void start(const std::function<void()>* body);
    /// Goes on with the body until it gives way or returns; called from outside any fiber.
    void resume();
    /// Called inside the body: back to whoever resumed it.
    void giveWay();
    bool finished() const { return m_body == nullptr; }

  private:
    static void enter();
    void prepare();

    const std::function<void()>* m_body = nullptr;
    void* m_stack = nullptr;    // lowest address
    void* m_pointer = nullptr;  // where the fiber stopped
    void* m_resumer = nullptr;  // where its resumer waits
    void* m_ownFake = nullptr;  // of the address sanitizer
    void* m_resumerFake = nullptr;
    const void* m_resumerBottom = nullptr;
    size_t m_resumerSize = 0;
};

}  // namespace edgechat::testing
