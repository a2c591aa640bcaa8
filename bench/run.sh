#!/usr/bin/env bash
# Measures the figures of docs/benchmarks.md.
#
#   bench/run.sh <name> [--full] [--rounds <n>] [--seconds <n>]
#
#   all          both tables
#   weaver       the weaver's table: build-cost, weave-speed, throughput
#   runtime      the runtime's table: hot-path
#   build-cost   builds and binaries: plain, woven, instrumented by hand
#   weave-speed  megabytes of source a second
#   throughput   requests a second: plain, woven, instrumented by hand (needs wrk)
#   hot-path     hooks, spans, measurements and memory next to their rivals
set -euo pipefail

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$bench"

usage() {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$bench/run.sh" >&2
    exit 2
}

# The command under test, built as it is shipped.
build_command() {
    local manifest="$bench/../Cargo.toml"
    cargo build --quiet --release --manifest-path "$manifest" -p cargo-selvedge
    export CARGO_SELVEDGE="${CARGO_TARGET_DIR:-$bench/../target}/release/cargo-selvedge"
}

# Figures that need no command still come when it cannot be built.
measure() {
    local name=$1
    shift
    case $name in
        build-cost | throughput)
            build_command || echo "run.sh: cargo-selvedge cannot be built" >&2
            cargo fetch --quiet
            ;;
    esac
    if [[ $name == throughput ]]; then
        cargo build --quiet --release -p sink
    fi
    cargo run --quiet --release -p "$name" -- "$@"
}

[[ $# -ge 1 ]] || usage
name=$1
shift
case $name in
    all) names=(hot-path build-cost weave-speed throughput) ;;
    weaver) names=(build-cost weave-speed throughput) ;;
    runtime) names=(hot-path) ;;
    build-cost | weave-speed | throughput | hot-path) names=("$name") ;;
    *) usage ;;
esac
for name in "${names[@]}"; do
    measure "$name" "$@"
done
