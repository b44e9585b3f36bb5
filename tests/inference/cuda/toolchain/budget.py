"""What ptxas says of a compilation, and whether every kernel stays within budgets.json."""

import json
import pathlib
import re
import subprocess

import sass

NAMESPACES = re.compile(r"\(anonymous namespace\)::|\b(?:\w+::)+")


def load():
    """{beginning of a kernel's name: its budget}, those of architectures under "sm_<number>"."""
    budgets = json.loads((pathlib.Path(__file__).parent / "budgets.json").read_text(encoding="utf-8"))
    return {prefix: {**budgets["architectures"], **budget} for prefix, budget in budgets["kernels"].items()}


def demangled(names):
    """Mangled name -> "gemvKernel<(WeightKind)0, 8>": no namespaces, no parameters."""
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    short = {}
    for mangled, name in zip(names, done.stdout.splitlines()):
        name = NAMESPACES.sub("", re.sub(r"^void ", "", name))
        # What follows the last balanced template argument list, or the name itself, are the parameters.
        depth = 0
        for at, character in enumerate(name):
            depth += {"<": 1, ">": -1}.get(character, 0)
            if character == "(" and depth == 0:
                name = name[:at]
                break
        short[mangled] = name
    return short


def parse_ptxas(log):
    """{(mangled name, architecture): {"registers", "stack", "stores", "loads", "shared"}}"""
    found, current = {}, None
    for line in log.splitlines():
        if match := re.search(r"Compiling entry function '([^']+)' for 'sm_(\d+)a?'", line):
            current = found[match[1], int(match[2])] = {"shared": 0}
        elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
            # A device function that was not inlined has a line of its own and counts to the kernel before it.
            if current is not None:
                for key, value in zip(("stack", "stores", "loads"), match.groups()):
                    current[key] = current.get(key, 0) + int(value)
        elif match := re.search(r"Used (\d+) registers", line):
            current["registers"] = int(match[1])
            shared = re.search(r"(\d+) bytes smem", line)
            current["shared"] = int(shared[1]) if shared else 0
    return found


def budget_of(kernels, name):
    fitting = [prefix for prefix in kernels if name.startswith(prefix)]
    return (max(fitting, key=len), kernels[max(fitting, key=len)]) if fitting else (None, None)


def instructions_per_weight(instructions, architecture, budget):
    """(of the loop, for each weight); None where no loop has tensor-core products and loads."""
    loop = sass.tensor_loop(instructions, architecture)
    if loop is None:
        return None
    products = sass.count(instructions, loop, {sass.TENSOR})
    return loop.last - loop.first + 1, (loop.last - loop.first + 1) / (products * budget["weightsPerProduct"])


def check_kernel(name, architecture, use, code, kernels):
    """(line for the table, what is wrong)"""
    prefix, budget = budget_of(kernels, name)
    if budget is not None:
        budget = {**budget, **budget.get(f"sm_{architecture}", {})}
    line = f"sm_{architecture} {name:60} {use['registers']:4} registers"
    if budget is None:
        return line, ["has no budget in budgets.json"]
    wrong = [f"{use[key]} bytes of {what}"
             for key, what in (("stack", "stack"), ("stores", "spill stores"), ("loads", "spill loads"),
                               ("shared", "static shared memory")) if use[key] > budget.get(key, 0)]
    if use["registers"] > budget["registers"]:
        wrong.append(f"{use['registers']} registers, the budget of {prefix} is {budget['registers']}")
    if budget.get("instructionsPerWeight"):
        most = budget["instructionsPerWeight"]
        measured = instructions_per_weight(code, architecture, budget)
        if measured is None:
            wrong.append("has no loop with tensor-core products and loads")
        else:
            line += f", loop of {measured[0]} instructions, {measured[1]:.2f} a weight"
            if measured[1] > 1.1 * most:
                wrong.append(f"{measured[1]:.2f} instructions a weight, the budget is {most}")
    return line, wrong


def check(log, code, kernels):
    """(a line for each kernel, what is wrong, budgets that were used)
    @param log   of one or more architectures
    @param code  {architecture: sass.kernels()}"""
    found = parse_ptxas(log)
    names = demangled(sorted({mangled for mangled, _ in found}))
    lines, failures, used = [], [], set()
    for (mangled, architecture), use in sorted(found.items(), key=lambda item: (names[item[0][0]], item[0][1])):
        name = names[mangled]
        used.add(budget_of(kernels, name)[0])
        line, wrong = check_kernel(name, architecture, use, code[architecture][mangled], kernels)
        lines.append(line)
        failures += [f"{name} on sm_{architecture}: {what}" for what in wrong]
    return lines, failures, used
