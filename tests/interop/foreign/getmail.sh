# getmail6: POP3 without TLS and from the first byte on; mail kept and mail removed; a second run finds nothing new.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

fill bob

# It delivers nothing as root.
as=
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=mail --regid=mail --clear-groups"
    chmod 711 .
fi

# run NAME TYPE PORT DELETE: fetches into the Maildir of that name.
run() {
    mkdir -p "$1/rc" "$1/new" "$1/cur" "$1/tmp"
    cp "$CA" "$1/rc/ca.pem"
    cat > "$1/rc/rc" << EOF
[retriever]
type = $2
server = localhost
port = $3
username = bob
password = $PASSWORD
$5
[destination]
type = Maildir
path = $HOME/$1/
[options]
delete = $4
read_all = false
received = false
delivered_to = false
verbose = 2
EOF
    [ -z "$as" ] || chown -R mail:mail "$1"
    $as env HOME="$HOME/$1" getmail --getmaildir="$HOME/$1/rc" --rcfile=rc > out 2>&1 || die "$1: $(cat out)"
    all "$1"
}

run plain SimplePOP3Retriever "$POP3" false ""
run plain SimplePOP3Retriever "$POP3" false ""
grep -q "0 messages.*retrieved" out || die "not all are remembered: $(cat out)"
run tls SimplePOP3SSLRetriever "$POP3S" true "ca_certs = $HOME/tls/rc/ca.pem"
[ "$(count "$ROOT/bob")" = 0 ] || die "what was not to be kept is there"
