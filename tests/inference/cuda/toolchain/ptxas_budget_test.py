#!/usr/bin/env python3
"""Compiles every kernel for sm_75, sm_87 and sm_90 and holds what comes out to budgets.json.

    ptxas_budget_test.py SOURCE_FOLDER [NVCC]

No kernel spills or has a stack, none takes more registers than its budget, and the loop that streams the weights of the
matrix-vector product takes no more instructions for a weight than planned. sm_75 is there for ptx.cuh's second meanings of
tensor-core products and asynchronous copies; budgets.json says what else is let pass on it. Without NVCC: $CUDACXX, the
PATH, /usr/local/cuda. Exit 77 without any.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import budget
import sass

ARCHITECTURES = (75, 87, 90)
FLAGS = ["-std=c++17", "-Werror", "all-warnings", "-Xptxas", "-v"]


def find_nvcc(arguments):
    for candidate in [*arguments, os.environ.get("CUDACXX"), "nvcc", "/usr/local/cuda/bin/nvcc"]:
        if candidate and shutil.which(candidate):
            return shutil.which(candidate)
    return None


def compile_source(nvcc, root, source, folder):
    """ptxas' words and {architecture: cubin}."""
    command = [nvcc, *FLAGS, "-I", str(root), "--fatbin", "--keep", "--keep-dir", str(folder), str(source), "-o",
               str(folder / "all.fatbin")]
    for architecture in ARCHITECTURES:
        command += ["-gencode", f"arch=compute_{architecture},code=sm_{architecture}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    cubins = {}
    for architecture in ARCHITECTURES:
        files = list(folder.glob(f"*{architecture}*.cubin"))
        if len(files) != 1:
            raise RuntimeError(f"nvcc left {len(files)} cubins of sm_{architecture}")
        cubins[architecture] = files[0]
    return done.stdout + done.stderr, cubins


def disassembler_disagrees(cubin, code, architecture):
    """What nvdisasm says of the branches, where it is installed; "" where it agrees."""
    tool = shutil.which("nvdisasm")
    if tool is None:
        return ""
    text = subprocess.run([tool, "-c", str(cubin)], capture_output=True, text=True, check=True).stdout
    kernel, address, labels, branches, waiting = None, 0, {}, [], []
    for line in text.splitlines():
        if match := re.match(r"\.text\.([\w$.]+):", line):
            kernel = match[1]
        elif match := re.match(r"(\.L_x_\d+):", line):
            waiting.append(match[1])
        elif match := re.match(r"\s*/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\d\s+)?(\S+)", line):
            address = int(match[1], 16) // sass.INSTRUCTION
            labels.update({label: address for label in waiting})
            waiting = []
            if match[2].startswith("BRA") and (label := re.search(r"\.L_x_\d+", line)):
                branches.append((kernel, address, label[0]))
    for kernel, at, label in branches:
        word = code[kernel][at]
        target = sass.branch_target(code[kernel], at, architecture) if sass.opcode(word) == sass.BRANCH else None
        if target != labels[label]:
            return f"{kernel}: the branch at {at} goes to {labels[label]}, read as {target}"
    return ""


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    nvcc = find_nvcc(sys.argv[2:3])
    if nvcc is None:
        print("skipped: no nvcc here")
        return 77
    kernels = budget.load()
    sources = sorted((root / "inference/cuda").glob("*.cu"))
    failures, used = [], set()
    for source in sources:
        with tempfile.TemporaryDirectory() as folder:
            try:
                log, cubins = compile_source(nvcc, root, source, pathlib.Path(folder))
            except RuntimeError as problem:
                failures.append(f"{source.name}: {problem}")
                continue
            code = {architecture: sass.kernels(cubin.read_bytes()) for architecture, cubin in cubins.items()}
            for architecture, cubin in cubins.items():
                if said := disassembler_disagrees(cubin, code[architecture], architecture):
                    failures.append(f"{source.name}: {said}")
        lines, wrong, budgets = budget.check(log, code, kernels)
        print("\n".join(lines), flush=True)
        failures += [f"{source.name}: {what}" for what in wrong]
        used |= budgets
    failures += [f"budgets.json has {prefix}, which is no kernel" for prefix in kernels.keys() - used]
    if not sources:
        failures.append(f"no kernels in {root}/inference/cuda")
    print("\n".join(f"FAILED {failure}" for failure in failures) or "every kernel is within its budget")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
