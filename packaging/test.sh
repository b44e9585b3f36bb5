#!/usr/bin/env bash
# test.sh PRESET : installs what the tests need, builds, runs all of them. ctest's summary comes last.
set -euo pipefail
cd "$(dirname "$0")/.."
preset="$1"

packaging/build.sh "$preset" --tests
if model="$(packaging/starter_model.sh </dev/null)"; then
    export EDGECHAT_STARTER_MODEL="$model"
else
    unset EDGECHAT_STARTER_MODEL
    echo "edgechat: no starter model: the tests that need it will be skipped and say so" >&2
fi
# The tests are not to depend on the user's display, session or data.
unset WAYLAND_DISPLAY DISPLAY XDG_SESSION_TYPE EDGECHAT_HOME
exec ctest --preset "$preset" -j "$(nproc)" --timeout 600 </dev/null
