#!/bin/sh
# Sizes, times and memory at scale: random weights with the tensors of Llama-3.2-3B, and a dense GRADIEND for them.
#
#     Tests/real/bench-large.sh GRADIEND-PATCH-BENCH FOLDER [OPTION ...]
#
# Each command runs $RUNS times, once unless set. Options go to 'gradiend-patch-bench measure'.
# Leaves FOLDER/results.jsonl, FOLDER/results.md, and the model for the next time.
set -eu
bench=$1
folder=$2
shift 2
commit=$(git -C "$(dirname "$0")" describe --always --dirty 2>/dev/null || true)
mkdir -p "$folder"
[ -d "$folder/model" ] || "$bench" synthesise --shape llama-3.2-3b -o "$folder/model"
"$bench" measure "$folder/model/base" --label 'Llama-3.2-3B, synthetic' --gradiend "$folder/model/gradiend" --feature-factor=-1 \
  --learning-rate 0.001 --runs "${RUNS:-1}" --threads "$(nproc)" --folder "$folder" ${commit:+--commit "$commit"} "$@" \
  >"$folder/results.jsonl"
"$bench" table "$folder/results.jsonl" | tee "$folder/results.md"
