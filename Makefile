# newswatch: every target sets up what it needs. Needs: make, and Python 3.11 or newer with venv, or uv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SOURCES := stream ingest processors alerts indexer newswatch training deploy tests benchmarks examples

.PHONY: setup demo test wheel-test chaos services lint bench train certainty docs lock clean

setup: $(READY)

# The locked versions, checked by hash; then newswatch itself, editable, built with the locked build backend.
$(READY): requirements-dev.lock pyproject.toml
	@for python in $(PYTHON) python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "setting up .venv with $$python"; \
	    $$python -m venv --clear .venv && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	    touch $(READY) && exit 0; exit 1; \
	  fi; \
	done; \
	if command -v uv >/dev/null; then \
	  echo "setting up .venv with uv"; \
	  uv venv --quiet --clear --python '>=3.11' .venv && \
	  uv pip install --quiet --python .venv --require-hashes -r requirements-dev.lock && \
	  uv pip install --quiet --python .venv --no-deps --no-build-isolation -e . && \
	  touch $(READY) && exit 0; exit 1; \
	fi; \
	echo "newswatch needs Python 3.11 or newer with venv (Debian: apt install python3-venv), or uv" >&2; exit 2

demo: $(READY)
	@$(BIN)/newswatch demo

# Two test runs side by side (tests/__main__.py), for each waits half of its time; .venv/bin/python -m pytest is one.
test: $(READY)
	@$(BIN)/python -m tests

# The wheel in an environment of its own plays the demo. Packages come from an index, or with UV_OFFLINE=1 from uv's cache.
wheel-test: $(READY)
	@$(BIN)/python -m tests.wheel

# Real servers and workers, killed again and again for some 15 minutes; the tests do a short form of it.
chaos: $(READY)
	@$(BIN)/python -m tests.end_to_end.real_chaos

# Real servers for trying things out; prints the settings to use, ends with Ctrl-C. Needs Docker, or Java 17 and Maven.
services: $(READY)
	@$(BIN)/python -m tests.services

lint: $(READY)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(READY)
	$(BIN)/python -m benchmarks

# The learned model and the weights of the certainty, from corpus/: about half an hour on two free cores.
train: $(READY) requirements-train.lock
	$(BIN)/uv pip install --quiet --python .venv --require-hashes -r requirements-train.lock
	$(BIN)/python -m training

# How sure a move is, fitted anew: after every change of the extraction, in a minute or two.
certainty: $(READY)
	$(BIN)/python -m training.certainty

# What is derived from the code: the reference of commands, settings and fields, and what Kibana imports. A test fails
# when it is stale.
docs: $(READY)
	$(BIN)/python -m newswatch.reference docs
	$(BIN)/python -m newswatch.kibana deploy/kibana/newswatch.ndjson

# Exact versions and hashes, without the address of any index.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --extra dev --extra train pyproject.toml -o requirements-train.lock
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['build-system']['requires'], sep='\n')" | \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header - -o deploy/build.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis dist
