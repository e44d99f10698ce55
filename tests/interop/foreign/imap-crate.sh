# The integration tests in the source of the crate imap 3.0.0-alpha.15, but those of extensions that are not announced.
# They are unpacked and compiled in $CACHE, once; then this runs without a network.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

crate=$CACHE/imap-3.0.0-alpha.15
[ -x "$RUSTC" ] || die "$RUSTC is missing: it must be the compiler itself"
PATH=$(dirname "$CARGO"):$PATH
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$crate/target"
if [ ! -e "$crate/ready" ]; then
    rm -rf "$crate"
    mkdir -p "$crate/fetch"
    (
        cd "$crate/fetch" || exit
        cat > Cargo.toml << EOF
[package]
name = "fetch"
version = "0.0.0"
[lib]
path = "lib.rs"
[dependencies]
imap = { version = "=3.0.0-alpha.15", default-features = false }
[workspace]
EOF
        : > lib.rs
        "$CARGO" vendor --quiet ../vendor > /dev/null
    )
    mv "$crate/vendor/imap" "$crate/source"
    rm -r "$crate/vendor" "$crate/fetch"
    printf '[workspace]\n' >> "$crate/source/Cargo.toml"
    (cd "$crate/source" && "$CARGO" test --quiet --locked --features test-full-imap --tests --no-run)
    touch "$crate/ready"
fi

# Which tests need what that IMAP4rev1 does not have.
announced=$(curl -sS --cacert "$CA" -u "bob:$PASSWORD" -X CAPABILITY "imaps://localhost:$IMAPS" | tr -d '\r')
set --
while read -r name needs; do
    case " $announced " in
        *" $needs "*) ;;
        *) set -- "$@" --skip "$name" ;;
    esac
done << EOF
acl_tests ACL
list_status CONDSTORE
quota QUOTA
qresync QRESYNC
EOF

# list_status knows no folders but INBOX.
for name in $(curl -sS "imap://localhost:$IMAP" -u "readonly-test@localhost:x" | tr -d '\r' | sed -n 's/.*"\/" //p' | grep -v INBOX); do
    curl -sS "imap://localhost:$IMAP" -u "readonly-test@localhost:x" -X "DELETE $name"
done

export TEST_HOST=localhost TEST_IMAP_PORT="$IMAP" TEST_IMAPS_PORT="$IMAPS" TEST_SMTPS_PORT="$SMTPS"
cd "$crate/source" || exit
"$CARGO" test --quiet --locked --offline --features test-full-imap --tests --no-fail-fast -- "$@"
