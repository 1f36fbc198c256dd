#!/bin/sh
# Make .venv with bakepy in it: scripts/venv.sh [EXTRA]. Quick where nothing has changed.
set -eu
cd "$(dirname "$0")/.."

extra=${1:-}
what=".${extra:+[$extra]}"
stamp=.venv/.installed${extra:+-$extra}
sum=$(cksum <pyproject.toml)
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
    elif "$python" -m virtualenv --version >/dev/null 2>&1; then
        "$python" -m virtualenv -q .venv
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing python3-venv, which this Python lacks"
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update </dev/null >/dev/null
        apt-get -qq install -y --no-install-recommends python3-venv </dev/null >/dev/null
        "$python" -m venv .venv
    elif "$python" -m pip --version >/dev/null 2>&1; then
        tools=$(mktemp -d)
        "$python" -m pip install -q --target "$tools" virtualenv
        PYTHONPATH=$tools "$python" -m virtualenv -q .venv
        rm -r "$tools"
    else
        echo "this Python can make no virtual environment: as root, run: apt-get install python3-venv" >&2
        return 1
    fi
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    rm -rf .venv
    echo "making .venv"
    make_venv
fi
echo "installing bakepy into .venv"
.venv/bin/python -m pip install -q --disable-pip-version-check --editable "$what"
echo "$sum" >"$stamp"
