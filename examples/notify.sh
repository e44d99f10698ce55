#!/bin/sh
# A cron job that says nothing while all is well, and mails the output of a command that fails:
#
#     notify.sh RECIPIENT COMMAND [ARGUMENT...]
#
# Its status is the command's. The account is the default one of the configuration; without a configuration it is local:. A command that
# fails again within an hour is not told again; when it works again, that is. Without arguments it plays itself, in a temporary directory.
#
# PIPEPOST_BIN names a directory of built programs, if they are not in PATH.
set -eu
PATH=${PIPEPOST_BIN:+$PIPEPOST_BIN:}$PATH

notify() {
    recipient=$1
    shift
    smtp-send --run --key "${1##*/}" --once-per 1h --recovered "$recipient" -- "$@" < /dev/null
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
notify admin@localhost ls /no/such/place || status=$?
pop3-ls -o subject local://admin
must test "$(pop3-ls local://admin | wc -l)" -eq 1
pop3-fetch local://admin 1 | mailfmt show > "$home/shown"
must grep -q /no/such/place "$home/shown"
printf 'notify: silent while all is well, and one message when it is not\n'
