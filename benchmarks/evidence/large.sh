#!/usr/bin/env bash
# The studies of large/ and WNUT-17 on one GPU: every seed of every study in a process of its own,
# all at a time, so that small models fill a large GPU; then the seeds put together, and each study
# goes on where anything is left.
#   FTFT_DATA=... benchmarks/evidence/large.sh FOLDER
# PYTHON names the Python, MODEL a folder in the place of the published weights, SEEDS the seeds,
# STUDIES the studies. MORE holds further options of `ftft study`.
set -euo pipefail
out=$1
here=$(dirname "$0")
python=${PYTHON:-python}
seeds=${SEEDS:-0 1 2 3}
studies=${STUDIES:-large/sentiment large/nli large/offensive wnut17}
more=(${MORE:-})
if [ -n "${MODEL:-}" ]; then
  more+=(--set "base.reference.model=$MODEL" --set "base.main.model=$MODEL")
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false
mkdir -p "$out"
failed=0
started=()
for study in $studies; do
  for seed in $seeds; do
    "$python" -m ftft study "$here/$study.yaml" --set "grid.seeds=[$seed]" ${more[@]+"${more[@]}"} \
      --output "$out/parts/$(basename "$study")-$seed" > "$out/$(basename "$study")-$seed.log" 2>&1 &
    started+=($!)
  done
done
for one in "${started[@]}"; do
  wait "$one" || failed=1
done
for study in $studies; do
  name=$(basename "$study")
  for seed in $seeds; do
    mkdir -p "$out/$name"
    [ ! -d "$out/parts/$name-$seed" ] || cp -rl "$out/parts/$name-$seed/." "$out/$name/" 2>/dev/null || true
  done
  "$python" -m ftft study "$here/$study.yaml" --set "grid.seeds=[${seeds// /,}]" ${more[@]+"${more[@]}"} \
    --output "$out/$name" > "$out/$name.log" 2>&1 || { echo "failed: see $out/$name.log" >&2; failed=1; }
done
exit $failed
