#!/usr/bin/env bash
# Runs the test suites that upstream crates publish in their packages, plain and woven, and
# compares the outcome of every single test. Weaving must not change one.
#
#   scripts/upstream-suites.sh                    all of them
#   scripts/upstream-suites.sh log axum@0.7.9     only these
#
# Ends with a table, and with 1 when a test differs, none ran, or the crate under test was not woven.
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
axum 0.7.9 --all-features --features axum-macros/__private --lib
axum 0.8.9 --all-features --features axum-macros/__private --lib
reqwest 0.12.28 --no-default-features --features rustls-tls,blocking,json,gzip,brotli,deflate,multipart,stream,cookies,charset,socks,http2 --lib
reqwest 0.13.5 --no-default-features --features rustls-no-provider,blocking,json,gzip,brotli,deflate,multipart,stream,cookies,charset,socks,http2,query,form --lib
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
        [ -e "$file" ] || continue
        grep -q tracing_mock "$file" || printf ' --test %s' "$(basename "$file" .rs)"
    done
}

outcomes() { # log of cargo test -> one sorted line per test: name and outcome
    sed -nE 's/^test (.*) \.\.\. (ok|FAILED|ignored).*/\2 \1/p' "$1" | sed -E 's/ \(line [0-9]+\)//' | sort
}

run() { # side folder arguments -> $folder.$side.log
    local command=("$cargo" test) log="$2.$1.log"
    [ "$1" = plain ] || command=("$selvedge" selvedge test)
    # Building comes first by itself: its report is not shown when a test fails.
    # shellcheck disable=SC2086  # the arguments are words
    for last in --no-run --no-fail-fast; do
        (cd "$2" && CARGO_TARGET_DIR="$work/target" timeout 1500 "${command[@]}" $last $3 2>&1 </dev/null) || true
    done >"$log"
}

counts() { # outcomes -> how many are ok, how many failed
    printf '%s/%s' "$(grep -c '^ok' "$1" || true)" "$(grep -c '^FAILED' "$1" || true)"
}

is_woven() { # log package version -> whether the library itself was woven, not only what it needs
    grep -E '^ +Woven ' "$1" | grep -qF "$2 $3" && ! grep -qE '^ +Fell back' "$1"
}

rows=()
failed=0
while read -r package version arguments; do
    [ -n "$package" ] || continue
    if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qxF -e "$package" -e "$package@$version"; then continue; fi
    fetch "$package" "$version"
    folder="$work/$package-$version"
    arguments=${arguments/@tests/$(testable "$folder")}
    for side in plain woven; do
        run $side "$folder" "$arguments"
        outcomes "$folder.$side.log" >"$folder.$side"
    done
    count=$(wc -l <"$folder.plain")
    differing=$(diff "$folder.plain" "$folder.woven" | tee "$folder.diff" | grep -c '^[<>]' || true)
    note=""
    if [ "$count" -eq 0 ]; then note="no test ran: $folder.plain.log"; fi
    if ! is_woven "$folder.woven.log" "$package" "$version"; then note="$package was not woven: $folder.woven.log"; fi
    if [ "$differing" -gt 0 ]; then note="differs: $folder.diff"; fi
    [ -z "$note" ] || failed=1
    row=$(printf '%-20s %-9s %6s %12s %12s %10s  %s' "$package" "$version" "$count" \
        "$(counts "$folder.plain")" "$(counts "$folder.woven")" "$differing" "$note")
    rows+=("$row")
    echo "$row"
    head -20 "$folder.diff"
done <<<"$suites"

printf '\n%-20s %-9s %6s %12s %12s %10s\n' crate version tests "plain ok/bad" "woven ok/bad" differing
printf '%s\n' "${rows[@]}"
exit $failed
