#!/usr/bin/env bash
# The README's result on real images: tiny from scratch, three seeds.
#   benchmarks/real_images.sh raw/        raw/ holds NEU and X-SDD
# Writes benchmarks/results/tiny-neu-xsdd-<seed>.json, what train.py found.
set -euo pipefail
for seed in 0 1 2; do
    accelerate launch --num_processes 1 train.py --data-dir "$1" --model tiny --train-text T1 --seed "$seed" \
        --output-dir "runs/real-images-$seed"
    cp "runs/real-images-$seed/results.json" "benchmarks/results/tiny-neu-xsdd-$seed.json"
done
