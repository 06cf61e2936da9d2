#!/usr/bin/env bash
# Makes or refreshes .venv in the checkout, from scripts/requirements.lock: all that training and the tests need.
#
#   scripts/setup.sh
#
# The other scripts source it; scripts/demo sets purpose=demo before, for an environment without TensorFlow, and
# scripts/canary POLYCAP_VENV, for another folder than .venv.
# Afterwards $root is the checkout and $venv its environment. The second time it costs a few milliseconds.
# Every Python is started with -P: a module that lies in the current folder is not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/${POLYCAP_VENV:-.venv}
purpose=${purpose:-}
full=$root/scripts/requirements.lock
lock=${purpose:+$root/scripts/requirements-$purpose.lock}
lock=${lock:-$full}
stamp=$venv/.polycap-stamp

# TensorFlow reports each start on stderr; errors still show.
export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-3}

fail() {
    printf 'polycap: %s\n' "$*" >&2
    exit 1
}

# Prints the first Python that can hold the environment. TensorFlow has no build for 3.14 yet.
find_python() {
    local candidate
    for candidate in ${POLYCAP_PYTHON:+"$POLYCAP_PYTHON"} python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -P -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11, 3.12 or 3.13 with its venv module (Debian: apt install python3-venv);" \
        "set POLYCAP_PYTHON to one that is not on PATH"
}

# What an environment of the lock $1 is made from: when any of it changes, it is refreshed.
fingerprint() {
    { printf '%s\n' "$root"; cat "$1" "$root/pyproject.toml" "$root/scripts/setup.sh"; } | cksum
}

# Whether the environment is up to date; one with everything serves each purpose.
is_ready() {
    local made
    [ -x "$venv/bin/python" ] && made=$(cat "$stamp" 2>/dev/null) || return 1
    [ "$made" = "$(fingerprint "$lock")" ] || [ "$made" = "$(fingerprint "$full")" ]
}

install() {
    # Silent unless somebody watches: pip names each of some 80 packages.
    local pip=("$venv/bin/python" -P -m pip --disable-pip-version-check --no-input) quiet=-qq
    if [ -t 2 ]; then quiet=; fi
    "${pip[@]}" install ${quiet:+"$quiet"} --require-hashes -r "$lock" >&2 &&
        "${pip[@]}" install ${quiet:+"$quiet"} --no-deps --no-build-isolation --editable "$root" >&2
}

set_up() {
    local python size=3
    if is_ready; then return; fi
    rm -f "$stamp"
    if "$venv/bin/python" -P -m pip --version >/dev/null 2>&1; then
        echo "polycap: bringing ${venv#"$root"/} up to date" >&2
    else
        python=$(find_python)
        if [ "$purpose" = demo ]; then size=1; fi
        echo "polycap: making ${venv#"$root"/} (some minutes, $size GB of disk; only this time)" >&2
        "$python" -P -m venv --clear "$venv" || fail "could not make $venv with $python"
    fi
    install || fail "could not install the packages of $lock; see the message above"
    fingerprint "$lock" >"$stamp"
}

set_up
