# Login mechanisms beyond PLAIN and LOGIN, at a server that offers all it has: msmtp and mpop (GNU SASL) by SCRAM and CRAM-MD5,
# swaks by CRAM-MD5, curl by CRAM-MD5 and APOP, and SCRAM bound to the connection by OpenSSL's idea of it.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

for mechanism in plain scram-sha-1 scram-sha-256 cram-md5; do
    cat > .msmtprc << END
defaults
host localhost
from alice@localhost
user bob
passwordeval cat "$PASSWORD_FILE"
tls_trust_file $CA
auth $mechanism
account clear
port $SMTP
tls off
account tls
port $SMTPS
tls on
tls_starttls off
END
    for way in clear tls; do
        # A client that could bind would say so, and that is for those who can.
        msmtp -a $way "$mechanism-$way@localhost" < 1.eml
        same 1 "$(messages "$ROOT/$mechanism-$way")"
    done
    printf wrong > wrong
    sed -i "s|cat .*|cat wrong|" .msmtprc
    ended=0
    msmtp -a clear bob@localhost < 1.eml > out 2>&1 || ended=$?
    [ $ended = 77 ] || die "msmtp by $mechanism with a wrong password: $ended: $(cat out)"
done

fill bob
for mechanism in user apop plain scram-sha-1 scram-sha-256 cram-md5; do
    cat > .mpoprc << END
account clear
host localhost
port $POP3
tls off
user bob
passwordeval cat "$PASSWORD_FILE"
auth $mechanism
keep on
uidls_file ~/uidls.$mechanism
delivery maildir mpop-$mechanism
END
    mkdir -p "mpop-$mechanism/new" "mpop-$mechanism/cur" "mpop-$mechanism/tmp"
    mpop -q clear
    [ "$(count "mpop-$mechanism")" = 8 ] || die "mpop by $mechanism: $(count "mpop-$mechanism")"
done

swaks --silent 2 --server localhost --port "$SMTP" --from alice@localhost --to swaks@localhost --auth CRAM-MD5 \
    --auth-user bob --auth-password "$PASSWORD" > out 2>&1 || die "swaks: $(cat out)"

for options in AUTH=CRAM-MD5 AUTH=+APOP; do
    curl -sS -m 60 -u "bob:$PASSWORD" --login-options "$options" "pop3://localhost:$POP3/" > out
    [ "$(wc -l < out)" = 8 ] || die "curl by $options: $(cat out)"
done
curl -sS -m 60 -u "bob:$PASSWORD" --login-options AUTH=CRAM-MD5 "imap://localhost:$IMAP/INBOX?ALL" > out
grep -q 'SEARCH 1 ' out || die "curl by CRAM-MD5: $(cat out)"

python3 "$(dirname "$LIB")/scram.py" "localhost:$IMAPS" bob "$PASSWORD"
