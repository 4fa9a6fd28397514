#!/bin/sh
# Tests the installed library for C under AddressSanitizer and its kin: run.sh PREFIX FOLDER
set -eu
prefix=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tool=$prefix/bin/gradiend-patch
header=$prefix/include/gradiendpatch.h
mkdir -p "$folder/files"
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
flags=$(pkg-config --cflags --libs gradiendpatch)

# Nothing is visible but what the header declares, and all of that is there, of the version that it has.
library=$prefix/lib/libgradiendpatch.so.$(sed -n 's/.*GPATCH_ABI_VERSION //p' "$header")
nm -D --defined-only --extern-only "$library" | awk '{ print $3 }' | sort >"$folder/visible"
grep -o 'gpatch_[a-z_]*(' "$header" | tr -d '(' | sort -u >"$folder/declared"
diff "$folder/declared" "$folder/visible"
readelf -d "$library" | grep -qF "soname: [${library##*/}]"
test "$(pkg-config --modversion gradiendpatch)" = "$("$tool" --version | awk '{ print $2; exit }')"

# The header is C99 and C++ without a warning.
echo '#include <gradiendpatch.h>' >"$folder/header.c"
cp "$folder/header.c" "$folder/header.cpp"
clang -std=c99 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only "$folder/header.c"
clang++ -std=c++11 -pedantic -Wall -Wextra -Werror -I"$prefix/include" -fsyntax-only "$folder/header.cpp"

cd "$folder/files"
tar xf "$root/Fixtures/reference.tar.xz" --strip-components=2 ./bases/llama-bf16 ./gradiends/llama-all-l1-id
mv llama-bf16 base
mv llama-all-l1-id gradiend
{
  "$tool" create base gradiend --feature-factor -1 --learning-rate 0.5 -o patch
  "$tool" apply base patch -o result
  "$tool" diff result base -o back
} >"$folder/log"

# The linker of clang's choice warns of the sanitizer's symbols.
compile() {
  # shellcheck disable=SC2086 # flags are many
  clang -std=c11 -pedantic -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -g -O1 -fuse-ld=lld \
    -fsanitize=address,undefined -fno-sanitize-recover=undefined "$@" $flags -lm -pthread \
    -Wl,-rpath,"$prefix/lib"
}
compile "$here"/*.c -o "$folder/test"
"$folder/test" "$folder/files"

# The program of the README.
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/README.md" >"$folder/readme.c"
compile "$folder/readme.c" -o "$folder/readme"
ASAN_OPTIONS=detect_leaks=0 "$folder/readme" base patch >"$folder/readme.log"
grep -qx 'the model is the result' "$folder/readme.log"
echo 'the library for C works'
