#!/bin/sh
# An adapter for SmolLM2-135M in BF16, and how much of what the GRADIEND means it does in PEFT, llama.cpp and vLLM.
#
#     Tests/real/run-adapter.sh GRADIEND-PATCH FOLDER        # $PYTHON has requirements.txt and requirements-adapter.txt
#
# The GRADIEND is that of $GRADIEND with $H and $A, or the pruned one of this repository. llama.cpp has the base in BF16 and Q8_0, and as
# the Q4_1 file that it was published as.
set -eu
tool=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
gradiend=$(realpath "${GRADIEND:-$here/../../Fixtures/real/gradiend-top01pct}")
h=${H:--1}
alpha=${A:-0.001}

[ -f "$folder/base-bf16/model.safetensors" ] || "$python" "$here/make_base.py" "$folder" bf16
cd "$folder"
vocabulary=$(find download -name '*.gguf')
"$python" "$here/adapter_shift.py" --complete base-bf16 "$vocabulary"
printf '\n$ gradiend-patch adapter base-bf16 GRADIEND --feature-factor %s --learning-rate %s -o adapter --gguf adapter.gguf\n' "$h" "$alpha"
time "$tool" adapter base-bf16 "$gradiend" --feature-factor "$h" --learning-rate "$alpha" -o adapter --gguf adapter.gguf --force
for type in BF16 Q8_0; do
  [ -f "base-$type.gguf" ] || "$python" "$here/make_gguf.py" base-bf16/model.safetensors "$vocabulary" "base-$type.gguf" $type
done
ln -sf "$vocabulary" base-Q4_1.gguf
mkdir -p families
tar xf "$here/../../Fixtures/reference.tar.xz" -C families ./bases ./gradiends
"$python" "$here/adapter_families.py" "$tool" families
"$python" "$here/adapter_shift.py" . "$gradiend" "$h" "$alpha" adapter adapter.gguf base-BF16.gguf base-Q8_0.gguf base-Q4_1.gguf
