#!/bin/sh
# A cron job that pulls a mailbox into a Maildir and prints nothing when nothing is new, nor when the server can't be reached for
# a while:
#
#     pull.sh ACCOUNT: MAILDIR
#
# What was pulled is remembered, stays on the server, and is never pulled again. Without arguments it plays itself, in a temporary
# directory.
#
# PIPEPOST_BIN names a directory of built programs, if they are not in PATH.
set -eu
PATH=${PIPEPOST_BIN:+$PIPEPOST_BIN:}$PATH

pull() {
    report=$(mktemp)
    status=0
    pop3-fetch --timeout 10m --json --into "maildir:$2" "$1" > "$report" 2> "$report.errors" || status=$?
    count=$(grep -c '"fate":"done"' "$report") || true
    # 75: later may work, and later is the next time that cron calls.
    [ "$status" -eq 75 ] || cat "$report.errors" >&2
    rm -f "$report" "$report.errors"
    [ "$count" -eq 0 ] || printf '%s new in %s\n' "$count" "$2"
    return "$status"
}

if [ $# -ge 2 ]; then
    pull "$@"
    exit
fi

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home
export HOME
unset XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_HOME PIPEPOST_ACCOUNT PIPEPOST_CONFIG
must() { "$@" || { printf 'pull: this is not so: %s\n' "$*" >&2; exit 1; }; }

printf 'one\n' | smtp-send -s first bob@localhost
printf 'two\n' | smtp-send -s second bob@localhost
must test "$(pull local://bob "$home/Mail")" = "2 new in $home/Mail"
must test -z "$(pull local://bob "$home/Mail")"
printf 'three\n' | smtp-send -s third bob@localhost
must test "$(pull local://bob "$home/Mail")" = "1 new in $home/Mail"
must test "$(find "$home/Mail/new" -type f | wc -l)" -eq 3
status=0
umask 077
echo tulip > "$home/password"
printf '[work]\npop3 = "pop3+plain://bob@127.0.0.1:1"\npassword = { file = "~/password" }\n' > "$home/config"
PIPEPOST_CONFIG=$home/config
export PIPEPOST_CONFIG
said=$(pull work: "$home/Mail" 2>&1) || status=$?
must test "$status:$said" = 75:
printf 'pull: each message once, and silence when nothing is new\n'
