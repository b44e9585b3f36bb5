#!/usr/bin/env bash
# build.sh PRESET [--tests] [TARGET...] : installs what is missing, configures build/PRESET once, builds.
# Everything it says goes to stderr; it reads nothing from stdin.
set -euo pipefail
cd "$(dirname "$0")/.."

preset="$1"
shift
tests=OFF
if [ "${1:-}" = --tests ]; then
    tests=ON
    shift
fi

lists=(packaging/packages-build.txt)
[ "$tests" = ON ] && lists+=(packaging/packages-test.txt)
packaging/install_packages.sh "${lists[@]}"

build="build/$preset"
cache="$build/CMakeCache.txt"
# A build folder that was copied or moved here belongs to another place.
if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$cache"; then
    rm -rf "$build"
fi

# Configured once: ninja configures again by itself when a CMakeLists.txt changes. Tests are only ever added, so
# that `make run` after `make test` builds nothing twice.
if [ ! -f "$build/build.ninja" ] || { [ "$tests" = ON ] && ! grep -qx 'EDGECHAT_TESTS:BOOL=ON' "$cache"; }; then
    options=("-DEDGECHAT_TESTS=$tests")
    command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    cmake --preset "$preset" "${options[@]}" </dev/null >&2
fi
targets=()
[ $# -gt 0 ] && targets=(--target "$@")
cmake --build "$build" ${targets[@]+"${targets[@]}"} </dev/null >&2
