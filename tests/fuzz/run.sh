#!/bin/sh
# Builds the fuzz targets and runs each subject of subjects.txt for a while: run.sh [SECONDS]. Fails when a target
# crashes, hangs or takes too much memory; the input that did it is then left in build/fuzz/findings.
set -eu
seconds=${1:-30}
cd "$(dirname "$0")/../.."
build=build/fuzz
if ! command -v clang++ >/dev/null 2>&1; then
    echo "skipped: the fuzz targets are built with clang++, which is not here"
    exit 77
fi
launcher=
if command -v ccache >/dev/null 2>&1; then launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake --preset fuzz $launcher >/dev/null
cmake --build "$build" --target fuzz_all --parallel "${JOBS:-2}"
"$build/bin/fuzz_seeds" "$build/seeds"
mkdir -p "$build/findings"
for subject in $(cat tests/fuzz/subjects.txt); do
    if ! [ -x "$build/bin/fuzz_$subject" ]; then
        echo "left out: $subject needs Qt Core, which is not here"
        continue
    fi
    mkdir -p "$build/corpus/$subject"
    echo "fuzzing $subject for $seconds seconds"
    log=$build/findings/$subject.log
    if "$build/bin/fuzz_$subject" -max_total_time="$seconds" -max_len=40000 -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=0 -artifact_prefix="$build/findings/$subject-" \
        "$build/corpus/$subject" "$build/seeds/$subject" >"$log" 2>&1; then
        grep '^stat::' "$log"
    else
        cat "$log"
        exit 1
    fi
done
