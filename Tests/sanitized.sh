#!/bin/sh
# Runs the suite under AddressSanitizer and ThreadSanitizer: sanitized.sh FOLDER [option of swift test]...
#
# Each has a build of its own below FOLDER: optimised, as the suite takes minutes otherwise, but with
# every index checked that release builds do not check.
set -eu
folder=$1
shift
source=$(dirname "$0")/sanitized.c

# run SANITIZER MACRO [option of swift test]...
run() {
  sanitizer=$1 macro=$2
  shift 2
  object=$folder/$sanitizer/sanitized.o
  mkdir -p "$folder/$sanitizer"
  clang -Wall -Werror -O2 -fPIC -D"$macro" -c "$source" -o "$object"
  echo "suite under the $sanitizer sanitizer" >&2
  swift test --disable-xctest --sanitize "$sanitizer" --scratch-path "$folder/$sanitizer" \
    -Xswiftc -O -Xswiftc -DCHECK_INDICES -Xlinker "$object" "$@"
}

mutex='$s15Synchronization12_MutexHandleV'
run address ADDRESS "$@"
run thread THREAD -Xlinker "--wrap=${mutex}9_lockSlowyys6UInt32VF" \
  -Xlinker "--wrap=${mutex}11_unlockSlowyyF" "$@"
