#!/bin/sh
# Sizes, times and memory on real weights, with other tools on the same files where they are installed.
#
#     Tests/real/bench.sh GRADIEND-PATCH-BENCH FOLDER [OPTION ...]
#
# Without more: SmolLM2-135M with a GRADIEND of he/she, and with dense noise. The environment may name another pair: BASE with RESULT,
# or BASE with GRADIEND, its feature factor H and learning rate A. Options go to 'gradiend-patch-bench measure'.
# Leaves FOLDER/results.jsonl and FOLDER/results.md; needs a Python with numpy and gguf in $PYTHON.
set -eu
bench=$1
folder=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
commit=$(git -C "$here" describe --always --dirty 2>/dev/null || true)
mkdir -p "$folder"
: >"$folder/results.jsonl"

# The options given come last: an option of this script cannot be given again.
measure() {
  "$bench" measure --folder "$folder" --python "$python" ${commit:+--commit "$commit"} "$@" >>"$folder/results.jsonl"
}

if [ -n "${BASE:-}" ] && [ -n "${RESULT:-}" ]; then
  measure "$BASE" --result "$RESULT" --peers "$@"
elif [ -n "${BASE:-}" ] && [ -n "${GRADIEND:-}" ]; then
  measure "$BASE" --gradiend "$GRADIEND" "--feature-factor=${H:?}" "--learning-rate=${A:?}" --peers "$@"
elif [ -n "${BASE:-}${RESULT:-}${GRADIEND:-}" ]; then
  echo 'BASE goes with RESULT, or with GRADIEND, H and A' >&2
  exit 64
else
  base=$folder/base-bf16/model.safetensors
  [ -f "$base" ] || "$python" "$here/make_base.py" "$folder" bf16
  [ -f "$folder/noise.safetensors" ] || "$python" "$here/noise.py" "$base" "$folder/noise.safetensors"
  measure "$base" --label 'SmolLM2-135M, he/she, top 0.1 %' --gradiend "$here/../../Fixtures/real/gradiend-top01pct" \
    --feature-factor 1 --learning-rate 0.01 --peers "$@"
  measure "$base" --label 'SmolLM2-135M, noise' --result "$folder/noise.safetensors" --peers "$@"
fi
"$bench" table "$folder/results.jsonl" | tee "$folder/results.md"
