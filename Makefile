# make quickstart   set up, train a small CLIP on synthetic images, evaluate it
# make test         set up, run the tests
# A step whose inputs have not changed is skipped.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: quickstart test lint format clean

quickstart: .venv/base
	$(BIN)/accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
		train.py --recipe quickstart --output-dir runs/quickstart

test: .venv/dev
	$(BIN)/pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	@$(PYTHON) -m venv .venv

.venv/base: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing (about a minute) ..."
	@$(INSTALL) --editable .
	@touch $@

.venv/dev: .venv/base
	@$(INSTALL) --editable ".[dev]"
	@touch $@
