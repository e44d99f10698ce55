#!/bin/sh
# Makes a directory in which Debian's Exim and OpenSMTPD can run, each with a configuration of its own, beside the Postfix that
# is installed: as packages these three exclude each other, and OpenSMTPD knows only one place for its queue and its users.
# usage: mtas.sh DIRECTORY
#
# It becomes a root directory (chroot) with the programs, the libraries that they need, and an /etc/passwd of its own. Needs root,
# and `apt-get install libdb5.3 libevent-2.1-7 libgnutls-dane0 libidn12 libldap-2.5-0 libmariadb3 libnsl2 libperl5.36 libpq5 libspf2-2`.
set -eu

dir=$1
[ ! -e "$dir/ready" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/debs"
dir=$(cd "$dir" && pwd)
(
    cd "$dir/debs"
    apt-get download -q exim4-daemon-heavy opensmtpd
    for deb in *.deb; do
        dpkg -x "$deb" unpacked
    done
)

cd "$dir"
mkdir -p dev etc tmp bin usr/sbin usr/libexec var/run var/mail
cp debs/unpacked/usr/sbin/exim4 debs/unpacked/usr/sbin/smtpd debs/unpacked/usr/sbin/smtpctl usr/sbin
cp -R debs/unpacked/usr/libexec/opensmtpd usr/libexec
cp -L /bin/sh bin
for program in usr/sbin/* usr/libexec/opensmtpd/* bin/sh; do
    libraries=$(ldd "$program")
    case $libraries in *"not found"*)
        echo "$program: $libraries" >&2
        exit 1
        ;;
    esac
    # "name => /path (address)", or "/path (address)" of the loader.
    for library in $(printf '%s\n' "$libraries" | grep -o '/[^ ]*'); do
        mkdir -p ".${library%/*}"
        cp -L "$library" ".$library"
    done
done
cat > etc/passwd <<END
root:x:0:0::/:/bin/sh
mail:x:8:8::/:/bin/sh
Debian-exim:x:900:900::/:/bin/sh
opensmtpd:x:901:901::/:/bin/sh
opensmtpq:x:902:902::/:/bin/sh
END
cat > etc/group <<END
root:x:0:
mail:x:8:
Debian-exim:x:900:
opensmtpd:x:901:
opensmtpq:x:902:
END
printf '127.0.0.1 localhost\n' > etc/hosts
mknod -m 666 dev/null c 1 3
mkdir -p var/lib/opensmtpd/empty
chmod 1777 tmp
rm -r debs
: > ready
