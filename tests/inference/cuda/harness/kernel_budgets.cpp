#include "tests/inference/cuda/harness/kernel_budgets.h"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace edgechat::testing {
namespace {

/// Where the program begins in memory; the table of its symbols counts from there.
uintptr_t programBase() {
    uintptr_t base = 0;
    // The first is the program itself.
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* result) {
            *static_cast<uintptr_t*>(result) = info->dlpi_addr;
            return 1;
        },
        &base);
    return base;
}

/// The program's own functions: most kernels have no symbol that a loader would see.
std::unordered_map<uintptr_t, std::string> functions() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto at = [&bytes](auto& value, uint64_t offset) {
        std::memcpy(&value, bytes.data() + offset, sizeof value);
    };
    std::unordered_map<uintptr_t, std::string> names;
    if (bytes.size() < sizeof(Elf64_Ehdr)) return names;
    Elf64_Ehdr header;
    at(header, 0);
    const uintptr_t base = programBase();
    for (int i = 0; i < header.e_shnum; ++i) {
        Elf64_Shdr table, strings;
        at(table, header.e_shoff + static_cast<uint64_t>(i) * sizeof table);
        if (table.sh_type != SHT_SYMTAB) continue;
        at(strings, header.e_shoff + table.sh_link * sizeof strings);
        for (uint64_t offset = 0; offset < table.sh_size; offset += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            at(symbol, table.sh_offset + offset);
            if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC) continue;
            names.emplace(base + symbol.st_value, bytes.data() + strings.sh_offset + symbol.st_name);
        }
    }
    return names;
}

std::string withoutNamespaces(const std::string& name) {
    constexpr std::string_view kAnonymous = "(anonymous namespace)::";
    const auto inName = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    std::string result;
    for (size_t i = 0; i < name.size();) {
        if (name.compare(i, kAnonymous.size(), kAnonymous) == 0) {
            i += kAnonymous.size();
            continue;
        }
        size_t end = i;
        while (end < name.size() && inName(name[end])) ++end;
        if (end > i && name.compare(end, 2, "::") == 0) {
            i = end + 2;
            continue;
        }
        end = end > i ? end : i + 1;
        result.append(name, i, end - i);
        i = end;
    }
    return result;
}

/// As budget.py shortens names: no result, no namespaces, no parameters.
std::string shortName(const std::string& mangled) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> whole(
        abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), std::free);
    if (whole == nullptr) return mangled;
    std::string name = withoutNamespaces(whole.get());
    if (name.rfind("void ", 0) == 0) name.erase(0, 5);
    int depth = 0;
    for (size_t i = 0; i < name.size(); ++i) {
        depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
        if (name[i] == '(' && depth == 0) return name.substr(0, i);
    }
    return name;
}

/// Of the longest entry that the name begins with; a kernel that states none takes none.
size_t sharedBytesOf(const std::string& name) {
    static const nlohmann::json budgets =
        nlohmann::json::parse(std::ifstream(EDGECHAT_KERNEL_BUDGETS)).at("kernels");
    size_t bytes = 0, longest = 0;
    for (const auto& [prefix, budget] : budgets.items()) {
        if (name.rfind(prefix, 0) != 0 || prefix.size() < longest) continue;
        longest = prefix.size();
        bytes = budget.value("dynamicShared", size_t{0});
    }
    return bytes;
}

}  // namespace

const KernelBudget& budgetOf(const void* kernel) {
    static std::unordered_map<const void*, KernelBudget> known;
    const auto found = known.find(kernel);
    if (found != known.end()) return found->second;
    static const std::unordered_map<uintptr_t, std::string> names = functions();
    const auto symbol = names.find(reinterpret_cast<uintptr_t>(kernel));
    const std::string name = symbol == names.end() ? "a kernel without a symbol" : shortName(symbol->second);
    return known[kernel] = {name, sharedBytesOf(name)};
}

}  // namespace edgechat::testing
