#!/bin/sh
# Sizes, times and memory on pairs of finished models: quantised ones, and a step of training.
#
#     Tests/real/bench-pairs.sh GRADIEND-PATCH GRADIEND-PATCH-BENCH FOLDER [OPTION ...]
#
# The result is SmolLM2-135M with the GRADIEND of the fixtures, or with GRADIEND and H and A of the environment. $PYTHON has
# live-requirements.txt. Leaves FOLDER/results.jsonl and FOLDER/results.md.
set -eu
tool=$1
bench=$2
folder=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
: >"$folder/results.jsonl"

measure() {
  label=$1
  name=$2
  shift 2
  "$bench" measure "$folder/$name.base.safetensors" --result "$folder/$name.result.safetensors" --label "$label" \
    --folder "$folder" --python "$PYTHON" --peers "$@" >>"$folder/results.jsonl"
}

# The pairs of these kinds of a base of this name.
quantise() {
  name=$1
  shift
  "$tool" create "$folder/base-$name" "${GRADIEND:-$here/../../Fixtures/real/gradiend-top01pct}" -o "$folder/patch.safetensors" --force \
    "--feature-factor=${H:-1}" "--learning-rate=${A:-0.01}"
  "$tool" apply "$folder/base-$name" "$folder/patch.safetensors" -o "$folder/result-$name" --force
  "$PYTHON" "$here/quantised_pairs.py" "$folder/base-$name/model.safetensors" "$folder/result-$name/model.safetensors" "$folder" "$@"
}

if ! [ -f "$folder/nvfp4.result.safetensors" ]; then
  "$PYTHON" "$here/live_models.py" "$folder"
  quantise bf16 fp8 fp8-block mlx gptq
  rm -rf "$folder/base-dithered"
  cp -r "$folder/base-bf16" "$folder/base-dithered"
  "$PYTHON" "$here/quantised_pairs.py" dither "$folder/base-bf16/model.safetensors" "$folder/base-dithered/model.safetensors"
  quantise dithered nf4 mxfp4 nvfp4
fi
[ -f "$folder/step.result.safetensors" ] || "$PYTHON" "$here/training_step.py" "$folder" 1e-5
measure 'FP8, a scale a row' fp8 "$@"
measure 'FP8, a scale a block' fp8-block "$@"
measure 'MLX, 4 bits' mlx "$@"
measure 'GPTQ, 4 bits' gptq "$@"
measure 'bitsandbytes, NF4' nf4 "$@"
measure 'MXFP4' mxfp4 "$@"
measure 'NVFP4' nvfp4 "$@"
measure 'a step of AdamW, bf16' step "$@"
"$bench" table "$folder/results.jsonl" | tee "$folder/results.md"
