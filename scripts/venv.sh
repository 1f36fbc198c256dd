#!/bin/sh
# Make .venv with bakepy and the versions locked in requirements/: scripts/venv.sh run|dev.
# Does nothing if neither the lock file nor pyproject.toml has changed.
set -eu
cd "$(dirname "$0")/.."

lock=requirements/$1.txt
stamp=.venv/.installed-$1
sum=$(cat pyproject.toml "$lock" | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && .venv/bin/python -c 'import bakepy' 2>/dev/null; then
    exit 0
fi

find_python() {
    for candidate in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            echo "$candidate"
            return
        fi
    done
    echo "bakepy needs Python 3.11 or newer: install it, or name it, as in: make quickstart PYTHON=/path/to/python3" >&2
    return 1
}

make_venv() {
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        "$python" -m venv .venv
    elif "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip .venv 2>/dev/null; then
        : # Debian keeps ensurepip in python3-venv; the pip beside this Python can fill the environment
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv, which this Python lacks"
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update </dev/null >/dev/null
        apt-get -qq install -y --no-install-recommends python3-venv </dev/null >/dev/null
        "$python" -m venv .venv
    else
        echo "this Python cannot make virtual environments: as root, run: apt-get install python3-venv" >&2
        return 1
    fi
}

pip() {
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m pip --disable-pip-version-check "$@"
    else
        "$python" -m pip --disable-pip-version-check --python .venv/bin/python "$@"
    fi
}

python=$(find_python)
if ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    echo "making .venv"
    make_venv
fi
echo "installing bakepy into .venv"
pip install -q --require-hashes -r "$lock"
pip install -q --no-deps --no-build-isolation --editable .
echo "$sum" >"$stamp"
