#!/usr/bin/env bash
# install_packages.sh LIST... : installs the packages of the lists that are missing, after naming them.
# Says and does nothing when all are there. EDGECHAT_SKIP_PACKAGES=1 skips the check altogether.
set -euo pipefail

[ "${EDGECHAT_SKIP_PACKAGES:-0}" = 1 ] && exit 0

say() { echo "edgechat: $*" >&2; }

wanted=()
while IFS= read -r line; do
    line="${line%%#*}"
    line="${line//[[:space:]]/}"
    [ -n "$line" ] && wanted+=("$line")
done < <(cat -- "$@")

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "this machine has no apt. Install the equivalents of these packages yourself, then set EDGECHAT_SKIP_PACKAGES=1:"
    printf '    %s\n' "${wanted[@]}" >&2
    exit 1
fi

declare -A installed=()
while read -r status package; do
    [ "$status" = installed ] && installed["$package"]=1
done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n')

in_archive() { apt-cache policy "$1" 2>/dev/null | grep -q '^ *Candidate: [^(]'; }

required=() optional=()
for entry in "${wanted[@]}"; do
    found=0
    for package in $(tr '|' ' ' <<<"${entry#\?}"); do
        [ -n "${installed[$package]:-}" ] && found=1
    done
    [ "$found" = 1 ] && continue
    if [[ "$entry" == \?* ]]; then optional+=("${entry#\?}"); else required+=("$entry"); fi
done

# Without a required package missing, an optional one is worth a download only if the lists at hand have it.
if [ ${#required[@]} -eq 0 ]; then
    known=()
    for package in ${optional[@]+"${optional[@]}"}; do in_archive "$package" && known+=("$package"); done
    optional=(${known[@]+"${known[@]}"})
fi
missing=(${required[@]+"${required[@]}"} ${optional[@]+"${optional[@]}"})
[ ${#missing[@]} -eq 0 ] && exit 0

say "these ${#missing[@]} packages are needed and not installed:"
printf '    %s\n' "${missing[@]//|/ or }" >&2

as_root=()
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        say "installing them takes root, and there is no sudo here. As root, run:"
        echo "    apt-get update && apt-get install ${missing[*]%%|*}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
apt() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" </dev/null >&2
}

if ! apt update; then
    say "the package lists could not be fetched: is this machine connected to a network, and is root allowed to you?"
    exit 1
fi
chosen=()
for entry in ${required[@]+"${required[@]}"}; do
    name="${entry%%|*}"
    for package in $(tr '|' ' ' <<<"$entry"); do
        if in_archive "$package"; then name="$package"; break; fi
    done
    chosen+=("$name")
done
for package in ${optional[@]+"${optional[@]}"}; do in_archive "$package" && chosen+=("$package"); done
[ ${#chosen[@]} -eq 0 ] && exit 0

if ! apt install -y --no-install-recommends "${chosen[@]}"; then
    say "apt-get could not install: ${chosen[*]}. Its own words are above; on Ubuntu the component 'universe' must be on."
    exit 1
fi
