#!/usr/bin/env bash
# Builds the portable module twice, from copies of this tree in two directories of other names, and says
# its digest if the bytes are the same.
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

build() { # directory
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - --ignore-failed-read 2>/dev/null | tar -xf - -C "$1"
    (cd "$1" && env -u CARGO_TARGET_DIR make target/module/policy.wasm) >&2
    sha256sum "$1/target/module/policy.wasm" | cut -d' ' -f1
}

one=$(build "$here/a")
two=$(build "$here/somewhere-else/in-a-longer-path")
if [ "$one" != "$two" ]; then
    echo "not reproducible: sha256:$one and sha256:$two" >&2
    exit 1
fi
echo "sha256:$one"
