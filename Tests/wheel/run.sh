#!/bin/sh
# Tests the wheel in DIST: its types, its tag, the same wheel again, and the tests in a fresh environment and on
# a bare Debian or Ubuntu without network, which has Python and none of the libraries. Where such a system cannot
# be made or entered, as in a container without privileges, that is said and left out.
#
#     Tests/wheel/run.sh GRADIEND-PATCH LIBRARY DIST WORK        # $PYTHON has Sources/python/requirements.txt
set -eu
program=$(realpath "$1")
library=$(realpath "$2")
dist=$(realpath "$3")
work=$(realpath -m "$4")
here=$(cd "$(dirname "$0")" && pwd)
root=$work/root
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
say() { printf '\n# %s\n' "$*"; }

# Mostly waits for the network and the disk, so other tests run meanwhile.
make_bare_system() {
  [ ! -f "$root/ready" ] || return 0
  # shellcheck disable=SC1091 # a file of the system
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  $as_root rm -rf "$root" &&
    $as_root debootstrap --variant=minbase --include=python3 "$suite" "$root" >"$work/debootstrap.log" 2>&1 &&
    $as_root touch "$root/ready"
}
mkdir -p "$work"
make_bare_system &
bare_system=$!
trap 'wait "$bare_system" || :' EXIT

say 'The wheel'
wheel=$(echo "$dist"/gradiend_patch-*.whl)
"$PYTHON" -m auditwheel show "$wheel"
"$here/../../Sources/python/build-wheel.sh" "$program" "$library" "$work/again" "$work/again-dist" >/dev/null
cmp "$wheel" "$work/again-dist/$(basename "$wheel")"
echo 'built again, it is the same'
case $wheel in
  *manylinux_2_3[0-4]_*) ;;
  *) echo "$wheel needs a newer glibc than 2.34" >&2 && exit 1 ;;
esac
if [ "$(stat -c %s "$wheel")" -gt 24000000 ]; then
  echo "$wheel is larger than 24 MB" >&2
  exit 1
fi
"$PYTHON" -m pip install --no-build-isolation "$here/../../Sources/python" 2>&1 | grep -q 'make wheel'
echo 'its source folder alone says what it needs'

say 'A fresh environment'
rm -rf "$work/venv"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"
for what in "-p gradiend_patch" "$here"/test_*.py; do
  # shellcheck disable=SC2086 # an option and its value
  "$PYTHON" -m mypy --strict --cache-dir "$work/mypy" --python-executable "$work/venv/bin/python" $what
done
tar xf "$here/../../Fixtures/reference.tar.xz" -C "$work" ./bases/llama-bf16 ./gradiends/llama-all-l1-id ./gradiends/llama-indices-l1-id
tar xf "$here/../../Fixtures/reference-gguf.tar.xz" -C "$work" ./hf/llama-bf16 ./hf/llama-bf16.dense ./pairs/llama-bf16.F16.gguf
for tests in "$here"/test_*.py; do
  GRADIEND_PATCH=$program FIXTURES=$work "$work/venv/bin/python" "$tests"
done

say 'A bare system'
if ! wait "$bare_system"; then
  tail -n 5 "$work/debootstrap.log" >&2
  echo 'skipped: debootstrap made none'
  exit 0
fi
if ! $as_root unshare --mount --net --pid --fork --root="$root" --mount-proc /bin/true; then
  echo 'skipped: this machine does not let it be entered'
  exit 0
fi
if [ -n "$($as_root find "$root" -xdev -path "$root/test" -prune -o \
  '(' -name 'libjansson*' -o -name '*swift*' ')' -print)" ]; then
  echo 'the bare system has libraries that it should lack' >&2
  exit 1
fi
$as_root rm -rf "$root/test"
$as_root mkdir "$root/test"
$as_root cp -r "$wheel" "$here"/test_*.py "$work/bases" "$work/gradiends" "$work/hf" "$work/pairs" \
  "$work"/venv/lib/python3*/site-packages/pip "$root/test"
$as_root unshare --mount --net --pid --fork --root="$root" --mount-proc --wd=/test /bin/sh -ec '
  python3 -m venv --without-pip venv
  venv/bin/python -m pip install --quiet --no-index *.whl
  for tests in test_*.py; do
    PATH=/usr/sbin:/usr/bin:/sbin:/bin GRADIEND_PATCH=/test/venv/bin/gradiend-patch FIXTURES=/test venv/bin/python "$tests"
  done'
