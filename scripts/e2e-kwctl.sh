#!/usr/bin/env bash
# Every example of examples/kwctl through a real kwctl, without a registry, and our annotations beside its own.
set -euo pipefail
kwctl=$1
countersign=$2
"$kwctl" --version
version=$("$kwctl" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*' | head -1)
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
wrong=0

# The same section, whoever writes it.
"$kwctl" annotate -m metadata.yml -u README.md -o "$here/theirs.wasm" policy.wasm
"$countersign" kubewarden annotate -m metadata.yml -u README.md --kwctl-version "$version" \
    -o "$here/ours.wasm" policy.wasm
for which in theirs ours; do
    python3 - "$here/$which.wasm" > "$here/$which.json" <<'PYTHON'
import sys

def leb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at

data = open(sys.argv[1], "rb").read()
at = 8
while at < len(data):
    kind = data[at]
    size, at = leb(data, at + 1)
    if kind == 0:
        length, start = leb(data, at)
        if data[start : start + length] == b"io.kubewarden.metadata":
            sys.stdout.buffer.write(data[start + length : at + size])
    at += size
PYTHON
done
if cmp "$here/theirs.json" "$here/ours.json"; then
    echo "ok    annotate writes the section of kwctl $version"
else
    echo "WRONG annotate does not write the section of kwctl $version" >&2
    wrong=$((wrong + 1))
fi

for family in examples/kwctl/*/; do
    for which in signed unsigned; do
        expected=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["accepted"])' \
            "$family$which-answer.json")
        found=$("$kwctl" run --request-path "$family$which-request.json" \
            --settings-path "${family}settings.yaml" \
            --replay-host-capabilities-interactions "$family$which-session.yml" \
            annotated-policy.wasm 2> "$here/said" \
            | python3 -c 'import json,sys; print(json.load(sys.stdin)["allowed"])') || found=failed
        if [ "$found" = "$expected" ]; then
            echo "ok    $family $which: allowed $found"
        else
            echo "WRONG $family $which: allowed $found, expected $expected" >&2
            cat "$here/said" >&2
            wrong=$((wrong + 1))
        fi
    done
done
# What it says of the module, and that it can be measured.
if "$kwctl" inspect annotated-policy.wasm > "$here/inspected" 2> "$here/said" \
    && grep -q '^title: *countersign' "$here/inspected"; then
    echo "ok    inspect"
else
    echo "WRONG inspect" >&2
    cat "$here/said" >&2
    wrong=$((wrong + 1))
fi
if "$kwctl" bench --warm-up-time 1 --measurement-time 2 --num-samples 10 \
    --settings-path examples/kwctl/cosign-key/settings.yaml \
    --request-path examples/kwctl/cosign-key/signed-request.json \
    --replay-host-capabilities-interactions examples/kwctl/cosign-key/signed-session.yml \
    annotated-policy.wasm > "$here/bench" 2> "$here/said" && grep -q elapsed "$here/bench"; then
    echo "ok    bench"
else
    echo "WRONG bench" >&2
    tail -5 "$here/said" >&2
    wrong=$((wrong + 1))
fi
exit "$((wrong > 0))"
