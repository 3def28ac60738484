# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
# ape finds vyper on PATH, so the environment's tools must come first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport PYTHONPATH VIRTUAL_ENV PYTHONHOME

PYTEST_ARGS ?=
# Tests run in as many processes, a file always in one.
JOBS ?= 2
UV = $$(scripts/bootstrap_uv.sh)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links
PYTHON_SOURCES := offchain_workers verifiers scripts tests $(wildcard benchmarks)
VYPER_SOURCES = $(shell find contracts interfaces -name '*.vy' -o -name '*.vyi' 2>/dev/null)

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# --- environments -----------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.dev anvil  ## make .venv with everything a developer needs

$(BIN)/python: scripts/bootstrap_uv.sh scripts/find_python.sh
	@test -x $@ || { python=$$(scripts/find_python.sh) && $(UV) venv --quiet --python "$$python" $(VENV); }
	@touch -c $@

# The runtime and the demo; a subset of the developers' set with the same versions.
$(VENV)/.demo: $(BIN)/python pyproject.toml requirements/demo.txt requirements/build.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes \
		--build-constraints requirements/build.txt -r requirements/demo.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/build.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes \
		--build-constraints requirements/build.txt -r requirements/dev.txt
	@touch $@

# mamushi, the Vyper formatter, never resolves beside ape.
.venv-fmt/.done: requirements/format.txt $(BIN)/python
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-fmt
	$(UV) pip install --quiet --python .venv-fmt/bin/python --require-hashes -r requirements/format.txt
	@touch $@

# Third-party servers that the tests talk to: they resolve neither beside ape nor beside one another.
.venv-mlserver/.done .venv-kserve/.done: .venv-%/.done: requirements/servers-%.txt $(BIN)/python
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-$*
	$(UV) pip install --quiet --python .venv-$*/bin/python --require-hashes -r $<
	@touch $@

# Triton's Python backend runs under the system's own interpreter alone.
SYSTEM_PYTHON := /usr/bin/python3.11
.venv-triton/.done: requirements/servers-triton.txt
	@test -x $(SYSTEM_PYTHON) || { echo "Triton needs $(SYSTEM_PYTHON)" >&2; exit 1; }
	$(UV) venv --quiet --clear --python $(SYSTEM_PYTHON) .venv-triton
	$(UV) pip install --quiet --python .venv-triton/bin/python --require-hashes -r $<
	@touch $@

# Ray wants versions that ape's caps exclude.
.venv-ray/.done: requirements/ray.txt $(BIN)/python
	$(UV) venv --quiet --clear --python $(BIN)/python .venv-ray
	$(UV) pip install --quiet --python .venv-ray/bin/python --require-hashes \
		--build-constraints requirements/build.txt -r $<
	@touch $@

.PHONY: anvil
anvil:  ## fetch anvil when npm is here (without it the chain in Python serves)
	@scripts/fetch_anvil.sh

# --- run --------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.demo anvil  ## a whole market on this machine: jobs posted, run, paid and shown
	@fusion demo

.PHONY: bench
bench: setup .venv-mlserver/.done .venv-ray/.done  ## measure everything into benchmarks/
	python -m benchmarks

# --- check ------------------------------------------------------------------------------------

.PHONY: test
test: setup .venv-mlserver/.done  ## every test that is not slow
	@if [ -f tests/ape/pytest.ini ]; then PYTHONWARNINGS=ignore ape test tests/ape -c tests/ape/pytest.ini -q; fi
	python -m pytest -q --numprocesses $(JOBS) --dist loadfile $(PYTEST_ARGS)

.PHONY: test-slow
test-slow: setup  ## the long runs: fuzzing at length, soak, whole models
	python -m pytest -q -m slow $(PYTEST_ARGS)

.PHONY: test-servers
test-servers: setup .venv-mlserver/.done .venv-kserve/.done $(if $(wildcard $(SYSTEM_PYTHON)),.venv-triton/.done)
test-servers:  ## jobs on MLServer, KServe and NVIDIA Triton (a gigabyte of environments)
	python -m pytest -q -rs tests/servers -m "slow or not slow" $(PYTEST_ARGS)

.PHONY: test-ray
test-ray: .venv-ray/.done  ## jobs on a Ray cluster of two nodes, one of which is killed
	PYTHONPATH=$(CURDIR) .venv-ray/bin/python -m pytest -q -rs tests/ray -m "slow or not slow" $(PYTEST_ARGS)

.PHONY: conformance
conformance: setup  ## compiled models on other processors by emulation: docs/opml-conformance.md
	python -m pytest -q -rs tests/conformance -m "slow or not slow" --write $(PYTEST_ARGS)

.PHONY: lint
lint: lint-python lint-vyper lint-files  ## everything CI refuses

.PHONY: lint-python
lint-python: $(VENV)/.dev
	ruff check $(PYTHON_SOURCES)
	ruff format --check $(PYTHON_SOURCES)
	mypy

.PHONY: lint-vyper
lint-vyper: $(VENV)/.dev .venv-fmt/.done
	.venv-fmt/bin/mamushi --line-length 120 --check $(VYPER_SOURCES)
	# A module that uses another's state compiles only inside the contract that has it.
	natrix lint $$(grep -rL '^uses:' contracts --include='*.vy')
	python scripts/build_artifacts.py --check

.PHONY: lint-files
lint-files: $(VENV)/.dev
	python scripts/check_spdx.py

.PHONY: format
format: $(VENV)/.dev .venv-fmt/.done  ## rewrite sources the way lint wants them
	ruff check --fix $(PYTHON_SOURCES)
	ruff format $(PYTHON_SOURCES)
	.venv-fmt/bin/mamushi --line-length 120 $(VYPER_SOURCES)

# --- generated files --------------------------------------------------------------------------

.PHONY: artifacts
artifacts: $(VENV)/.dev  ## compile the contracts into package data
	python scripts/build_artifacts.py

.PHONY: lock
lock:  ## resolve every lock again (versions and hashes, no addresses)
	$(COMPILE) pyproject.toml --extra dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra demo -c requirements/dev.txt -o requirements/demo.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt -o requirements/base.txt
	$(COMPILE) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) requirements/format.in -o requirements/format.txt
	$(COMPILE) pyproject.toml requirements/ray.in --extra ray --extra demo -o requirements/ray.txt
	for kind in mlserver kserve triton; do \
		$(COMPILE) requirements/servers-$$kind.in -o requirements/servers-$$kind.txt || exit 1; \
	done
	$(COMPILE) requirements/uv.in -o requirements/uv.txt

.PHONY: clean
clean:  ## remove everything that was built or fetched
	rm -rf $(VENV) .venv-* .cache node_modules .build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
