#!/bin/sh
# Notifications that survive a crash and a server that is away: stored at once, delivered when that can be, and the sender hears of
# what can't be. All of it on the embedded server, in a temporary directory; nothing leaves this machine.
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
server=
trap 'test -z "$server" || { kill "$server"; wait "$server"; }; rm -rf "$home"' EXIT
HOME=$home
export HOME
unset XDG_DATA_HOME XDG_STATE_HOME XDG_CONFIG_HOME PIPEPOST_ACCOUNT PIPEPOST_CONFIG
cd "$home"

must() { "$@" || { printf 'queue: this is not so: %s\n' "$*" >&2; exit 1; }; }
step() {
    printf '\n$ %s\n' "$*"
    "$@"
}

# A relay, behind a Unix socket.
start() {
    mail-serve --root "$home/relay" --create --lmtp-socket "$home/socket" --smtp-port 0 --pop3-port 0 --imap-port 0 > ports &
    server=$!
    tries=0
    until grep -q password-file ports; do
        tries=$((tries + 1))
        must test "$tries" -lt 100
        sleep 0.1
    done
}
stop() {
    kill "$server"
    wait "$server"
    server=
}

mkdir -p .config/pipepost
cat > .config/pipepost/config.toml << END
[relay]
smtp  = "lmtp+unix:$home/socket"
queue = true

[queue]
retry-min = "1s"
END

printf 'A server is away, and a job has something to say. That it is stored is enough for the job.\n'
printf 'the disk of mercury is full\n' | step smtp-send -a relay -f ops@localhost -s 'ALARM: mercury' bob@localhost
printf 'the backup is done\n' | step smtp-send -a relay -f ops@localhost -s backup --priority -3 \
    bob@localhost nobody@example.org
step smtp-queue ls
must test "$(smtp-queue ls -o status | sort -u)" = waiting

printf '\nA runner finds nobody there; the messages wait.\n'
step smtp-queue run
step smtp-queue ls -o to,status,attempts,text
must test "$(smtp-queue ls -o attempts | sort -u)" = 1

printf '\nOne of them waits for better times, by hand.\n'
step smtp-queue hold --sender ops@localhost --domain example.org
step smtp-queue check --max-age 1h || must test $? -eq 75

printf '\nThe server is back.\n'
start
# mail-serve runs the queue too: whoever of the two is first has a message, and the other leaves it alone (75).
step smtp-queue retry --status waiting || must test $? -eq 75
step smtp-queue run -v
tries=0
until test "$(smtp-queue ls --status waiting | wc -l)" -eq 0; do
    tries=$((tries + 1))
    must test "$tries" -lt 100
    sleep 0.1
    smtp-queue run
done
step pop3-ls --password-file relay/.password -o subject "pop3+plain://bob@$(sed -n 's/^pop3 //p' ports)"
must test "$(pop3-ls --password-file relay/.password -o subject "pop3+plain://bob@$(sed -n 's/^pop3 //p' ports)" | sort)" = \
    "$(printf 'ALARM: mercury\nbackup')"

printf '\nWhat was held goes too; the server does not take it, and its sender is told.\n'
tries=0
until step smtp-queue release --all; do
    tries=$((tries + 1))
    must test "$tries" -lt 100
    sleep 0.1
done
tries=0
until test "$(pop3-ls local://ops | wc -l)" -eq 1; do
    tries=$((tries + 1))
    must test "$tries" -lt 100
    sleep 0.1
    smtp-queue run
done
pop3-fetch local://ops 1 | step mailfmt show
must test -z "$(smtp-queue ls)"
stop
printf '\nThe queue is empty.\n'
