# The live test of PyPI's imapclient: 52 tests, of which it leaves out those of extensions that are not announced.
# Its environment is made in $CACHE, once; then this runs without a network.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

env=$CACHE/imapclient-2.3.1
if [ ! -e "$env/ready" ]; then
    rm -rf "$env"
    # It imports what Python 3.12 no longer has.
    for python in python3.11 python3.10 python3.9 python3; do
        "$python" -W ignore -c 'import imp' 2> no-imp && break
    done
    "$python" -m venv "$env"
    "$env/bin/pip" install --quiet --disable-pip-version-check imapclient==2.3.1 six==1.17.0
    touch "$env/ready"
fi

cat > live.ini << EOF
[DEFAULT]
host = localhost
port = $IMAPS
username = bob@localhost
password = $PASSWORD
ssl = true
ssl_ca_file = $CA
timeout = 60
EOF
ended=0
"$env/bin/python" -W ignore -m imapclient.livetest live.ini -v > out 2>&1 || ended=$?
[ "$ended:$(grep -c '^Ran 52 tests' out)" = 0:1 ] || die "$(cat out)"

# Nothing is left out for want of something that is announced.
announced=$(curl -sS --cacert "$CA" -u "bob:$PASSWORD" -X CAPABILITY "imaps://localhost:$IMAPS" | tr -d '\r')
for name in $(sed -n 's/.*skipped "Server doesn.t support \(.*\)"/\1/p' out | tr ' ' '_'); do
    case " $announced " in
        *" $name "*) die "$name is announced and was not tested" ;;
    esac
done
