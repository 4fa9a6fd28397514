#!/bin/sh
# Switches a running engine of vLLM between SmolLM2-135M and the result of a patch.
#
#     Tests/real/run-vllm.sh FOLDER        # $PYTHON has vllm-requirements.txt and the wheel; $GRADIEND may be another for SmolLM2
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
gradiend=${GRADIEND:-$here/../../Fixtures/real/gradiend-top01pct}
patch=$folder/live.safetensors

"$PYTHON" "$here/live_models.py" "$folder"
"$PYTHON" -m gradiend_patch create "$folder/base-bf16" "$gradiend" -o "$patch" --force --feature-factor -1 --learning-rate 0.01
"$PYTHON" "$here/live_vllm.py" "$folder/base-bf16" "$patch" "$folder"
