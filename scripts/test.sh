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

if "$cargo" +nightly miri --version >/dev/null 2>&1; then
    echo "== miri: the unsafe modules"
    "$cargo" +nightly miri test --locked --package selvedge-hooks
else
    echo "== miri: skipped: this machine has no cargo-miri (rustup component add --toolchain nightly miri)"
fi

echo "== integrations: oldest and newest supported version of each library"
"$cargo" run --quiet --locked --release --package cargo-selvedge -- selvedge verify --fast
