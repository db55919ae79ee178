#!/usr/bin/env bash
# Licences, sources and banned crates of everything in Cargo.lock. Advisories too, where the
# advisory database can be fetched (`ADVISORIES=1`).
set -euo pipefail
version=0.20.2
tools="$PWD/${CARGO_TARGET_DIR:-target}/tools"
if ! command -v cargo-deny >/dev/null && [ ! -x "$tools/bin/cargo-deny" ]; then
    # A linter runs once: building it fast matters more than its speed.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_TARGET_DIR="$tools/build" \
        cargo install --quiet --locked --root "$tools" "cargo-deny@$version"
    rm -rf "$tools/build"
fi
PATH="$tools/bin:$PATH" cargo deny --log-level error check ${ADVISORIES:+advisories} licenses bans sources
