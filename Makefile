# Every target sets up what it needs, and is quick where that is there already.

PYTHON ?= python3
export PYTHON

BIN := .venv/bin
PARTS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bakepy-tests

.PHONY: help quickstart examples check test test-versions lint lock bench proto grammar docs reference record clean
help:
	@echo "make quickstart   install bakepy into .venv, provide an engine, build the examples"
	@echo "make check        lint, and run the tests that need no engine"
	@echo "make test         run the whole test suite, real engines included"
	@echo "make test-versions  run the tests of make check with the newest and the lowest dependencies"
	@echo "make lint         check style and types"
	@echo "make lock         update requirements/ to the newest allowed versions"
	@echo "make bench        measure beside the reference"
	@echo "make record       record the reference's answers anew"
	@echo "make proto        generate the code of BuildKit's messages"
	@echo "make grammar      compile the grammar"
	@echo "make docs         write docs/reference anew"
	@echo "make clean        remove what these made in this folder"

quickstart: examples
	@scripts/venv.sh run
	@$(BIN)/bakepy engine install
	@$(BIN)/bakepy engine start
	cd examples && ../$(BIN)/bakepy build --builder embedded -f matrix.hcl --metadata-file bake-out/metadata.json
	@$(BIN)/python scripts/digests.py examples/bake-out/metadata.json

examples:
	@scripts/rootfs.sh examples/rootfs
	@mkdir -p examples/bake-out

.venv/dev:
	@scripts/venv.sh dev
.PHONY: .venv/dev

check: lint
	$(BIN)/python -m pytest -q -n auto -m "not e2e"

test: .venv/dev examples
	@$(BIN)/python -m tests.provide "$(PARTS)" --reference
	PATH="$(PARTS)/bin:$$PATH" $(BIN)/python -m pytest -q

test-versions: .venv/dev
	scripts/test_versions.sh lowest-direct
	scripts/test_versions.sh highest

lock: .venv/dev
	scripts/lock.sh

lint: .venv/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: reference
	PATH="$(PARTS)/bin:$$PATH" $(BIN)/python -m benchmarks --save

reference: .venv/dev
	@$(BIN)/python -m tests.provide "$(PARTS)" --reference

record: reference
	BUILDX=$(CURDIR)/.cache/reference/buildx $(BIN)/python -m tests.peer.record
	BUILDX=$(CURDIR)/.cache/reference/buildx $(BIN)/python -m tests.peer.record_definitions
	BUILDX=$(CURDIR)/.cache/reference/buildx $(BIN)/python -m tests.peer.record_compose

proto: .venv/dev
	$(BIN)/python -m bakepy.buildkit.proto.generate

grammar: .venv/dev
	$(BIN)/python scripts/grammar_tables.py

docs: .venv/dev
	$(BIN)/python scripts/reference_docs.py

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis examples/rootfs examples/bake-out
