#!/bin/sh
# Test against the newest or the lowest versions that pyproject.toml allows: scripts/test_versions.sh highest|lowest-direct.
# The tools of development are the newest that go with them; the tests are those that need no engine.
set -eu
cd "$(dirname "$0")/.."

uv=$PWD/.venv/bin/uv
venv=.venv/versions-$1
"$uv" pip compile -q pyproject.toml --group build --resolution "$1" --python .venv/bin/python -o "$venv.txt"
"$uv" venv -q --clear --python .venv/bin/python "$venv"
"$uv" pip install -q --python "$venv/bin/python" --group dev --constraints "$venv.txt" --editable .
"$uv" pip list -q --python "$venv/bin/python" --exclude-editable
"$venv/bin/python" -m pytest -q -n auto -m "not e2e"
