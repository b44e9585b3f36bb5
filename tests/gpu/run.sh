#!/usr/bin/env bash
# run.sh [--out DIR] [--quick] [--only STEPS] : everything that takes a GPU to know. Builds tests/gpu, runs every kernel
# against the reference and whole models against their goldens, lets compute-sanitizer look for bad accesses and races,
# and measures speed. Needs a CUDA toolkit of 12.2 or later, CMake 3.22 and a C++20 compiler; no network, no Qt.
#   --out DIR     logs, results.json and summary.txt go there (build/gpu/results)
#   --quick       fewer repetitions, and only some of the models under the sanitizer
#   --only STEPS  some of: build,kernels,models,bench,memcheck,racecheck
# run.sh --bundle : for a machine without them, puts the headers of nlohmann-json and the sources of GoogleTest, as this
# machine's packages have them, into build/gpu-bundle, which then travels with the tree.
# Exit: 0 all well; 1 a step failed, summary.txt says which; 2 usage.
set -uo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
build="$root/build/gpu"
bundle="$root/build/gpu-bundle"
out="$build/results"
only=build,kernels,models,bench,memcheck,racecheck
quick=""

usage() {
    sed -n '2,11s/^# \?//p' "$0" >&2
    exit 2
}

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
        --out) [ $# -ge 2 ] || usage; out="$2"; shift ;;
        --only) [ $# -ge 2 ] || usage; only="$2"; shift ;;
        --quick) quick=--quick ;;
        --bundle) make_bundle; exit 0 ;;
        *) usage ;;
    esac
    shift
done

mkdir -p "$out"
out="$(cd "$out" && pwd)"
: >"$out/summary.txt"
failures=0
command -v nvcc >/dev/null || [ ! -x /usr/local/cuda/bin/nvcc ] || PATH="$PATH:/usr/local/cuda/bin"
command -v compute-sanitizer >/dev/null || PATH="$PATH:/usr/local/cuda/compute-sanitizer"
if [ -z "${EDGECHAT_STARTER_MODEL:-}" ]; then
    cached="${XDG_CACHE_HOME:-$HOME/.cache}/edgechat/SmolLM2-135M-Instruct.Q4_1.gguf"
    [ -f "$cached" ] && export EDGECHAT_STARTER_MODEL="$cached"
fi

wanted() { case ",$only," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

note() {
    printf '%-10s %-6s %5s s  %s\n' "$@" | tee -a "$out/summary.txt"
}

# step NAME SECONDS COMMAND... : runs it into NAME.log and onto the terminal, for at most so long.
step() {
    local name="$1" limit="$2" start=$SECONDS code
    shift 2
    echo "== $name" >&2
    timeout --kill-after=10 "$limit" "$@" 2>&1 | tee "$out/$name.log"
    code="${PIPESTATUS[0]}"
    case "$code" in
        0) note "$name" ok "$((SECONDS - start))" "" ;;
        124 | 137) note "$name" FAILED "$((SECONDS - start))" "not done in $limit s" ;;
        *) note "$name" FAILED "$((SECONDS - start))" "exit code $code, see $name.log" ;;
    esac
    [ "$code" -eq 0 ] || failures=$((failures + 1))
    return "$code"
}

build_all() {
    cmake -S "$root/tests/gpu" -B "$build" -DCMAKE_BUILD_TYPE=Release &&
        cmake --build "$build" --parallel "$(nproc)"
}

if wanted build; then
    export -f build_all
    export root build
    step build 400 bash -c build_all || exit 1
fi
kernels="$build/bin/gpu_kernel_tests"
models="$build/bin/gpu_model_tests"
if wanted kernels; then step kernels 300 "$kernels" --gtest_brief=1; fi
if wanted models; then step models 300 "$models" --gtest_brief=1; fi

if wanted bench; then step bench 300 "$build/bin/bench_cuda" --out "$out/results.json" $quick; fi

# The sanitizer slows a kernel down up to a hundred times: of the models it sees those whose kernels differ.
few='*falcon_7b*:*falcon_rw16*:*mistral_window*:*awq_g32*:*awq_mixed*:*ct_symmetric*:*gguf_llama_k_quants*'
sanitizer_limit=400
if [ -n "$quick" ]; then
    few='*falcon_7b*:*mistral_window*:*awq_mixed*'
    sanitizer_limit=150
fi
sanitize() {
    local tool="$1"
    for program in "$kernels" "$models"; do
        local filter='*'
        [ "$program" = "$kernels" ] || filter="$few"
        compute-sanitizer --tool "$tool" --error-exitcode 9 --print-limit 20 \
            "$program" --gtest_brief=1 --gtest_filter="$filter" || return
    done
}
for tool in memcheck racecheck; do
    wanted "$tool" || continue
    if command -v compute-sanitizer >/dev/null; then
        export -f sanitize
        export kernels models few
        step "$tool" "$sanitizer_limit" bash -c "sanitize $tool"
    else
        note "$tool" absent 0 "no compute-sanitizer on this machine"
    fi
done

echo "== $out/summary.txt"
cat "$out/summary.txt"
[ "$failures" -eq 0 ]
