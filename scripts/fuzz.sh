#!/usr/bin/env bash
# Runs every fuzz target for some seconds. Needs a nightly toolchain and cargo-fuzz.
set -euo pipefail
seconds=${1:-60}
cd "$(dirname "$0")/../fuzz"
for target in $(cargo +nightly fuzz list); do
    echo "── $target, $seconds s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -rss_limit_mb=2048
done
