#!/bin/sh
# The main job on a real model: SmolLM2-135M and a GRADIEND of he/she, pruned to 0.1 % of its entries.
#
#     Tests/real/run.sh GRADIEND-PATCH FOLDER        # needs a Python with numpy and gguf in $PYTHON
#
# Checks the SHA-256 of base and result against those that the reference package saved.
set -eu
tool=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
base=base-bf16/model.safetensors

run() {
  printf '\n$ gradiend-patch %s\n' "$*"
  "$tool" "$@"
}

check() {
  found=$(sha256sum "$1" | cut -d ' ' -f 1)
  if [ "$found" != "$2" ]; then
    printf '%s has SHA-256 %s, expected %s\n' "$1" "$found" "$2" >&2
    exit 1
  fi
  printf '%s  %s  as expected\n' "$found" "$3"
}

[ -f "$folder/$base" ] || "${PYTHON:-python3}" "$here/make_base.py" "$folder" bf16
cd "$folder"
ln -sfn "$here/../../Fixtures/real/gradiend-top01pct" gradiend-top01pct
rm -f patch.safetensors result.safetensors stripped.safetensors
run create "$base" gradiend-top01pct -o patch.safetensors --feature-factor 1 --learning-rate 0.01
run apply "$base" patch.safetensors -o result.safetensors
run verify result.safetensors patch.safetensors --expect result
run strip result.safetensors patch.safetensors -o stripped.safetensors
printf '\n'
check "$base" 7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b 'base'
check result.safetensors 37480660c1928072f0718bf2f60c8bb64699951adc0cbfd1e0fe8fc2590ad1b8 'result'
check stripped.safetensors 7ef915c9bf9d94d8d70211970476878352a5b95855c589ae987916d7a455242b 'stripped'
