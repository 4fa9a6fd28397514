#!/bin/sh
# Installs the library for C, its header and what pkg-config wants: install.sh LIBRARY PREFIX DESTDIR
set -eu
library=$1
prefix=$2
target=$3$2
here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's/.*current = "\(.*\)"/\1/p' "$here/../GradiendPatch/Version.swift")
name=libgradiendpatch.so.$(sed -n 's/.*GPATCH_ABI_VERSION //p' "$here/include/gradiendpatch.h")

install -D -s -m 644 "$library" "$target/lib/$name.0"
ln -sf "$name.0" "$target/lib/$name"
ln -sf "$name" "$target/lib/libgradiendpatch.so"
install -D -m 644 "$here/include/gradiendpatch.h" "$target/include/gradiendpatch.h"
mkdir -p "$target/lib/pkgconfig"
cat >"$target/lib/pkgconfig/gradiendpatch.pc" <<END
prefix=$prefix

Name: gradiendpatch
Description: Exact patches between a base model and its debiased result, on tensors in memory
Version: $version
Cflags: -I\${prefix}/include
Libs: -L\${prefix}/lib -lgradiendpatch
END
# Elsewhere, programs have to be told where the library is.
case $target in /usr | /usr/local) ldconfig || true ;; esac
