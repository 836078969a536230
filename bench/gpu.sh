#!/usr/bin/env bash
# Memory and tokens per second of a 7B shape on one NVIDIA GPU, in at most 4 minutes, without a network:
#   OUT=out/gpu bash bench/gpu.sh [--tiny]
# Needs torch, transformers, trl, peft, bitsandbytes and datasets; --tiny runs the same code on a CPU with two layers.
# Figures: $OUT/seven_b.jsonl, a line of JSON for each measurement as it ends.
set -u
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
nvidia-smi 2>/dev/null || true
python=.venv/bin/python # as setup.sh makes it; PYTHON names another
[ -x "$python" ] || python=python3
"${PYTHON:-$python}" bench/seven_b.py --out "${OUT:-out/gpu}" "$@"
