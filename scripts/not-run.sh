#!/usr/bin/env bash
# Counts the tests whose data or tool was absent; in CI each of them is a failure.
set -euo pipefail
dir="${CARGO_TARGET_DIR:-target}/not-run"
count=$(find "$dir" -type f 2>/dev/null | wc -l)
find "$dir" -type f -exec cat {} + 2>/dev/null | sed 's/^/NOT RUN: /' || true
echo "tests not run: $count"
if [ "$count" -gt 0 ] && [ -n "${CI:-}" ]; then
    exit 1
fi
