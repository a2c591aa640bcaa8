#!/usr/bin/env bash
# Runs the test suites that upstream crates publish in their packages, plain and woven, and
# compares the outcome of every single test. Weaving must not change one.
#
#   scripts/upstream-suites.sh                    all of them
#   scripts/upstream-suites.sh log tracing-core   only these
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
work=${SELVEDGE_UPSTREAM:-${XDG_CACHE_HOME:-$HOME/.cache}/selvedge-upstream}

# package, version, and what to give `cargo test`; @tests stands for every integration test that
# does not need tracing-mock, which is not published
suites='
log 0.4.35 --features std,kv
tracing-core 0.1.36
tracing-log 0.2.0 --lib --tests
tracing-subscriber 0.3.23 --features json,env-filter --lib @tests
tracing 0.1.44 --lib @tests
hyper 1.12.0 --features full --lib
hyper-util 0.1.21 --features full --lib --tests
axum 0.8.9 --all-features --features axum-macros/__private --lib
tokio 1.54.1 --features full,test-util --lib --test rt_basic --test rt_common --test rt_threaded --test rt_handle --test task_abort --test task_blocking --test task_join_set --test task_local --test task_local_set --test task_panic --test join_handle_panic --test macros_select --test macros_join --test sync_mpsc --test tcp_stream --test time_timeout
'

"$cargo" build --quiet --release --locked --package cargo-selvedge
target=$("$cargo" metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
selvedge="$target/release/cargo-selvedge"

fetch() { # package version -> copies the published package to $work/<package>-<version>
    local folder="$work/$1-$2" scratch
    [ -e "$folder/Cargo.toml" ] && return
    scratch=$(mktemp -d)
    mkdir -p "$scratch/src" "$work"
    : >"$scratch/src/lib.rs"
    printf '[package]\nname = "scratch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n"%s" = "=%s"\n' "$1" "$2" \
        >"$scratch/Cargo.toml"
    (cd "$scratch" && "$cargo" fetch --quiet)
    cp -r "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$1-$2" "$folder"
    rm -rf "$scratch"
}

testable() { # folder -> --test for each integration test that can be built from what is published
    local file
    for file in "$1"/tests/*.rs; do
        grep -q tracing_mock "$file" || printf ' --test %s' "$(basename "$file" .rs)"
    done
}

outcomes() { # log of cargo test -> one sorted line per test: name and outcome
    sed -nE 's/^test (.*) \.\.\. (ok|FAILED|ignored).*/\2 \1/p' "$1" | sed -E 's/ \(line [0-9]+\)//' | sort
}

failed=0
while read -r package version arguments; do
    [ -n "$package" ] || continue
    if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qx "$package"; then continue; fi
    fetch "$package" "$version"
    folder="$work/$package-$version"
    arguments=${arguments/@tests/$(testable "$folder")}
    for side in plain woven; do
        if [ $side = plain ]; then command=("$cargo" test); else command=("$selvedge" selvedge test); fi
        # shellcheck disable=SC2086  # the arguments are words
        (cd "$folder" && CARGO_TARGET_DIR="$work/target" timeout 1500 "${command[@]}" --no-fail-fast $arguments \
            >"$work/$package.$side.log" 2>&1 </dev/null) || true
        outcomes "$work/$package.$side.log" >"$work/$package.$side"
    done
    count=$(wc -l <"$work/$package.plain")
    bad=$(grep -c '^FAILED' "$work/$package.plain" || true)
    if [ "$count" -gt 0 ] && diff "$work/$package.plain" "$work/$package.woven" >"$work/$package.diff"; then
        echo "$package $version: $count tests, the same woven as plain ($bad fail in both)"
    else
        echo "$package $version: woven differs from plain ($count tests plain):"
        head -20 "$work/$package.diff"
        failed=1
    fi
done <<<"$suites"
exit $failed
