#!/bin/sh
# Write requirements/*.txt: the newest versions that pyproject.toml allows, with hashes, for every supported Python.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile -q --universal --upgrade --generate-hashes --no-annotate \
        --custom-compile-command "make lock" "$@"
}

compile pyproject.toml --group build -o requirements/run.txt
compile pyproject.toml --group build --group dev -c requirements/run.txt -o requirements/dev.txt
