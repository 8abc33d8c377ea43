# The two commands of the README are `make run` and `make test`; everything else is one command each.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= data
PIP := $(BIN)/python -m pip --disable-pip-version-check
export OMP_NUM_THREADS ?= 1

.PHONY: help run install test lint types contracts pytest fuzz format bench migration clean

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

fuzz: $(VENV)/.all  ## the long form of the bad-input tests: 10,000 bodies, all of the API
	DOYEN_FUZZ=long $(BIN)/python -m pytest tests/platform/fuzz -x --timeout 3000

migration: $(VENV)/.all  ## drafts a migration from the models: make migration MESSAGE="what changes"
	$(BIN)/alembic -c migrations/alembic.ini revision --autogenerate -m "$(MESSAGE)"

clean:  ## removes the environment, not the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Torch comes first and pinned: a library that wants "any torch" would fetch gigabytes of CUDA.
$(VENV)/.all: $(VENV)/.core
	@echo "installing models and tools (a few minutes the first time)"
	@$(PIP) install --quiet torch==2.13.0
	@$(PIP) install --quiet --editable '.[demo,models,dev]'
	@touch $@

$(VENV)/.core: pyproject.toml
	@test -x $(BIN)/python || { echo "creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Doyen needs Python 3.11 or newer: make run PYTHON=python3.12"; exit 1; }
	@echo "installing the light core (about 300 MB, no torch)"
	@$(PIP) install --progress-bar on --editable '.[demo]' | grep -E '^(Collecting|  Downloading|Downloading|Installing)' || true
	@$(BIN)/python -c 'import doyen_platform' || { echo "the installation failed: run '$(PIP) install -e .[demo]' to see why"; rm -f $@; exit 1; }
	@touch $@
