#!/bin/sh
# A patch of safetensors on a GGUF: that of run.sh on SmolLM2-135M in BF16, and what llama.cpp makes of the result.
#
#     Tests/real/run-gguf.sh GRADIEND-PATCH FOLDER        # needs a Python with numpy, gguf and xllamacpp in $PYTHON
#
# The result must be what converting the patched safetensors gives, byte for byte, and llama.cpp must go on some prompts with the same
# tokens; strip must give the original file.
set -eu
tool=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

say() { printf '\n# %s\n' "$*"; }
run() {
  printf '\n$ gradiend-patch %s\n' "$*"
  "$tool" "$@"
}

"$here/run.sh" "$tool" "$folder"
cd "$folder"
vocabulary=$(find download -name '*.gguf')
say 'Base and patched checkpoint, each converted to GGUF.'
rm -f base.gguf converted.gguf applied.gguf stripped.gguf
"$python" "$here/make_gguf.py" base-bf16/model.safetensors "$vocabulary" base.gguf
"$python" "$here/make_gguf.py" result.safetensors "$vocabulary" converted.gguf
say 'The same patch, applied to the GGUF of the base.'
run apply base.gguf patch.safetensors -o applied.gguf
run verify applied.gguf patch.safetensors --expect result
run strip applied.gguf patch.safetensors -o stripped.gguf
printf '\n'
sha256sum base.gguf stripped.gguf applied.gguf converted.gguf
cmp base.gguf stripped.gguf
cmp applied.gguf converted.gguf
if cmp -s base.gguf applied.gguf; then
  echo 'the patch changed nothing' >&2
  exit 1
fi
say 'The other way: a patch made from the GGUF, applied to it and to the safetensors.'
cat >base-bf16/config.json <<'END'
{"model_type": "llama", "num_attention_heads": 9, "num_key_value_heads": 3, "tie_word_embeddings": true}
END
rm -f gguf-patch.safetensors created.gguf created.safetensors
run create base.gguf gradiend-top01pct -o gguf-patch.safetensors --feature-factor 1 --learning-rate 0.01
run apply base.gguf gguf-patch.safetensors -o created.gguf
run apply base-bf16/model.safetensors gguf-patch.safetensors -o created.safetensors
cmp created.gguf converted.gguf
cmp created.safetensors result.safetensors
rm -f created.gguf created.safetensors
say 'llama.cpp on the patched GGUF and on the converted one.'
"$python" "$here/generate.py" --compare applied.gguf converted.gguf
say 'Medians of five, none of them waiting for the disk.'
"$python" "$here/timed.py" \
  'cp' cp base.gguf copy.gguf --- \
  'apply' "$tool" apply base.gguf patch.safetensors -o applied.gguf --force --no-sync --- \
  'strip' "$tool" strip applied.gguf patch.safetensors -o stripped.gguf --force --no-sync
rm -f copy.gguf
