#!/bin/sh
# Writes the manual pages and the completions of gradiend-patch into a folder, as they lie below PREFIX/share.
set -eu
program=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder/man/man1" "$folder/bash-completion/completions" "$folder/zsh/site-functions" \
  "$folder/fish/vendor_completions.d"
"$program" manual >"$folder/man/man1/gradiend-patch.1"
for command in $("$program" manual --list); do
  "$program" manual "$command" >"$folder/man/man1/gradiend-patch-$command.1"
done
"$program" completions bash >"$folder/bash-completion/completions/gradiend-patch"
"$program" completions zsh >"$folder/zsh/site-functions/_gradiend-patch"
"$program" completions fish >"$folder/fish/vendor_completions.d/gradiend-patch.fish"
