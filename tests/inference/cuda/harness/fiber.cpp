#include "tests/inference/cuda/harness/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#define EDGECHAT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EDGECHAT_ASAN 1
#endif
#endif
#ifdef EDGECHAT_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace edgechat::testing {
namespace {

#ifdef EDGECHAT_ASAN
constexpr size_t kStackBytes = size_t{512} << 10;
#else
constexpr size_t kStackBytes = size_t{64} << 10;
#endif

}  // namespace

// Saves what a call must keep on the running stack, writes that stack's pointer to *from and goes on at `to`.
extern "C" void edgechatSwitchStack(void** from, void* to);
#if defined(__x86_64__)
asm(R"(
.text
.globl edgechatSwitchStack
.type edgechatSwitchStack, @function
edgechatSwitchStack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size edgechatSwitchStack, .-edgechatSwitchStack
.section .note.GNU-stack,"",@progbits
.text
)");
constexpr size_t kSavedWords = 6;
#elif defined(__aarch64__)
asm(R"(
.text
.globl edgechatSwitchStack
.type edgechatSwitchStack, %function
edgechatSwitchStack:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x2, sp
    str x2, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.size edgechatSwitchStack, .-edgechatSwitchStack
)");
#else
#error "fibers are written for x86-64 and aarch64"
#endif

namespace {

Fiber* starting = nullptr;  // the fiber that was resumed last

}  // namespace

Fiber::Fiber() {
    m_stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (m_stack == MAP_FAILED) {
        std::fputs("no memory for a fiber's stack\n", stderr);
        std::abort();
    }
}

Fiber::~Fiber() {
    munmap(m_stack, kStackBytes);
}

void Fiber::start(const std::function<void()>* body) {
    m_body = body;
    prepare();
}

void Fiber::prepare() {
    // As if edgechatSwitchStack had been called from the beginning of enter.
    auto* top = reinterpret_cast<uintptr_t*>(static_cast<std::byte*>(m_stack) + kStackBytes);
#if defined(__x86_64__)
    top -= 1;  // the stack is aligned as after a call
    *--top = reinterpret_cast<uintptr_t>(&Fiber::enter);
    top -= kSavedWords;
    for (size_t i = 0; i < kSavedWords; ++i) top[i] = 0;
    top[kSavedWords + 1] = 0;
#else
    top -= 20;
    for (size_t i = 0; i < 20; ++i) top[i] = 0;
    top[11] = reinterpret_cast<uintptr_t>(&Fiber::enter);  // x30
#endif
    m_pointer = top;
    m_ownFake = nullptr;
}

void Fiber::resume() {
    starting = this;
#ifdef EDGECHAT_ASAN
    __sanitizer_start_switch_fiber(&m_resumerFake, m_stack, kStackBytes);
#endif
    edgechatSwitchStack(&m_resumer, m_pointer);
#ifdef EDGECHAT_ASAN
    __sanitizer_finish_switch_fiber(m_resumerFake, nullptr, nullptr);
#endif
}

void Fiber::giveWay() {
#ifdef EDGECHAT_ASAN
    __sanitizer_start_switch_fiber(m_body == nullptr ? nullptr : &m_ownFake, m_resumerBottom, m_resumerSize);
#endif
    edgechatSwitchStack(&m_pointer, m_resumer);
#ifdef EDGECHAT_ASAN
    __sanitizer_finish_switch_fiber(m_ownFake, &m_resumerBottom, &m_resumerSize);
#endif
}

void Fiber::enter() {
    Fiber* fiber = starting;
#ifdef EDGECHAT_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &fiber->m_resumerBottom, &fiber->m_resumerSize);
#endif
    (*fiber->m_body)();
    fiber->m_body = nullptr;
    fiber->giveWay();
}

}  // namespace edgechat::testing
