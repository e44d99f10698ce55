#!/bin/sh
# Unpacks Debian's Courier and Cyrus, POP3 and IMAP, into a directory: as packages they exclude each other, and Dovecot's.
# usage: maildrops.sh DIRECTORY
#
# What these programs need beside them is `apt-get install courier-base courier-authdaemon courier-authlib-userdb cyrus-common`.
set -eu

dir=$1
[ ! -e "$dir/complete" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir/debs"
(
    cd "$dir/debs"
    apt-get download -q courier-pop courier-imap cyrus-pop3d cyrus-imapd
    for deb in *.deb; do
        dpkg -x "$deb" unpacked
    done
)
courier=$dir/debs/unpacked/usr/lib/courier/courier
cyrus=$dir/debs/unpacked/usr/lib/cyrus/bin
cp "$courier"/courierpop3* "$courier/imaplogin" "$dir/debs/unpacked/usr/bin/imapd" "$cyrus/pop3d" "$dir"
cp "$cyrus/imapd" "$dir/cyrus-imapd"
rm -r "$dir/debs"
: > "$dir/complete"
