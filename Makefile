# Needs python3 (3.11 or later) and make; everything else is installed into .venv from requirements.lock.

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
BIN := .venv/bin
PACKAGES := lib tests bench notebooks

FLAGS :=
UNITS := run commands cutover
# A file of tests a core, in the order of tests/conftest.py: the long ones first.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

# Where it is set, every kernel and every test process compiles the project and the tests anew, for seconds each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help migrate test quick coverage lab sandbox lint types bench lock clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 10

migrate: .venv/ready  ## environment, sandbox, all six phases headless, evidence and report under runs/; FLAGS='--turn-flags ...'
	$(BIN)/runbook run all $(FLAGS)

test: .venv/ready .venv-lab/ready lint types coverage  ## environment, lint, types, all tests, notebooks included
	COVERED_UNITS="$(UNITS)" $(BIN)/pytest $(PARALLEL)

quick: .venv/ready  ## the fast half of the tests: units of everything, no whole runs; under three minutes on two cores
	$(BIN)/pytest -n auto --dist loadfile -m "not slow" -p no:nbval -p no:cov

# What whole runs used to cover alone has unit tests of its own; they stay.
coverage: .venv/ready  ## what units reach of a run, its commands and the cut-over: 90 % at least
	$(BIN)/pytest $(PARALLEL) -m "not slow" $(UNITS:%=tests/runbook/%) $(UNITS:%=--cov=runbook.%) --cov-fail-under=90

lab: .venv-lab/ready  ## environment, then JupyterLab on notebooks/
	.venv-lab/bin/jupyter lab --notebook-dir=. --LabApp.default_url=/lab/tree/notebooks \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate $(FLAGS)

sandbox: .venv/ready  ## environment, then the sandbox on port 8787; FLAGS='--site DIR ...' adds flags
	$(BIN)/sandbox serve $(FLAGS)

lint: .venv/ready  ## ruff, lint and format; the layers
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/lint-imports

types: .venv/ready  ## mypy --strict on lib
	$(BIN)/mypy

bench: .venv/ready  ## the benchmarks, as a table of ratios
	$(BIN)/python bench/servers.py
	$(BIN)/python bench/load.py
	$(BIN)/python bench/scoring.py
	$(BIN)/python bench/records.py
	$(BIN)/python bench/writes.py

# uv is much faster than pip, but it will not go everywhere pip goes (other certificate stores, other platforms).
# JupyterLab has an environment of its own: with it installed, every headless kernel starts a second later.
.venv/ready: LOCK := requirements.lock
.venv-lab/ready: LOCK := requirements-lab.lock
.venv/ready .venv-lab/ready: %/ready: requirements.lock requirements-lab.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("needs Python 3.11 or later; say which with PYTHON=...")'
	$(PYTHON) -m venv --clear $*
	$*/bin/python -m pip install --quiet --require-hashes -r requirements-uv.lock \
	  && $*/bin/uv pip sync --quiet --system-certs --compile-bytecode --require-hashes --python $*/bin/python $(LOCK) \
	  || $*/bin/python -m pip install --quiet --require-hashes -r $(LOCK)
	($*/bin/uv pip install --quiet --no-build-isolation --no-deps --python $*/bin/python -e . 2>/dev/null \
	  || $*/bin/python -m pip install --quiet --no-build-isolation --no-deps -e .)
	touch $@

lock:  ## pin what pyproject.toml asks for (needs uv)
	uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group test pyproject.toml -o requirements.lock
	uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --group lab --constraint requirements.lock pyproject.toml -o requirements-lab.lock
	echo uv | uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate - -o requirements-uv.lock

clean:  ## drop the environments, the caches, and the sandbox with its state (runs/ stays)
	-$(BIN)/runbook stop 2>/dev/null
	rm -rf .runbook/sandbox .venv .venv-lab .pytest_cache .mypy_cache .ruff_cache .hypothesis tests/clients/node/node_modules
