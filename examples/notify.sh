#!/bin/sh
# A cron job that says nothing while all is well, and mails the output of a command that fails:
#
#     notify.sh RECIPIENT COMMAND [ARGUMENT...]
#
# Its status is the command's, or smtp-send's if the notice could not be sent. The account is the default one of the
# configuration; without a configuration it is local:. Without arguments it plays itself, in a temporary directory.
#
# PIPEPOST_BIN names a directory of built programs, if they are not in PATH.
set -eu
PATH=${PIPEPOST_BIN:+$PIPEPOST_BIN:}$PATH

notify() {
    recipient=$1
    shift
    output=$(mktemp)
    status=0
    "$@" > "$output" 2>&1 < /dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        { printf '%s\n\nended with status %s and said:\n\n' "$*" "$status"; cat "$output"; } |
            smtp-send -s "$(uname -n): $1 failed with status $status" "$recipient" || status=$?
    fi
    rm -f "$output"
    return "$status"
}

if [ $# -ge 2 ]; then
    notify "$@"
    exit
fi

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
HOME=$home
export HOME
unset XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_HOME PIPEPOST_ACCOUNT PIPEPOST_CONFIG
must() { "$@" || { printf 'notify: this is not so: %s\n' "$*" >&2; exit 1; }; }

notify admin@localhost true
must test -z "$(pop3-ls local://admin)"
status=0
notify admin@localhost ls /no/such/place || status=$?
must test "$status" -ne 0
pop3-ls -o subject local://admin
must test "$(pop3-ls local://admin | wc -l)" -eq 1
pop3-fetch local://admin 1 | mailfmt show > "$home/shown"
must grep -q /no/such/place "$home/shown"
printf 'notify: silent while all is well, and one message when it is not\n'
