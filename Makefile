# Needs python3 (3.11 or later) and make; everything else is installed into .venv from requirements.lock.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
BIN := .venv/bin
PACKAGES := lib tests bench

FLAGS :=

.PHONY: help sandbox test lint types bench lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

test: .venv/ready lint types  ## environment, lint, types, all tests
	$(BIN)/pytest

sandbox: .venv/ready  ## environment, then the sandbox on port 8787; FLAGS='--site DIR ...' adds flags
	$(BIN)/sandbox serve $(FLAGS)

lint: .venv/ready  ## ruff, lint and format
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)

types: .venv/ready  ## mypy --strict on lib
	$(BIN)/mypy

bench: .venv/ready  ## the benchmarks, as a table of ratios
	$(BIN)/python bench/sandbox.py

# uv is much faster than pip, but it will not go everywhere pip goes (other certificate stores, other platforms).
.venv/ready: requirements.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("needs Python 3.11 or later; say which with PYTHON=...")'
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock \
	  && $(BIN)/uv pip sync --quiet --system-certs --compile-bytecode --require-hashes --python $(BIN)/python requirements.lock \
	  || $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	($(BIN)/uv pip install --quiet --no-build-isolation --no-deps --python $(BIN)/python -e . 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .)
	touch $@

lock:  ## pin what pyproject.toml asks for (needs uv)
	uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group test pyproject.toml -o requirements.lock
	echo uv | uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate - -o requirements-uv.lock

clean:  ## drop the environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/clients/node/node_modules
