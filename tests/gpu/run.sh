#!/usr/bin/env bash
# run.sh [--build DIR] [--out DIR] [--quick] [--only STEPS] [--limit STEP=SECONDS]... : everything that takes a GPU to
# know. Builds tests/gpu, runs every kernel against the reference and whole models against their goldens, lets
# compute-sanitizer look for bad accesses and races, and measures speed. Needs a CUDA toolkit of 12.2 or later, CMake
# 3.22 and a C++20 compiler; no network, no Qt.
#   --build DIR   programs go there (build/gpu)
#   --out DIR     logs, results.json, results.md and summary.txt go there (results in the build folder)
#   --quick       fewer repetitions, only some of the models under the sanitizer, and less time for every step
#   --only STEPS  some of: build,kernels,models,bench,memcheck,racecheck
#   --limit       a step that takes longer is ended and has failed
# run.sh --bundle : for a machine without them, puts the headers of nlohmann-json and the sources of GoogleTest, as this
# machine's packages have them, into build/gpu-bundle, which then travels with the tree.
# CUDA_HOME is where the toolkit is, if not on the PATH (/usr/local/cuda). EDGECHAT_COMMIT names the commit in the
# results where the tree came without its history.
# Exit: 0 all done and well; 1 a step failed, summary.txt says which; 2 usage; 3 what was done is well, but a step could
# not be done here.
set -uo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
steps=(build kernels models bench memcheck racecheck)
build="$root/build/gpu"
bundle="$root/build/gpu-bundle"
out=""
only="$(IFS=,; echo "${steps[*]}")"
quick=""
# Seconds. A Jetson builds and loads many times more slowly than the machine around a data-centre GPU.
declare -A limits=([build]=3600 [kernels]=1800 [models]=1800 [bench]=1800 [memcheck]=7200 [racecheck]=7200)
declare -A quick_limits=([build]=400 [kernels]=300 [models]=300 [bench]=300 [memcheck]=150 [racecheck]=150)
declare -A own_limits=()

usage() {
    sed -n '2,18s/^# \?//p' "$0" >&2
    exit 2
}

is_step() { case " ${steps[*]} " in *" $1 "*) [ -n "$1" ] ;; *) return 1 ;; esac; }

make_bundle() {
    local json gtest
    for json in /usr/include /usr/local/include; do [ -d "$json/nlohmann" ] && break; done
    for gtest in /usr/src/googletest /usr/local/src/googletest; do [ -d "$gtest/googletest" ] && break; done
    if [ ! -d "$json/nlohmann" ] || [ ! -d "$gtest/googletest" ]; then
        echo "run.sh: --bundle needs nlohmann-json3-dev and googletest (or libgtest-dev and libgmock-dev)" >&2
        exit 1
    fi
    rm -rf "$bundle"
    mkdir -p "$bundle/include"
    cp -rL "$json/nlohmann" "$bundle/include/nlohmann"
    # GoogleTest alone: the outer project wants gmock beside it.
    cp -rL "$gtest/googletest" "$bundle/googletest"
    du -sh "$bundle" >&2
}

while [ $# -gt 0 ]; do
    case "$1" in
        --build) [ $# -ge 2 ] || usage; build="$2"; shift ;;
        --out) [ $# -ge 2 ] || usage; out="$2"; shift ;;
        --only) [ $# -ge 2 ] || usage; only="$2"; shift ;;
        --limit)
            if ! [[ $# -ge 2 && "$2" =~ ^([a-z]+)=([0-9]+)$ ]] || ! is_step "${BASH_REMATCH[1]}"; then usage; fi
            own_limits["${BASH_REMATCH[1]}"]="${BASH_REMATCH[2]}"; shift ;;
        --quick) quick=--quick ;;
        --bundle) make_bundle; exit 0 ;;
        *) usage ;;
    esac
    shift
done
IFS=, read -ra asked <<<"$only"
[ "${#asked[@]}" -gt 0 ] || usage
for name in "${asked[@]}"; do is_step "$name" || usage; done

mkdir -p "$build" "${out:=$build/results}" || exit 1
build="$(cd "$build" && pwd)"
out="$(cd "$out" && pwd)"
# What an earlier run left must not be taken for this one's.
rm -f "$out"/{summary.txt,results.json,results.md}
: >"$out/summary.txt"
failures=0
missing=0
cuda="${CUDA_HOME:-/usr/local/cuda}"
command -v nvcc >/dev/null || [ ! -x "$cuda/bin/nvcc" ] || PATH="$PATH:$cuda/bin"
for folder in "$cuda/bin" "$cuda/compute-sanitizer"; do
    command -v compute-sanitizer >/dev/null || [ ! -x "$folder/compute-sanitizer" ] || PATH="$PATH:$folder"
done
if [ -z "${EDGECHAT_STARTER_MODEL:-}" ]; then
    cached="${XDG_CACHE_HOME:-$HOME/.cache}/edgechat/SmolLM2-135M-Instruct.Q4_1.gguf"
    [ -f "$cached" ] && export EDGECHAT_STARTER_MODEL="$cached"
fi

