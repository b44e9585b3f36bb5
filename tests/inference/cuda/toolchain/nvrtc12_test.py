#!/usr/bin/env python3
"""Compiles the device code of every kernel for sm_87 with the NVRTC of a CUDA 12, which PyPI has and which needs no GPU;
and holds what comes out to budgets.json, as ptxas_budget_test.py does with nvcc.

    nvrtc12_test.py SOURCE_FOLDER RELEASE [CACHE_FOLDER]

RELEASE is 12.2, the oldest that is promised, or 12.6, a Jetson's with JetPack 6.

NVRTC has no headers of a host compiler, and launches are host code. The program that it gets is a .cu file as it is, on
top of stand-ins for launch.h, runtime.h and the standard headers (STAND_INS). Its host functions are compiled as device
code too, so that what they start is what the machine code holds. The compiler is kept in CACHE_FOLDER, the user's cache
if none is named. Exit 77 where pip reaches nothing.
"""

import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import budget
import sass

# Versions of nvidia-cuda-nvrtc-cu12 and, for its headers, nvidia-cuda-runtime-cu12.
RELEASES = {"12.2": ("12.2.140", "12.2.140"), "12.6": ("12.6.85", "12.6.77")}
ARCHITECTURE = 87
OPTIONS = ["--std=c++17", "--device-as-default-execution-space", "--ptxas-options=-v",
           f"--gpu-architecture=sm_{ARCHITECTURE}"]

# Header -> what of it device code, and host code that only has to be parsed, need.
STAND_INS = {
    "cstdint": """#pragma once
using int8_t = signed char; using int16_t = short; using int32_t = int; using int64_t = long long;
using uint8_t = unsigned char; using uint16_t = unsigned short; using uint32_t = unsigned int;
using uint64_t = unsigned long long; using uintptr_t = unsigned long;
namespace std { using ::int8_t; using ::int16_t; using ::int32_t; using ::int64_t; using ::uint8_t; using ::uint16_t;
using ::uint32_t; using ::uint64_t; using ::uintptr_t; using ::size_t; }
""",
    "cstddef": "#pragma once\nnamespace std { enum class byte : unsigned char {}; using ::size_t; }\n",
    "cmath": "#pragma once\n#define INFINITY __int_as_float(0x7f800000)\n",
    "cstring": "#pragma once\n",
    "utility": "#pragma once\n",
    "type_traits": """#pragma once
namespace std {
template <bool, class Yes, class No> struct conditional { using type = Yes; };
template <class Yes, class No> struct conditional<false, Yes, No> { using type = No; };
template <bool choice, class Yes, class No> using conditional_t = typename conditional<choice, Yes, No>::type;
}
""",
    "algorithm": """#pragma once
namespace std {
template <class T> constexpr const T& min(const T& a, const T& b) { return b < a ? b : a; }
template <class T> constexpr const T& max(const T& a, const T& b) { return a < b ? b : a; }
template <class T> constexpr const T& clamp(const T& v, const T& a, const T& b) { return v < a ? a : b < v ? b : v; }
}
""",
    "cassert": "#pragma once\n#define assert(condition) ((void)0)\n",
    "inference/cuda/runtime.h": """#pragma once
#include <cstddef>
#include <cstdint>
namespace edgechat::inference::cuda {
struct DeviceProperties { int major, minor, multiprocessors; bool integrated; uint64_t memory; };
class Runtime {
  public:
    const DeviceProperties& properties() const;
};
}
""",
    "inference/cuda/launch.h": """#pragma once
#include "inference/cuda/runtime.h"
namespace edgechat::inference::cuda {
struct Grid { int x = 1, y = 1, z = 1; };
template <class Arguments>
void launch(Runtime&, void (*)(Arguments), Grid, int, size_t, const Arguments&) {}
}
""",
}


class Unreachable(Exception):
    pass


