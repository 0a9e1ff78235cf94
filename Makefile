# make quickstart   set up, adapt the embedded CLIP to synthetic images, evaluate it
# make test         set up, run the tests
# make test-integration   launchers, several processes, browsers, whole commands, the Hub on loopback, the tutorials
# make test-wheel   build the wheel, install it in an empty environment, train, evaluate and predict there
# make test-compat  the loading script's tests, in an environment of their own with datasets 3.6
# make docs         the documentation as a site, in docs/_build/html; a link that leads nowhere ends it
# make screenshots  pictures of every page for the documentation, with Chromium (minutes)
# make bench        what the engine's shortcuts gain, against their naive forms (about 10 minutes)
# make bench-gpu    how near to a GPU's limit it trains, where there is one
# make pretrain     make the embedded model anew, on rendered images alone (three or four hours on 2 cores; goes on if stopped)
# A step whose inputs have not changed is skipped.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
SCRIPT_BIN := .venv-compat/bin

.PHONY: quickstart test test-integration test-wheel test-compat docs screenshots bench bench-gpu pretrain lint format clean

quickstart: .venv/base
	$(BIN)/accelerate launch --num_processes 1 --num_machines 1 --mixed_precision no --dynamo_backend no \
		train.py --recipe quickstart --output-dir runs/quickstart

test: .venv/dev
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal

test-integration: .venv/dev
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal -m integration

test-wheel: .venv/bin/python
	PYTHON=$(PYTHON) tests/wheel.sh

test-compat: .venv-compat/installed
	PYTHONPATH=. $(SCRIPT_BIN)/python -m pytest tests/compat

docs: .venv/docs
	$(BIN)/sphinx-build -W --keep-going -n -q -d docs/_build/doctrees docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

screenshots: .venv/dev
	$(BIN)/python docs/screenshots.py

bench: .venv/base
	$(BIN)/python benchmarks/bench.py --out benchmarks/results/bench-cpu

bench-gpu: .venv/base
	$(BIN)/python benchmarks/bench_gpu.py --out benchmarks/results/bench-gpu

pretrain: .venv/base
	$(BIN)/steeldefectx pretrain --out runs/classes
	$(BIN)/steeldefectx pretrain --out runs/small --init runs/classes/model --image-size 80 --images 240000 \
		--composed 0.7 --place 32 --dense 32 --lr 2e-3
	$(BIN)/steeldefectx pretrain --out runs/pretrain --init runs/small/model --images 80000 \
		--composed 0.55 --place 32 --dense 32 --lr 1e-3
	$(BIN)/python -m steeldefectx.pretrain.localizer --out runs/localizer --init runs/pretrain/model

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-compat .venv-wheel build *.egg-info

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

.venv/docs: .venv/base
	@$(INSTALL) --editable ".[docs]"
	@touch $@

.venv-compat/installed: tests/compat/requirements.txt | .venv/bin/python
	.venv/bin/python -m venv .venv-compat
	$(SCRIPT_BIN)/pip install --quiet --disable-pip-version-check --requirement tests/compat/requirements.txt
	@touch $@
