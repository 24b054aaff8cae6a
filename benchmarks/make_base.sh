#!/usr/bin/env bash
# Remakes compact-base with retain's own commands: about 4 minutes of recording and 12 of training on two cores.
# usage: benchmarks/make_base.sh OUTPUT_DIRECTORY
set -euo pipefail
out=${1:?usage: benchmarks/make_base.sh OUTPUT_DIRECTORY}
mkdir -p "$out"

retain record --pretraining --episodes 6000 --seed 0 --workers 2 -o "$out/pretrain"

# First see: the first frames of episodes, where nothing but the picture says which way to go, and no flow gradient in
# the backbone. Without this stage the policy learns to do well enough blind (docs/decisions.md).
retain finetune --scratch --data "$out/pretrain" --steps 400 --batch-size 64 --lr 1e-3 --warmup 50 --jitter 0 \
  --ema 0.9 --early-share 0.99 --insulate -o "$out/grounded"

# Then act: everything.
retain finetune "$out/grounded" --data "$out/pretrain" --steps 3200 --batch-size 64 --lr 1e-3 --warmup 100 \
  --ema 0.998 --early-share 0.3 -o "$out/compact_base"

retain evaluate "$out/compact_base" --suites generalist -n 200 --workers 2 -o "$out/evaluation.parquet"
