# PyPI's dkimpy: what we sign it verifies, what it signs we verify, and chains of ARC that it has sealed.
# Its environment is made in $CACHE, once; then this runs without a network.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

env=$CACHE/dkimpy-1.1.8
if [ ! -e "$env/ready" ]; then
    rm -rf "$env"
    python3 -m venv "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check dkimpy==1.1.8 pynacl==1.6.2 authres==1.2.0 dnspython==2.8.0
    touch "$env/ready"
fi

umask 077
cp "$FIXTURES/rsa.pem" rsa.pem
echo nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A= > raw
grep '^rsa' "$FIXTURES/keys" > keys
echo 'raw._domainkey.example.org v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=' >> keys
printf 'From: Jo <jo@example.org>\r\nTo: a@b\r\nSubject: one  two\r\n\tthree\r\n\r\nHello  there \r\n\r\nlast\r\n\r\n' > message

cat > peer.py << 'EOF'
import sys
import dkim

keys = dict(line.rstrip("\n").split(" ", 1) for line in open("keys"))


def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    record = keys.get(name.rstrip("."))
    return record and record.encode()


what, path = sys.argv[1:3]
message = open(path, "rb").read()
if what == "verify":
    sys.exit(0 if dkim.verify(message, dnsfunc=txt) else 1)
elif what == "sign":
    selector, canon = sys.argv[3:5]
    key = open("rsa.pem" if selector == "rsa" else "raw", "rb").read().strip()
    algorithm = b"rsa-sha256" if selector == "rsa" else b"ed25519-sha256"
    pair = tuple(word.encode() for word in canon.split("/"))
    sys.stdout.buffer.write(dkim.sign(message, selector.encode(), b"example.org", key, canonicalize=pair, signature_algorithm=algorithm) + message)
else:
    for n in range(3):
        message = b"".join(line for line in message.splitlines(True) if not line.startswith(b"Authentication-Results"))
        message = b"Authentication-Results: lists.example.org; arc=%s\r\n" % (b"pass" if n else b"none") + message
        message = b"".join(dkim.arc_sign(message, b"rsa", b"example.org", open("rsa.pem", "rb").read(), b"lists.example.org")) + message
    sys.stdout.buffer.write(message)
EOF

for selector in rsa raw; do
    key=$selector
    [ "$selector" = raw ] || key=rsa.pem
    for canon in simple/simple simple/relaxed relaxed/simple relaxed/relaxed; do
        mailfmt sign --key-file "$key" --signing-domain example.org --selector "$selector" --canonicalization "$canon" message > ours
        "$env/bin/python" peer.py verify ours || die "dkimpy does not verify $selector $canon: $(cat ours)"
        "$env/bin/python" peer.py sign message "$selector" "$canon" > theirs
        mailfmt verify --keys keys theirs > out || die "we do not verify $selector $canon: $(cat out theirs)"
        sed 's/last/lost/' theirs > changed
        if mailfmt verify --keys keys changed > out; then die "changed, and passes: $(cat out)"; fi
    done
done

"$env/bin/python" peer.py arc message > sealed
mailfmt verify --keys keys --arc --json sealed | grep -q '"method":"arc".*"result":"pass"' || die "$(mailfmt verify --keys keys --arc sealed)"
sed 's/last/lost/' sealed > changed
mailfmt verify --keys keys --arc changed | grep -q '	arc	fail' || die "$(mailfmt verify --keys keys --arc changed)"
