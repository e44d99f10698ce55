# fetchmail: POP3 and IMAP; without TLS, by STARTTLS, from the first byte on; kept and removed; a second run finds nothing new.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

cat > deliver << 'EOF'
#!/bin/sh
mkdir -p "$1/cur" "$1/new"
cat > "$(mktemp "$1/new/XXXXXX")"
EOF
chmod +x deliver

# run NAME STATUS POLL USER-OPTIONS
run() {
    cat > "$1.conf" << EOF
set no bouncemail
poll localhost protocol $3
    user "bob" password "$PASSWORD" $4
    mda "$HOME/deliver $HOME/$1"
EOF
    ended=0
    fetchmail --nosyslog --pidfile "$HOME/fetchmail.pid" -N -v -f "$1.conf" -i "$1.ids" > out 2>&1 || ended=$?
    [ "$ended" = "$2" ] || die "$1: $ended: $(cat out)"
}

tls="sslproto TLS1.2+ sslcertck sslcertfile $CA"
fill bob
# IMAP knows what it has fetched by \Seen: without "fetchall", all that is unseen.
run imap 0 "IMAP port $IMAP" "keep sslproto ''"
all imap
run imap 1 "IMAP port $IMAP" "keep sslproto ''"
all imap
run again 0 "IMAP port $IMAP" "keep fetchall $tls"
all again
run pop3 0 "POP3 port $POP3 uidl" "keep sslproto ''"
all pop3
run pop3 1 "POP3 port $POP3 uidl" "keep $tls"
all pop3
all "$ROOT/bob"
run pop3s 0 "POP3 port $POP3S" "nokeep fetchall ssl $tls"
all pop3s
[ "$(count "$ROOT/bob")" = 0 ] || die "POP3: what was not to be kept is there"
fill bob
run imaps 0 "IMAP port $IMAPS" "nokeep ssl $tls"
all imaps
[ "$(count "$ROOT/bob")" = 0 ] || die "IMAP: what was not to be kept is there"
