#!/bin/sh
# Adapters for SmolLM2-135M beside those that mergekit and PEFT make of the finished model.
#
#     Tests/real/run-adapter-peers.sh GRADIEND-PATCH FOLDER        # $PYTHON has requirements.txt and requirements-peers.txt
#
# The GRADIEND is that of $GRADIEND with $H and $A, or the pruned one of this repository; train_gradiend.py trains others.
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
"$python" "$here/adapter_shift.py" --complete base-bf16 "$(find download -name '*.gguf')"
mkdir -p peers
numbers="--feature-factor=$h --learning-rate=$alpha --force"
"$tool" create base-bf16 "$gradiend" $numbers -o peers/patch.safetensors
"$tool" apply base-bf16 peers/patch.safetensors -o peers/result --force
"$tool" adapter base-bf16 "$gradiend" $numbers -o peers/adapter
"$tool" adapter base-bf16 "$gradiend" $numbers -o peers/adapter-whole --modules-to-save
"$python" "$here/adapter_peers.py" base-bf16 peers/result "$gradiend" "$h" "$alpha" peers peers/adapter peers/adapter-whole
