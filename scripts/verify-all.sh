#!/usr/bin/env bash
# make verify-all: the slow matrices.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
"$cargo" run --quiet --locked --release --package cargo-selvedge -- selvedge verify
./scripts/upstream-suites.sh
