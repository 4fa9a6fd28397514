#!/usr/bin/env bash
# Starts a Slurm on this machine, and tests on it: run-slurm.sh GRADIEND-PATCH FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PROGRAM=$(realpath "$1")
folder=$(realpath -m "$2")
export PROGRAM SLURM_CONF=$folder/slurm.conf
rm -rf "$folder"
trap '"$here/slurm.sh" "$folder" stop' EXIT
"$here/slurm.sh" "$folder" start
python3 -B "$here/test_slurm.py"
