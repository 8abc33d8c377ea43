# The two commands of the README are `make run` and `make test`; everything else is one command each.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
BENCH_DATA ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
LOG := $(VENV)/install.log
comma := ,
export OMP_NUM_THREADS ?= 1

# pip's exit code passes the pipe in a file, for sh has no pipefail. The screen shows what goes on; the log has all of it.
define install
@{ $(PIP) install --progress-bar off $(1) 2>&1; echo $$? >$(VENV)/.status; } | tee $(LOG) \
	| grep -E '^ *(Collecting|Downloading|Building|Installing|ERROR)'; \
	test "$$(cat $(VENV)/.status)" = 0 || { echo "the installation failed: $(LOG) says why"; exit 1; }
endef

.PHONY: help run install test lint types contracts pytest fuzz format bench bench-gate migration clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-12s %s\n", $$1, $$2}'

run: $(VENV)/.core  ## installs the light core and starts the embedded platform with its demo experts
	@exec $(BIN)/doyen up --demo --data $(DATA)

install: $(VENV)/.all  ## everything: models, demo, development

test: $(VENV)/.all  ## lint, types, import contracts, tests
	@$(MAKE) --no-print-directory lint types contracts pytest

lint: $(VENV)/.all  ## ruff and deptry
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry platform experts router workers

types: $(VENV)/.all  ## mypy (strict) and pyright
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

contracts: $(VENV)/.all  ## which part may import which
	$(BIN)/lint-imports

pytest: $(VENV)/.all  ## all tests
	$(BIN)/python -m pytest

format: $(VENV)/.all  ## writes the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.all  ## the figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks.spine

bench-gate: $(VENV)/.all  ## the gate beside its neighbours: make bench-gate BENCH_DATA=folder
	@test -n "$(BENCH_DATA)" || { echo "BENCH_DATA names the folder of clinc150/, banking77/ and the others"; exit 1; }
	$(BIN)/python -m benchmarks.gate --data "$(BENCH_DATA)"

fuzz: $(VENV)/.all  ## the long form of the bad-input tests: 10,000 bodies, all of the API
	DOYEN_FUZZ=long $(BIN)/python -m pytest tests/platform/fuzz -x --timeout 3000

migration: $(VENV)/.all  ## drafts a migration from the models: make migration MESSAGE="what changes"
	$(BIN)/alembic -c migrations/alembic.ini revision --autogenerate -m "$(MESSAGE)"

clean:  ## removes the environment, not the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Torch comes first and pinned: a library that wants "any torch" would fetch gigabytes of CUDA.
$(VENV)/.all: $(VENV)/.core
	@echo "installing models and tools (a few minutes the first time)"
	$(call install,torch==2.13.0)
	$(call install,--editable '.[demo$(comma)models$(comma)dev]')
	@touch $@

$(VENV)/.core: pyproject.toml
	@test -x $(BIN)/python || { \
		$(PYTHON) $(NEW_ENOUGH) || { echo "Doyen needs Python 3.11 or newer: make run PYTHON=python3.12"; exit 1; }; \
		echo "creating $(VENV)"; \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
			echo "$(PYTHON) cannot make $(VENV): on Debian and Ubuntu, 'apt install python3-venv' first"; exit 1; }; }
	@$(BIN)/python $(NEW_ENOUGH) && $(PIP) --version >/dev/null || { \
		echo "$(VENV) has no Python 3.11 or newer with pip: 'make clean', then 'make run PYTHON=python3.12'"; exit 1; }
	@echo "installing the light core (about 300 MB, no torch)"
	$(call install,--editable '.[demo]')
	@touch $@
