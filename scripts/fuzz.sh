#!/usr/bin/env bash
# Runs fuzz targets. Needs a nightly toolchain and cargo-fuzz.
#
#   scripts/fuzz.sh [SECONDS]                          every target for some seconds (60)
#   scripts/fuzz.sh --cpu-minutes N [--jobs J] TARGET… each target until it has used N minutes of
#                                                      CPU, J at a time (1), and a table at the end
#   scripts/fuzz.sh --minimise TARGET…                 leaves of each corpus what coverage needs, in
#                                                      at most MOST_BYTES
#
# What was found is in fuzz/artifacts/TARGET, and makes the exit status 1. New inputs of
# `--cpu-minutes` are in target/fuzz/found/TARGET until `--minimise` takes them.
set -euo pipefail
cd "$(dirname "$0")/.."
# Safe Rust needs no sanitizer; debug assertions and overflow checks are on.
build=(-O --debug-assertions --sanitizer none)
limits=(-rss_limit_mb=2048 -timeout=60 -max_len=16384 -len_control=0)
out=target/fuzz
MOST_BYTES=${MOST_BYTES:-200000}

# With BUILT=1 the binaries of an earlier run are taken.
compile() {
    mkdir -p "$out"
    [[ -z ${BUILT:-} ]] || return 0
    for target in "$@"; do
        (cd fuzz && cargo +nightly fuzz build "${build[@]}" --target-dir "../$out" "$target")
        # Another build may come while this one runs.
        mkdir -p "$out/bin"
        cp -f "$out/x86_64-unknown-linux-gnu/release/$target" "$out/bin/"
    done
}

dictionary() {
    if [[ -f fuzz/dictionaries/$1.dict ]]; then echo "-dict=fuzz/dictionaries/$1.dict"; fi
}

every() {
    compile $(cd fuzz && cargo +nightly fuzz list)
    for target in $(cd fuzz && cargo +nightly fuzz list); do
        echo "── $target, $1 s"
        mkdir -p "$out/found/$target" "fuzz/artifacts/$target"
        "$out/bin/$target" "${limits[@]}" $(dictionary "$target") -max_total_time="$1" \
            -artifact_prefix="fuzz/artifacts/$target/" \
            "$out/found/$target" "fuzz/corpus/$target"
    done
}

# Hundredths of a second that a process has used, its children not among them.
used() {
    # The name in parentheses may have spaces; after it, utime and stime are fields 12 and 13.
    sed -E 's/^.*\) //' "/proc/$1/stat" 2>/dev/null | awk '{ print $12 + $13 }'
}

# One target until it has used $2 minutes of CPU; a line of the table on file descriptor 3.
one() {
    local target=$1 minutes=$2 log=$out/$1.log process ticks=0 now found=0
    local limit
    limit=$(awk -v m="$minutes" -v h="$(getconf CLK_TCK)" 'BEGIN { print int(m * 60 * h) }')
    mkdir -p "$out/found/$target" "fuzz/artifacts/$target"
    "$out/bin/$target" "${limits[@]}" $(dictionary "$target") -print_final_stats=1 \
        -artifact_prefix="fuzz/artifacts/$target/" \
        "$out/found/$target" "fuzz/corpus/$target" >"$log" 2>&1 &
    process=$!
    while now=$(used "$process") && [[ -n $now ]]; do
        ticks=$now
        if ((ticks >= limit)); then
            kill -INT "$process"
            break
        fi
        sleep 2
    done
    # 72: interrupted.
    wait "$process" || (($? == 72)) || found=1
    local last executions coverage
    last=$(grep -aoE '#[0-9]+.*cov: [0-9]+.*' "$log" | tail -n 1) || true
    executions=$(sed -nE 's/^stat::number_of_executed_units: +//p' "$log" | tail -n 1)
    coverage=$(sed -nE 's/.*cov: ([0-9]+) ft: ([0-9]+).*/\1 (\2)/p' <<<"$last")
    printf '%-20s %8s %12s %12s %16s %9s\n' "$target" \
        "$(awk -v t="$ticks" -v h="$(getconf CLK_TCK)" 'BEGIN { printf "%.1f", t / h / 60 }')" \
        "${executions:-$(sed -E 's/^#([0-9]+).*/\1/' <<<"$last")}" \
        "$(sed -nE 's/.*corp: ([^ ]+).*/\1/p' <<<"$last")" "$coverage" "$found" >&3
    return "$found"
}

by_cpu() {
    local minutes=$1 jobs=$2 status=0
    shift 2
    compile "$@"
    exec 3>&1
    printf '%-20s %8s %12s %12s %16s %9s\n' target 'CPU min' executions corpus 'cov (features)' findings
    for target in "$@"; do
        while (($(jobs -rp | wc -l) >= jobs)); do wait -n || status=1; done
        one "$target" "$minutes" &
    done
    while (($(jobs -p | wc -l) > 0)); do wait -n || status=1; done
    return "$status"
}

# What has a name of its own is a seed, and stays; what was found has its hash for a name.
minimise() {
    compile "$@"
    for target in "$@"; do
        local corpus=fuzz/corpus/$target work seeds bytes=0 files=0
        work=$(mktemp -d)
        # A run may be writing there at this moment.
        mkdir -p "$out/found/$target" "$work/merged"
        cp -r "$out/found/$target" "$work/found"
        # Edges without their counts: one input of those that differ in how often.
        "$out/bin/$target" -merge=1 -use_counters=0 -max_len=16384 \
            "$work/merged" "$corpus" "$work/found" >"$out/$target.merge.log" 2>&1
        find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
        seeds=$(sha1sum "$corpus"/*)
        while read -r size file; do
            ((bytes + size <= MOST_BYTES)) || break
            [[ $seeds != *$file* ]] || continue
            bytes=$((bytes + size)) files=$((files + 1))
            cp "$work/merged/$file" "$corpus/$file"
        done < <(find "$work/merged" -type f -printf '%s %f\n' | sort -n)
        rm -r "$work"
        echo "$target: $files inputs, $bytes bytes beside the seeds"
    done
}

case ${1:-} in
--cpu-minutes)
    minutes=$2 jobs=1
    shift 2
    if [[ ${1:-} == --jobs ]]; then jobs=$2 && shift 2; fi
    by_cpu "$minutes" "$jobs" "$@"
    ;;
--minimise)
    shift
    minimise "$@"
    ;;
*) every "${1:-60}" ;;
esac
