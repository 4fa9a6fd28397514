#!/usr/bin/env bash
# Time, bytes read and memory of shares against one process, on random weights with the tensors of the first $LAYERS layers,
# 12 unless set, of Llama-3.2-3B, in 8 and in 64 shards: bench.sh GRADIEND-PATCH GRADIEND-PATCH-BENCH FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$3
rm -rf "$folder"
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder"
"$2" synthesise --shape llama-3.2-3b --layers "${LAYERS:-12}" -o "$folder/model"
for shards in 8 64; do
  mv "$folder/model/base" "$folder/old"
  python3 -B "$here/model.py" cut "$folder/old" "$folder/model/base" "$shards"
  rm -r "$folder/old"
  python3 "$here/measure.py" "$1" "$folder/model" "$shards"
done
