# shellcheck shell=sh
# What the scripts share. They run in a directory with messages 1.eml to 8.eml, and know a running mail-serve by $ROOT, $SMTP,
# $SMTPS, $POP3, $POP3S, $IMAP, $IMAPS, $LMTP (ports), $CA (its certificate) and $PASSWORD_FILE (there is none where
# any password is right); every user is created.

export PASSWORD
PASSWORD=any
[ ! -e "$PASSWORD_FILE" ] || PASSWORD=$(cat "$PASSWORD_FILE")
NUMBERS="1 2 3 4 5 6 7 8"
umask 077

die() {
    echo "$*" >&2
    exit 1
}

# The message in a file from its first line on, which is From: whatever servers have put before it (mbsync at the
# end of the header); LF only, the last line ended.
message() {
    LC_ALL=C sed -n '/^X-TUID: /d; /^From: Alice /,$p' "$1" | tr -d '\r' | LC_ALL=C sed -e "\$a\\"
}

# same NUMBER FILE: the file has that message, whole.
same() {
    message "$1.eml" > want
    message "$2" > got
    cmp want got || die "message $1 is another one in $2"
}

# The files of a Maildir: messages DIR
messages() {
    find "$1/new" "$1/cur" -type f
}

# count DIR
count() {
    messages "$1" | wc -l
}

# all DIR: the Maildir has each message, whole and once.
all() {
    [ "$(count "$1")" = 8 ] || die "$1 has $(count "$1") messages"
    for n in $NUMBERS; do
        same "$n" "$(messages "$1" | xargs grep -lx -m 1 "Subject: message $n.\\{0,1\\}")"
    done
}

# fill USER: sends all of them.
fill() {
    for n in $NUMBERS; do
        smtp-send -a "smtp+plain://localhost:$SMTP" -f alice@example.org "$1@localhost" < "$n.eml"
    done
    all "$ROOT/$1"
}

# expect TEXT COMMAND...: it prints that.
expect() {
    text=$1
    shift
    printed=$("$@" | tr -d '\r')
    [ "$printed" = "$text" ] || die "$*: $printed instead of $text"
}
