#!/usr/bin/env bash
# make test: sets up what is needed and runs every test that must pass.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

echo "== unit and integration tests"
"$cargo" test --locked --workspace

echo "== loom: the agent's rings under every interleaving"
RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/loom" \
    "$cargo" test --locked --quiet --release --package selvedge-agent --lib loom

# Miri wants a nightly toolchain; where there is one, its component is fetched once.
if "$cargo" +nightly --version >/dev/null 2>&1 && ! "$cargo" +nightly miri --version >/dev/null 2>&1; then
    timeout 300 rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1 || true
fi
if "$cargo" +nightly miri --version >/dev/null 2>&1; then
    echo "== miri: the unsafe modules"
    # Nodes travel as addresses, so that bit 0 can say whether they are sampled.
    MIRIFLAGS="-Zmiri-permissive-provenance" "$cargo" +nightly miri test --locked --package selvedge-hooks
else
    echo "== miri: skipped: this machine has no nightly toolchain with cargo-miri"
fi

echo "== integrations: oldest and newest supported version of each library"
"$cargo" run --quiet --locked --release --package cargo-selvedge -- selvedge verify --fast
