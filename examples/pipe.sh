#!/bin/sh
# Programs chained by pipes, with messages on stdin and stdout: what Bob gets by POP3 goes through mailfmt and on to Carol by
# SMTP, once as it is and once as a digest of what came in.
#
# PIPEPOST_BIN names a directory of built programs, if there is one already.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
if [ -z "${PIPEPOST_BIN:-}" ]; then
    (cd "$here" && cargo build --release)
    PIPEPOST_BIN=${CARGO_TARGET_DIR:-$here/target}/release
fi
PATH=$PIPEPOST_BIN:$PATH

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home
export HOME
unset XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_HOME PIPEPOST_ACCOUNT
cd "$home"

must() { "$@" || { printf 'pipe: this is not so: %s\n' "$*" >&2; exit 1; }; }

printf 'the disk of mercury is full\n' | smtp-send -s 'ALARM: mercury' bob@localhost
printf 'all backups are done\n' | smtp-send -s 'backup' bob@localhost

# One message, as it is: the bytes that were stored are the bytes that arrive.
pop3-fetch local://bob 1 | smtp-send carol@localhost
pop3-ls -o subject local://carol
must test "$(pop3-ls -o subject local://carol)" = 'ALARM: mercury'

# All of them (a history of their own: the first has been fetched already), sent on as the text of a new message.
pop3-fetch --state digest local://bob | mailfmt show | smtp-send -s 'what came in today' --to dora@localhost
pop3-fetch local://dora 1 | mailfmt show > digest
cat digest
must grep -q 'the disk of mercury is full' digest
must grep -q 'all backups are done' digest

# All new ones once more, under another name of the history, sent on as they are over one connection.
pop3-fetch --state erin local://bob | smtp-send --mbox erin@localhost
must test "$(pop3-ls local://erin | wc -l)" -eq 2

# And there is nothing new.
must test -z "$(pop3-fetch --state erin local://bob)"
printf 'pipe: the chain holds\n'
