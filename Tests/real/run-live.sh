#!/bin/sh
# Patches on running models: many families of transformers, a thousand toggles of SmolLM2-135M, and gradiend's evaluation on it.
#
#     Tests/real/run-live.sh FOLDER        # $PYTHON has live-requirements.txt and the wheel; $GRADIEND may be another for SmolLM2
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
gradiend=${GRADIEND:-$here/../../Fixtures/real/gradiend-top01pct}
patch=$folder/live.safetensors

printf '\n# Families\n'
(cd "$here" && "$PYTHON" -W ignore -m unittest live_transformers live_knowledge live_interrupts live_devices live_candidates)
printf '\n# A thousand toggles\n'
"$PYTHON" "$here/live_models.py" "$folder"
"$PYTHON" -m gradiend_patch create "$folder/base-bf16" "$gradiend" -o "$patch" --force --feature-factor -1 --learning-rate 0.001
"$PYTHON" "$here/live_speed.py" "$folder" "$patch"
printf '\n# An evaluation\n'
"$PYTHON" "$here/live_evaluation.py" "$folder" "$gradiend"
