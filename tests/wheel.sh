#!/usr/bin/env bash
# Builds the wheel, installs it in an empty environment, and uses it in an empty folder, far from the checkout:
# train, evaluate, predict, load_dataset, and what the package ships beside its code.
# PYTHON: the interpreter. CONSTRAINTS: the versions, constraints.txt by default. VENV: where the environment goes.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
python=${PYTHON:-python3.11}
constraints=${CONSTRAINTS:-constraints.txt}
venv=$(realpath -m "${VENV:-.venv-wheel}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH

rm -rf build
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/pip" wheel --quiet --no-deps --wheel-dir "$work/wheel" .
rm -rf build
"$venv/bin/pip" install --quiet --constraint "$constraints" "$work"/wheel/*.whl
"$venv/bin/pip" install --quiet --no-deps --force-reinstall "$work"/wheel/*.whl # another wheel of the same version

mkdir "$work/empty"
cd "$work/empty"
export HF_HOME=$work/home HF_HUB_OFFLINE=1
run() { echo "+ $*"; "$venv/bin/$@"; }
run steeldefectx --version
run steeldefectx doctor
run steeldefectx train --recipe quickstart --output-dir runs/quickstart
run steeldefectx eval --checkpoint runs/quickstart --output eval.json
run python - "$root" <<'PYTHON'
import json, sys
from importlib.resources import files

import steeldefectx
from datasets import load_dataset

assert not steeldefectx.__file__.startswith(sys.argv[1] + "/steeldefectx/"), steeldefectx.__file__
for name in ("py.typed", "embedded/model.safetensors", "recipes/quickstart.yaml", "benchmark/grids/paper.yaml",
             "launch/fsdp.yaml", "annotate/desk/page/desk.html", "utils/page.css", "utils/page.js",
             "inference/demo/demo.js"):
    assert (files("steeldefectx") / name).is_file(), name
for file in ("eval.json", "runs/quickstart/results.json"):
    accuracy = json.load(open(file))["accuracy"]
    assert accuracy >= 0.9, accuracy
rows = load_dataset("steeldefectx", "sample", split="test")
assert len(rows) == 300 and rows[0]["T3"]
rows[0]["image"].save("strip.png")
PYTHON
run steeldefectx predict strip.png --checkpoint runs/quickstart --out predictions.csv
run steeldefectx benchmark paper --out runs/paper --list >/dev/null
grep -q strip.png predictions.csv
echo "The wheel works in $venv."