wanted() { case ",$only," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

note() {
    printf '%-10s %-7s %5s s  %s\n' "$@" | tee -a "$out/summary.txt"
}

limit_of() {
    if [ -n "${own_limits[$1]:-}" ]; then
        echo "${own_limits[$1]}"
    elif [ -n "$quick" ]; then
        echo "${quick_limits[$1]}"
    else
        echo "${limits[$1]}"
    fi
}

# What GoogleTest says in a log, program after program: "12 tests, 1 skipped". Nothing where there were no tests.
tests_in() {
    sed -n -e 's/^\[  PASSED  \] \([0-9]* tests*\).*/\1/p' -e 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1 skipped/p' "$1" |
        tr '\n' ',' | sed -e 's/,$//' -e 's/,/, /g'
}

# step NAME COMMAND... : runs it into NAME.log and onto the terminal, for at most as long as the step may take.
step() {
    local name="$1" limit start=$SECONDS code verdict=FAILED detail
    limit="$(limit_of "$name")"
    shift
    echo "== $name" >&2
    timeout --kill-after=10 "$limit" "$@" 2>&1 | tee "$out/$name.log"
    code="${PIPESTATUS[0]}"
    detail="exit code $code, see $name.log"
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
        detail="ended after $limit s, see $name.log"
    elif [ "$code" -eq 0 ] && grep -q '^\[  PASSED  \] 0 tests' "$out/$name.log"; then
        code=1
        detail="ran no test, see $name.log"
    elif [ "$code" -eq 0 ]; then
        verdict=ok
        detail="$(tests_in "$out/$name.log")"
    fi
    note "$name" "$verdict" "$((SECONDS - start))" "$detail"
    [ "$code" -eq 0 ] || failures=$((failures + 1))
    return "$code"
}

finish() {
    local code=0
    if [ "$failures" -gt 0 ]; then
        echo "$failures of the steps failed" >>"$out/summary.txt"
        code=1
    elif [ "$missing" -gt 0 ]; then
        echo "incomplete: $missing of the steps could not be done here" >>"$out/summary.txt"
        code=3
    else
        echo "all well: $only" >>"$out/summary.txt"
    fi
    echo "== $out/summary.txt"
    cat "$out/summary.txt"
    exit "$code"
}

build_all() {
    cmake -S "$root/tests/gpu" -B "$build" -DCMAKE_BUILD_TYPE=Release &&
        cmake --build "$build" --parallel "$(nproc)"
}

if wanted build; then
    export -f build_all
    export root build
    if ! step build bash -c build_all; then
        # Programs of an earlier build would be run for nothing.
        for name in "${steps[@]}"; do
            [ "$name" = build ] || ! wanted "$name" || note "$name" "not run" 0 "the build failed"
        done
        finish
    fi
fi
kernels="$build/bin/gpu_kernel_tests"
models="$build/bin/gpu_model_tests"
if wanted kernels; then step kernels "$kernels" --gtest_brief=1; fi
if wanted models; then step models "$models" --gtest_brief=1; fi

# What the results say of themselves: "--fact NAME VALUE" of bench_cuda.
facts=()
of_the_gpu() { nvidia-smi --query-gpu="$1" --format=csv,noheader 2>/dev/null | head -n 1; }
add_fact() { [ -z "$2" ] || facts+=(--fact "$1" "$2"); }
gather_facts() {
    local commit="${EDGECHAT_COMMIT:-}"
    if [ -z "$commit" ] && commit="$(git -C "$root" rev-parse --short=12 HEAD 2>/dev/null)"; then
        [ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] || commit="$commit and changes"
    fi
    add_fact commit "${commit:-unknown}"
    add_fact driver "$(of_the_gpu driver_version)"
    add_fact "highest clocks, SM and memory" "$(of_the_gpu clocks.max.sm,clocks.max.mem)"
    # A Jetson's: its release of L4T, and the mode that sets clocks and power.
    add_fact L4T "$(sed -n '1s/^# *\(R[0-9]*\).*REVISION: *\([0-9.]*\).*/\1.\2/p' /etc/nv_tegra_release 2>/dev/null)"
    add_fact "power mode" "$(nvpmodel -q 2>/dev/null | sed -n 's/^NV Power Mode: *//p')"
}

if wanted bench; then
    gather_facts
    step bench "$build/bin/bench_cuda" --out "$out/results.json" --table "$out/results.md" "${facts[@]}" $quick
fi

# The sanitizer slows a kernel down up to a hundred times: of the models it sees those whose kernels differ.
few='*falcon_7b*:*falcon_rw16*:*mistral_window*:*awq_g32*:*awq_mixed*:*ct_symmetric*:*gguf_llama_k_quants*'
[ -z "$quick" ] || few='*falcon_7b*:*mistral_window*:*awq_mixed*'
sanitize() {
    local tool="$1" program filter code=0
    for program in "$kernels" "$models"; do
        filter='*'
        [ "$program" = "$kernels" ] || filter="$few"
        compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 20 \
            "$program" --gtest_brief=1 --gtest_filter="$filter" || code=$?
    done
    return "$code"
}
for tool in memcheck racecheck; do
    wanted "$tool" || continue
    if command -v compute-sanitizer >/dev/null; then
        export -f sanitize
        export kernels models few
        step "$tool" bash -c "sanitize $tool"
    else
        note "$tool" ABSENT 0 "no compute-sanitizer on this machine"
        missing=$((missing + 1))
    fi
done
finish
