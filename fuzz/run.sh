#!/bin/sh
# Coverage-guided fuzzing on the stable toolchain: sh fuzz/run.sh [SECONDS [TARGET...]]
#
# Builds the targets and runs each for SECONDS (60). What is found interesting is kept in fuzz/grown/TARGET, a crash in
# fuzz/artifacts/TARGET; after a crash the status is 1. Put a crash into tests/regressions/TARGET: cargo test replays it.
set -eu
cd "$(dirname "$0")"

seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- wire_grammar imap_grammar sasl message header address date encoded_word parameter mime_walk sessions imap_client pop3_client config maildir

triple=x86_64-unknown-linux-gnu
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4'
coverage="$coverage -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$coverage --cfg fuzzing -Ccodegen-units=1" cargo build --release --target "$triple"

# In CI a run is to find the same today as yesterday; new things are found by those who look for them.
same=
[ "${CI:-}" != true ] || same='-seed=1 -entropic=0'

status=0
for target; do
    mkdir -p "grown/$target" "artifacts/$target"
    regressions=../tests/regressions/$target
    [ -d "$regressions" ] || regressions=
    # A session that writes files is slow: longer inputs only find the same later.
    case $target in
        sessions | maildir) longest=2048 ;;
        *) longest=4096 ;;
    esac
    echo "== $target"
    # shellcheck disable=SC2086 # nothing is no word
    "${CARGO_TARGET_DIR:-target}/$triple/release/$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len="$longest" \
        $same -print_final_stats=1 -print_funcs=0 -verbosity=0 -artifact_prefix="artifacts/$target/" "grown/$target" "corpus/$target" \
        $regressions || {
        status=1
        echo "$target: crashed on:"
        ls -t "artifacts/$target"
    }
done
exit $status