def fetch(cache, release):
    """The folder of the unpacked wheels, downloaded if it is not there yet."""
    compiler, headers = RELEASES[release]
    folder = cache / f"nvrtc-{compiler}-{headers}"
    if folder.is_dir():
        return folder / "nvidia"
    cache.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(dir=cache, prefix=".nvrtc"))
    try:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps",
                   "--only-binary=:all:", "--no-cache-dir", "--dest", str(work),
                   f"nvidia-cuda-nvrtc-cu12=={compiler}", f"nvidia-cuda-runtime-cu12=={headers}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Unreachable((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        for file in work.glob("*.whl"):
            with zipfile.ZipFile(file) as wheel:
                wheel.extractall(work)
            file.unlink()
        try:
            work.rename(folder)
        except OSError:  # another run was first
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder / "nvidia"


class Compiler:
    def __init__(self, nvidia):
        self.include = nvidia / "cuda_runtime/include"
        folder = nvidia / "cuda_nvrtc/lib"
        # The compiler loads its built-in functions by name: they have to be in the process already.
        ctypes.CDLL(str(next(folder.glob("libnvrtc-builtins.so.*"))), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(next(folder.glob("libnvrtc.so.*"))))
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.check(self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        self.version = f"{major.value}.{minor.value}"

    def check(self, code):
        if code != 0:
            self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
            raise RuntimeError(self.library.nvrtcGetErrorString(code).decode())

    def text(self, program, what):
        size = ctypes.c_size_t()
        self.check(getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        self.check(getattr(self.library, f"nvrtcGet{what}")(program, buffer))
        return buffer.raw[:size.value]

    def cubin(self, name, source, root):
        """(machine code or None, what the compiler said)"""
        headers = list(STAND_INS.items())
        texts = (ctypes.c_char_p * len(headers))(*[text.encode() for _, text in headers])
        titles = (ctypes.c_char_p * len(headers))(*[title.encode() for title, _ in headers])
        program = ctypes.c_void_p()
        self.check(self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), name.encode(), len(headers),
                                                   texts, titles))
        try:
            options = [*OPTIONS, f"-I{root}", f"-I{self.include}"]
            values = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
            code = self.library.nvrtcCompileProgram(program, len(options), values)
            said = self.text(program, "ProgramLog").rstrip(b"\0").decode()
            return (self.text(program, "CUBIN") if code == 0 else None), said
        finally:
            self.library.nvrtcDestroyProgram(ctypes.byref(program))


def main():
    root, release = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    user = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    cache = pathlib.Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else user / "edgechat"
    try:
        compiler = Compiler(fetch(cache, release))
    except (Unreachable, OSError) as problem:
        print(f"skipped: no NVRTC of CUDA {release}: {problem}")
        return 77
    folder, kernels = root / "inference/cuda", budget.load()
    # Kernels by how they are declared; each has to be in the machine code of some file.
    declared = {name for file in [*folder.glob("*.cu"), *folder.glob("*.cuh")]
                for name in re.findall(r"(\w+)\(EDGECHAT_ARGUMENT", file.read_text(encoding="utf-8"))}
    failures, compiled = [] if declared else [f"no kernels in {folder}"], set()
    if compiler.version != release:
        failures.append(f"the NVRTC of {release} says that it is of {compiler.version}")
    for source in sorted(folder.glob("*.cu")):
        code, said = compiler.cubin(str(source), source.read_text(encoding="utf-8"), root)
        notes = [line for line in said.splitlines() if not line.startswith("ptxas") and line.strip()]
        if code is None or notes:
            failures.append(f"{source.name}: {said}")
        if code is not None:
            found = sass.kernels(code)
            lines, wrong, _ = budget.check(said, {ARCHITECTURE: found}, kernels)
            print("\n".join(lines), flush=True)
            failures += [f"{source.name}: {what}" for what in wrong]
            compiled |= {name for name in declared if any(name in mangled for mangled in found)}
    failures += [f"{name} was not compiled: nothing starts it" for name in sorted(declared - compiled)]
    print("\n".join(f"FAILED {failure}" for failure in failures) or f"NVRTC {compiler.version} compiles every kernel")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
