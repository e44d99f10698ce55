# msmtp: without TLS, by STARTTLS, from the first byte on; AUTH PLAIN and LOGIN; LMTP; many recipients; -t.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

cat > .msmtprc << EOF
defaults
host localhost
from alice@localhost
auth plain
user bob
passwordeval cat "$PASSWORD_FILE"
tls_trust_file $CA

account none
port $SMTP
auth off
tls off

account plain
port $SMTP
tls off

account login
port $SMTP
auth login
tls off

account starttls
port $SMTP
tls on
tls_starttls on

account tls
port $SMTPS
tls on
tls_starttls off

account lmtp
protocol lmtp
port $LMTP
auth off
tls off
EOF

for way in none plain login starttls tls lmtp; do
    for n in $NUMBERS; do
        msmtp -a $way $way@localhost < "$n.eml"
    done
    all "$ROOT/$way"
done

# Recipients from the header and from the arguments; Bcc goes out with nobody.
sed '/^To:/a\
Bcc: hidden@localhost' 1.eml | msmtp -a starttls -t more@localhost
for user in bob hidden more; do
    same 1 "$(messages "$ROOT/$user")"
done

msmtp -a tls -S > info
grep -q "Subject" info || die "$(cat info)"
# 65 and nothing sent where one of the recipients is refused.
ended=0
msmtp -a plain bob@localhost x@elsewhere.example < 2.eml 2> refused || ended=$?
[ "$ended:$(grep -c 550 refused):$(count "$ROOT/bob")" = 65:1:1 ] || die "$ended $(cat refused)"
