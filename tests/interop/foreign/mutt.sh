# mutt: opens a folder and a message, flags, copies, moves and removes, and sends; without TLS, by STARTTLS, from the first byte on.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

cat > base << EOF
set imap_pass = "$PASSWORD"
set imap_check_subscribed = no
set smtp_pass = "$PASSWORD"
set from = alice@localhost
set certificate_file = "$CA"
set tmpdir = "$HOME"
set header_cache = "$HOME/cache"
set confirmappend = no
set confirmcreate = no
set copy = yes
set delete = yes
set move = no
set quit = yes
set sleep_time = 0
set sort = date-received
set wait_key = no
set beep = no
EOF

# mutt_in WAY ARGUMENTS...: mutt on a terminal of its own.
mutt_in() {
    case $1 in
        plain) url=imap://localhost:$IMAP send=smtp://$1@localhost:$SMTP tls='ssl_starttls = no ssl_force_tls = no' ;;
        starttls) url=imap://localhost:$IMAP send=smtp://$1@localhost:$SMTP tls='ssl_force_tls = yes' ;;
        tls) url=imaps://localhost:$IMAPS send=smtps://$1@localhost:$SMTPS tls='ssl_force_tls = yes' ;;
    esac
    way=$1
    {
        cat base
        echo "set imap_user = $way folder = $url/ smtp_url = $send $tls"
    } > muttrc
    shift
    TERM=vt100 timeout 60 script -qec "mutt -n -F muttrc $*" /dev/null > screen < /dev/null ||
        die "mutt $way ended with $?: $(cat -v screen)"
}

# list WAY FOLDER
list() {
    imap-ls --password-file "$PASSWORD_FILE" -o uid,flags,subject "imap+plain://$1@127.0.0.1:$IMAP/$2" | tr '\t' ' '
}

for way in plain starttls tls; do
    fill "$way"
    # Shows the first message, flags the second, copies the third, saves the fourth elsewhere, deletes the fifth.
    mutt_in "$way" -f =INBOX -e "'push \"<jump>1<enter><display-message><exit><jump>2<enter><flag-message><jump>3<enter><copy-message>\
^U=Copies<enter><jump>4<enter><save-message>^U=Saved<enter><jump>5<enter><delete-message><sync-mailbox><quit>\"'"
    expect '1 Seen message 1
2 Flagged,Old message 2
3 Old message 3
6 Old message 6
7 Old message 7
8 Old message 8' list "$way" INBOX
    for folder in 3:Copies 4:Saved; do
        file=$(messages "$ROOT/$way/.${folder#*:}")
        same "${folder%%:*}" "$file"
    done
    # Another visit sees the same, from its cache.
    mutt_in "$way" -f =Copies -e "'push <quit>'"
    grep -q 'Msgs:1' screen || die "$(cat -v screen)"

    mutt_in "$way" -s written -a 4.eml -- "to-$way@localhost" '< 1.eml'
    file=$(messages "$ROOT/to-$way")
    grep -qx 'Subject: written.\{0,1\}' "$file" || die "$(cat "$file")"
    LC_ALL=C sed -n '/^From: Alice 4 /,/tab/p' "$file" | tr -d '\r' | cmp - 4.eml
done
