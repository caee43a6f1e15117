#!/usr/bin/env bash
# Builds and tests the full node. Needs network access to the reth repository the first time, clang and a C
# compiler, and half an hour on two cores. Not part of the ordinary checks; its log says what it was run on.
#
#   bin/bmn-reth/verify.sh            clippy and tests, development profile
#   bin/bmn-reth/verify.sh --release  the same with optimisations, as for figures
set -euo pipefail
cd "$(dirname "$0")"

profile=("$@")
pin=$(grep -m1 -o 'paradigmxyz/reth?tag=[^"]*' Cargo.lock)
printf 'commit:  %s%s\n' "$(git rev-parse HEAD)" "$(git diff --quiet HEAD -- ../.. || printf ' and changes')"
printf 'reth:    %s\nprofile: %s\nrustc:   %s\n' "$pin" "${profile[*]:-dev}" "$(rustc --version)"

step() {
    local began=$SECONDS
    printf '\n== %s\n' "$*"
    "$@"
    printf '== %s s\n' $((SECONDS - began))
}

step cargo fmt --check --package bmn-reth
step cargo clippy --all-targets --locked "${profile[@]}" -- -D warnings
step cargo test --locked "${profile[@]}"
printf '\nall: %s s\n' "$SECONDS"
