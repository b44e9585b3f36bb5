#!/usr/bin/env bash
# run.sh : builds, fetches the starter model and opens the window; without a display, a chat in this terminal.
# stdout carries the conversation alone; stdin is left to it.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "edgechat: $*" >&2; }

packaging/build.sh release edgechat edgechat-cli
model="$(packaging/starter_model.sh </dev/null)" || model=""

if packaging/display_usable.py; then
    if [ -n "$model" ]; then exec build/release/bin/edgechat --model "$model"; fi
    say "opening the window without a model"
    exec build/release/bin/edgechat
fi

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    say "no window can be opened on DISPLAY='${DISPLAY:-}' WAYLAND_DISPLAY='${WAYLAND_DISPLAY:-}': chatting in this terminal instead"
else
    say "there is no display here: chatting in this terminal instead"
fi
if [ -z "$model" ]; then
    say "and there is no model to chat with; run it again when the network is there"
    exit 5
fi
# Somebody at a terminal gets the usual sampling; a pipe gets the same answer each time.
if [ -t 0 ]; then exec build/release/bin/edgechat-cli chat "$model"; fi
exec build/release/bin/edgechat-cli chat "$model" --temperature 0 --repeat-penalty 1.1
