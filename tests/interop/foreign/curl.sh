# curl: SMTP, POP3 and IMAP; without TLS, by STARTTLS, and from the first byte on.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

{
    echo "user = bob:$PASSWORD"
    echo "max-time = 60"
} > plain.conf
{
    cat plain.conf
    echo "cacert = $CA"
} > tls.conf
{
    cat tls.conf
    echo ssl-reqd
} > starttls.conf

# at WAY PROTOCOL PATH [OPTION...]
at() {
    case $1:$2 in
        tls:smtp) server=smtps://localhost:$SMTPS ;;
        *:smtp) server=smtp://localhost:$SMTP ;;
        tls:pop3) server=pop3s://localhost:$POP3S ;;
        *:pop3) server=pop3://localhost:$POP3 ;;
        tls:imap) server=imaps://localhost:$IMAPS ;;
        *:imap) server=imap://localhost:$IMAP ;;
    esac
    conf=$1.conf url=$server/$3
    shift 3
    curl -sS -K "$conf" "$@" "$url"
}

for n in $NUMBERS; do
    sed 's/$/\r/' "$n.eml" > "$n.crlf"
done
# The one without a line end stays so.
printf %s "$(cat 7.crlf)" | sed '$s/\r$//' > 7.new && mv 7.new 7.crlf

for way in plain starttls tls; do
    for n in $NUMBERS; do
        at $way smtp client.localhost --mail-from alice@localhost --mail-rcpt "$way@localhost" --mail-rcpt carol@localhost -T "$n.crlf"
    done
    all "$ROOT/$way"

    sed -i "s/^user = [a-z]*:/user = $way:/" $way.conf
    at $way pop3 "" > list
    [ "$(wc -l < list)" = 8 ] || die "LIST: $(cat list)"
    for n in $NUMBERS; do
        at $way pop3 "$n" > got.eml
        same "$n" got.eml
        # LIST says the size of the message on the wire.
        grep -q "^$n $(wc -c < got.eml)" list || die "message $n has $(wc -c < got.eml) octets: $(cat list)"
    done
    [ "$(at $way pop3 "" -X UIDL | sort -uk 2 | wc -l)" = 8 ] || die "UIDL"
    at $way pop3 "" -X "TOP 8 1" > top
    [ "$(sed '1,/^.\{0,1\}$/d' top | wc -l)" = 1 ] || die "TOP: $(cat top)"
    at $way pop3 8 -X DELE -I > dele
    [ "$(count "$ROOT/$way")" = 7 ] || die "DELE"

    at $way imap "" > list
    grep -q 'INBOX' list || die "LIST: $(cat list)"
    for n in 1 2 3 4 5 6 7; do
        at $way imap "INBOX;UID=$n" > got.eml
        same "$n" got.eml
    done
    at $way imap "INBOX;MAILINDEX=7" | cmp got.eml -
    at $way imap "INBOX;UID=2;SECTION=TEXT" > text
    sed '1,/^\r$/d' 2.crlf | cmp - text
    at $way imap "INBOX;UID=1;SECTION=HEADER.FIELDS%20(SUBJECT)" > header
    printf 'Subject: message 1\r\n\r\n' | cmp - header
    expect "* SEARCH 3" at $way imap "INBOX?SUBJECT%20%22message%203%22"
    expect "* SEARCH 1 2 3 4 5 6 7" at $way imap "INBOX?FROM%20alice"
    at $way imap "" -X "CREATE Sent/2026"
    uid=0
    for n in 4 7 8; do
        uid=$((uid + 1))
        at $way imap "Sent%2F2026" -T "$n.crlf"
        at $way imap "Sent%2F2026;UID=$uid" | cmp - "$n.crlf"
    done
    expect "* STATUS Sent/2026 (MESSAGES 3 UIDNEXT 4)" at $way imap "" -X "STATUS Sent/2026 (MESSAGES UIDNEXT)"
    expect '* 1 FETCH (FLAGS (\Flagged \Seen))' at $way imap INBOX -X 'STORE 1 FLAGS (\Seen \Flagged)'
    at $way imap INBOX -X 'STORE 2,3 +FLAGS.SILENT (\Deleted)'
    expect '* 3 EXPUNGE
* 2 EXPUNGE' at $way imap INBOX -X EXPUNGE
    [ "$(count "$ROOT/$way")" = 5 ] || die "EXPUNGE"
done
[ "$(count "$ROOT/carol")" = 24 ] || die "carol"

# A wrong password is status 67, a certificate that is not trusted 60, no such message 78 or 8.
refused() {
    status=$1
    shift
    ended=0
    "$@" > refused 2>&1 || ended=$?
    [ "$ended" = "$status" ] || die "$*: $ended instead of $status: $(cat refused)"
}
sed 's/:.*/:wrong/; /^max-time/d' plain.conf > wrong.conf
refused 67 at wrong imap INBOX
refused 67 at wrong pop3 ""
refused 67 at wrong smtp "" --mail-from alice@localhost --mail-rcpt bob@localhost -T 1.crlf
sed '/^cacert/d' tls.conf > none.conf
refused 60 curl -sS -K none.conf "imaps://localhost:$IMAPS/"
refused 55 at plain smtp "" --mail-from alice@localhost --mail-rcpt bob@elsewhere.example -T 1.crlf
refused 78 at plain imap "INBOX;UID=99"
refused 8 at plain pop3 99
