# Sourced by the other scripts: makes or refreshes .venv in the checkout, from scripts/requirements.lock.
# Afterwards $root is the checkout and $venv its environment. The second time it costs a few milliseconds.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
lock=$root/scripts/requirements.lock
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
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11, 3.12 or 3.13 with its venv module (Debian: apt install python3-venv);" \
        "set POLYCAP_PYTHON to one that is not on PATH"
}

# What the environment was made from: when any of it changes, it is refreshed.
fingerprint() {
    { printf '%s\n' "$root"; cat "$lock" "$root/pyproject.toml" "$root/scripts/setup.sh"; } | cksum
}

install() {
    # Silent unless somebody watches: pip names each of some 80 packages.
    local pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input) quiet=-qq
    if [ -t 2 ]; then quiet=; fi
    "${pip[@]}" install ${quiet:+"$quiet"} --require-hashes -r "$lock" >&2 &&
        "${pip[@]}" install ${quiet:+"$quiet"} --no-deps --no-build-isolation --editable "$root" >&2
}

set_up() {
    local python want
    want=$(fingerprint)
    if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
        return
    fi
    rm -f "$stamp"
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        echo 'polycap: bringing .venv up to date' >&2
    else
        python=$(find_python)
        echo 'polycap: making .venv (2 to 4 minutes, 3 GB of disk; only this time)' >&2
        "$python" -m venv --clear "$venv" || fail "could not make $venv with $python"
    fi
    install || fail 'could not install the packages of scripts/requirements.lock; see the message above'
    printf '%s\n' "$want" >"$stamp"
}

set_up
