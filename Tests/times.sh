#!/bin/sh
# Runs each target of tests by itself, and prints the seconds that it takes; run together, all begin at
# once, and each seems to take as long as the whole.
#
#     Tests/times.sh OPTION-OF-SWIFT-TEST ...
set -eu
cd "$(dirname "$0")/.."
swift build --build-tests "$@" >/dev/null
for folder in Tests/*Tests; do
  target=$(basename "$folder")
  start=$(date +%s)
  counts=$(swift test --skip-build --disable-xctest "$@" --filter "^$target\\." 2>&1 |
    sed -n 's/.*Test run with \([0-9]* tests\{0,1\}\).*/\1/p')
  printf '%5d s  %s, %s\n' "$(($(date +%s) - start))" "$target" "${counts:-no tests}"
done
