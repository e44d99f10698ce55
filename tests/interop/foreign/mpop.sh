# mpop: without TLS, by STARTTLS, from the first byte on; mail kept and mail removed; a second run finds nothing new.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

fill bob

cat > .mpoprc << EOF
defaults
host localhost
user bob
passwordeval cat "$PASSWORD_FILE"
tls_trust_file $CA
uidls_file ~/uidls.WAY

account plain
port $POP3
tls off
auth user
keep on
delivery maildir plain

account starttls
port $POP3
tls on
tls_starttls on
auth plain
keep on
pipelining on
delivery maildir starttls

account tls
port $POP3S
tls on
tls_starttls off
keep off
delivery maildir tls
EOF
for way in plain starttls tls; do
    sed "s/WAY/$way/" .mpoprc > conf
    mkdir -p $way/cur $way/new $way/tmp
    mpop -C conf -Q $way
    all $way
    [ "$(wc -l < uidls.$way)" != 0 ] || [ $way = tls ] || die "no UIDL is kept"
    mpop -C conf $way > again
    all $way
done
[ "$(count "$ROOT/bob")" = 0 ] || die "what was not to be kept is there"
