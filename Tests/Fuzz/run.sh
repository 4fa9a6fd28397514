#!/bin/sh
# Runs every fuzz target, or TARGET, for SECONDS each: run.sh BINARY FOLDER SECONDS [TARGET]
#
# Inputs are mutated from those in corpus.tar.xz, the fewest that reach what long runs have reached,
# from what the fixtures give, and from what earlier runs left in FOLDER. What breaks a promise is written to FOLDER/findings.
set -eu
binary=$1 folder=$2 seconds=$3 only=${4:-}
here=$(dirname "$0")
# Swift's runtime keeps what leak detection would report. A small quarantine makes runs twice as fast.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=4
# Its backtraces would be of the sanitizer's own report.
export SWIFT_BACKTRACE=enable=no
mkdir -p "$folder/findings"
xz -dc "$here/corpus.tar.xz" | tar xf - -C "$folder"
for target in ${only:-$("$binary" list)}; do
  "$binary" seed "$target" "$folder/$target"
  # No input may take 10 s, nor 256 MB at once.
  if ! "$binary" run "$target" -max_total_time="$seconds" -timeout=10 -malloc_limit_mb=256 \
    -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$folder/findings/$target-" "$folder/$target" >"$folder/$target.log" 2>&1; then
    tail -n 60 "$folder/$target.log" >&2
    echo "fuzz: $target broke; the input is in $folder/findings" >&2
    exit 1
  fi
  sed -n "s/^stat::number_of_executed_units: */fuzz: $target: /p" "$folder/$target.log"
done
