#!/bin/sh
# Builds the example of the library's README as a package of its own that depends on this one, and
# runs it on a small model: run.sh FOLDER
set -eu
folder=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
rm -rf "$folder/model" "$folder/out"
mkdir -p "$folder/Sources/debias" "$folder/model" "$folder/out"
awk '/^```swift$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/Sources/GradiendPatch/README.md" \
  >"$folder/Sources/debias/main.swift"
cat >"$folder/Package.swift" <<END
// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "debias",
  dependencies: [.package(name: "gradiend-patch", path: "$root")],
  targets: [
    .executableTarget(
      name: "debias", dependencies: [.product(name: "GradiendPatch", package: "gradiend-patch")])
  ],
  swiftLanguageModes: [.v6]
)
END
tar xf "$root/Fixtures/reference.tar.xz" -C "$folder/model" --strip-components=2 \
  ./bases/llama-bf16 ./gradiends/llama-all-l1-id
cd "$folder"
swift build --product debias
found=$(.build/debug/debias model/llama-bf16 model/llama-all-l1-id out)
echo "$found"
echo "$found" | grep -qx 'it is the base'
echo "$found" | grep -qx 'another model: the patch is not applied: these are the base.s values'
cmp model/llama-bf16/model.safetensors out/debiased/model.safetensors
