# swaks: AUTH PLAIN and LOGIN, STARTTLS, TLS from the first byte on, LMTP, pipelining.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

# send USER NUMBER OPTION...
send() {
    user=$1 number=$2
    shift 2
    swaks --silent 2 --no-hints --timeout 60 --no-data-fixup --server localhost --from alice@localhost --to "$user@localhost" \
        --data "@$number.data" "$@" > out 2>&1 || die "swaks $* ended with $?: $(cat out)"
}

# Data as it goes over the wire: what swaks makes of other data is not always the same message.
for n in $NUMBERS; do
    { message "$n.eml" | LC_ALL=C sed 's/^\./../; s/$/\r/' && printf '.\r\n'; } > "$n.data"
done

set -- --auth-user bob --auth-password "$PASSWORD"
tls="--tls-ca-path $CA --tls-verify"
for n in $NUMBERS; do
    send none "$n" --port "$SMTP"
    send auth "$n" --port "$SMTP" --auth PLAIN "$@"
    # shellcheck disable=SC2086
    send starttls "$n" --port "$SMTP" --tls $tls --auth LOGIN "$@"
    # shellcheck disable=SC2086
    send tls "$n" --port "$SMTPS" --tls-on-connect $tls --auth PLAIN "$@"
    send lmtp "$n" --port "$LMTP" --protocol LMTP
    send pipeline "$n" --port "$SMTP" --pipeline
done
for user in none auth starttls tls lmtp pipeline; do
    all "$ROOT/$user"
done

# 28 is what swaks says of a refused login, 24 of a refused recipient.
refused() {
    status=$1
    shift
    ended=0
    swaks --no-hints --server localhost --port "$SMTP" --from alice@localhost "$@" > out 2>&1 || ended=$?
    [ $ended = "$status" ] || die "swaks $*: $ended $(cat out)"
}
refused 28 --to bob@localhost --auth PLAIN --auth-user bob --auth-password wrong
refused 28 --to bob@localhost --auth LOGIN --auth-user bob --auth-password wrong
refused 24 --to bob@elsewhere.example
