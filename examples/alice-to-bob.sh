#!/bin/sh
# The scenario that every course on e-mail starts with, played by real programs over the real protocols:
# Alice composes a message and hands it to her mail server by SMTP; the server puts it into Bob's mailbox;
# Bob lists and reads it by POP3 and by IMAP. First on the embedded server (local:), then on mail-serve over TCP.
#
# Needs Rust and a C compiler, nothing else. Everything happens in a temporary directory, on the loopback interface.
# PIPEPOST_BIN names a directory of built programs, if there is one already.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ -z "${PIPEPOST_BIN:-}" ]; then
    (cd "$here" && cargo build --release)
    PIPEPOST_BIN=${CARGO_TARGET_DIR:-$here/target}/release
fi
PATH=$PIPEPOST_BIN:$PATH

home=$(mktemp -d)
server=
finish() {
    status=$?
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    rm -rf "$home"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
HOME=$home
export HOME
unset XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_HOME PIPEPOST_ACCOUNT
cd "$home"

title() { printf '\n== %s\n' "$*"; }
# Shows a command, its output and, indented, the dialogue with the server that it had.
step() {
    printf '\n$ %s\n' "$*"
    : > trace
    "$@" --trace trace > out || { status=$?; cat out trace; return "$status"; }
    cat out
    sed 's/^/    /' trace
}
# What must be true, or the scenario has failed.
must() { "$@" || { printf 'alice-to-bob: this is not so: %s\n' "$*" >&2; exit 1; }; }

play() {
    smtp=$1 pop3=$2 imap=$3
    shift 3
    title 'Alice composes a message and hands it to her mail server by SMTP'
    printf 'Hi Bob,\n\nlunch at noon?\n.\nAlice\n' > text
    step smtp-send -a "$smtp" --from 'Alice <alice@localhost>' -s 'Lunch – today?' --to 'Bob <bob@localhost>' < text

    title 'Bob lists his mailbox by POP3'
    step pop3-ls "$@" "$pop3"
    must grep -q 'Lunch – today?' out

    title 'Bob retrieves the message by POP3 and reads it'
    step pop3-fetch "$@" "$pop3" 1
    mailfmt show < out > shown
    printf '\n$ mailfmt show\n'
    cat shown
    must grep -q '^lunch at noon?$' shown
    must grep -qx '\.' shown

    title 'Bob looks at the same mailbox by IMAP: the folders, then the messages'
    step imap-ls "$@" "$imap"
    must grep -q INBOX out
    step imap-ls "$@" "$imap/INBOX"
    must grep -q 'Lunch – today?' out

    title 'Bob fetches the message by IMAP and reads it'
    step imap-fetch "$@" "$imap/INBOX" 1
    mailfmt show < out > shown
    printf '\n$ mailfmt show\n'
    cat shown
    must grep -q '^lunch at noon?$' shown
}

title 'On the embedded server: no configuration, no port, the same protocols over a socket pair'
play local: local://bob local://bob

title 'On mail-serve: three ports on the loopback interface'
mail-serve --root "$home/mail" --create --smtp-port 0 --pop3-port 0 --imap-port 0 > ports &
server=$!
tries=0
until grep -q password-file ports; do
    tries=$((tries + 1))
    must test "$tries" -lt 100
    sleep 0.1
done
printf '$ mail-serve\n'
cat ports
port() { sed -n "s/^$1 //p" ports; }
play "smtp+plain://$(port smtp)" "pop3+plain://bob@$(port pop3)" "imap+plain://bob@$(port imap)" \
    --password-file "$home/mail/.password"
kill "$server"
wait "$server"
server=

title 'Alice sent to Bob: by SMTP in, by POP3 and by IMAP out, on local: and over TCP'
