#!/bin/sh
# The main job on the small model of the tests: what a publisher does, and what a user does.
#
#     Tests/demo.sh GRADIEND-PATCH FOLDER
set -eu
tool=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
tar xf "$here/../Fixtures/reference.tar.xz" ./bases/llama-bf16 ./gradiends/llama-all-l1-id
mv bases/llama-bf16 tiny-llama
mv gradiends/llama-all-l1-id gradiend

say() { printf '\n# %s\n' "$*"; }
run() {
  printf '$ gradiend-patch %s\n' "$*"
  "$tool" "$@"
}

say 'A publisher makes a patch from a base model and a GRADIEND checkpoint.'
run create tiny-llama gradiend --feature-factor -1 --learning-rate 0.0005
say 'What is in it?'
run inspect gradiend_patch.safetensors
say 'A user applies it to the base: one command, the exact bytes of the publisher.'
run apply tiny-llama gradiend_patch.safetensors -o tiny-llama-debiased
run verify tiny-llama-debiased gradiend_patch.safetensors --expect result
say 'Strip gives the base back.'
run strip tiny-llama-debiased gradiend_patch.safetensors -o tiny-llama-stripped
say 'Base and stripped base are the same file.'
sha256sum tiny-llama/model.safetensors tiny-llama-stripped/model.safetensors
cmp tiny-llama/model.safetensors tiny-llama-stripped/model.safetensors
