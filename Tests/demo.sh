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

say 'A patch of a model that is debiased already. It also fits the GGUF that llama.cpp made of the base.'
tar xf "$here/../Fixtures/reference-gguf.tar.xz" ./hf/llama-bf16 ./hf/llama-bf16.dense \
  ./pairs/llama-bf16.BF16.gguf ./pairs/llama-bf16.dense.BF16.gguf
mv hf/llama-bf16 base
mv hf/llama-bf16.dense debiased
mv pairs/llama-bf16.BF16.gguf base-BF16.gguf
mv pairs/llama-bf16.dense.BF16.gguf expected-BF16.gguf
run diff base debiased -o patch.safetensors
run apply base-BF16.gguf patch.safetensors -o debiased-BF16.gguf
sha256sum debiased-BF16.gguf expected-BF16.gguf
cmp debiased-BF16.gguf expected-BF16.gguf
run strip debiased-BF16.gguf patch.safetensors -o stripped-BF16.gguf
cmp base-BF16.gguf stripped-BF16.gguf
