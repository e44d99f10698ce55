# mbsync: a Maildir and the server, both ways: new messages, flags, removed messages and folders; another run changes nothing.
# shellcheck shell=sh
# shellcheck source=/dev/null
. "$LIB"

cat > mbsyncrc << EOF
IMAPAccount server
Host localhost
Port WAYPORT
User bob
PassCmd "cat $PASSWORD_FILE"
SSLType WAYTYPE
CertificateFile $CA

IMAPStore far
Account server

MaildirStore near
Path $HOME/near/
Inbox $HOME/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
EOF

for way in none starttls tls; do
    case $way in
        none) edit="s/WAYPORT/$IMAP/; s/WAYTYPE/None/" ;;
        starttls) edit="s/WAYPORT/$IMAP/; s/WAYTYPE/STARTTLS/" ;;
        tls) edit="s/WAYPORT/$IMAPS/; s/WAYTYPE/IMAPS/" ;;
    esac
    sed "$edit" mbsyncrc > $way.conf
done

# The names, sizes and times of all files on both sides; databases of the server and of mbsync may be written without a change.
tree() {
    (cd "$1" && find . -type f ! -name 'pipepost.sqlite*' ! -name '.mbsync*' ! -name '.uidvalidity' -printf '%P %s %T@\n' | sort)
}

sync() {
    mbsync -c "$1.conf" -V -a > out 2>&1 || die "mbsync $1 ended with $?: $(cat out)"
}

# A run with nothing to do does nothing.
settled() {
    tree "$ROOT/bob" > far.before
    tree near > near.before
    sync "$1"
    tree "$ROOT/bob" | cmp far.before - || die "$1 changed something on the server: $(cat out)"
    tree near | cmp near.before - || die "$1 changed something here: $(cat out)"
}

# both COUNT: the INBOX has so many messages on both sides.
both() {
    there=$(count "$ROOT/bob") here=$(count near/INBOX)
    [ "$there:$here" = "$1:$1" ] || die "$there messages there, $here here: $(cat out)"
}

flags() {
    imap-ls --password-file "$PASSWORD_FILE" -o uid,flags "imap+plain://bob@127.0.0.1:$IMAP/INBOX" "$@" | tr '\t' ' '
}

# What the Maildir calls the file of message N.
near() {
    messages near/INBOX | xargs grep -lx "Subject: message $1"
}

mkdir -p near
fill bob
sync none
all near/INBOX
settled none
settled starttls
settled tls

# New messages there and here, also in folders that the other side does not have.
sed 's/^Subject: .*/Subject: message 9/' 8.eml > 9.eml
smtp-send -a "smtp+plain://localhost:$SMTP" -f alice@example.org bob@localhost < 9.eml
LC_ALL=C sed 's/^Subject: .*/Subject: message 10/' 4.eml > 10.eml
cp 10.eml near/INBOX/new/10.host
mkdir -p "near/Lists/Gr&APwA3w-e und mehr/cur" "near/Lists/Gr&APwA3w-e und mehr/new" "near/Lists/Gr&APwA3w-e und mehr/tmp"
cp 3.eml "near/Lists/Gr&APwA3w-e und mehr/cur/3.host:2,S"
sync starttls
both 10
same 9 "$(near 9)"
same 10 "$(messages "$ROOT/bob" | xargs grep -l '^Subject: message 10')"
same 3 "$(grep -rlx 'Subject: message 3' "$ROOT/bob/.Lists.Grüße und mehr/cur")"
settled none

# Flags there and here.
file=$(near 1)
mv "$file" "near/INBOX/cur/$(basename "${file%%:*}"):2,FS"
curl -sS -u "bob:$PASSWORD" "imap://localhost:$IMAP/INBOX" -X 'STORE 2,3 +FLAGS (\Answered \Draft)' > stored
sync tls
for n in 1 2 3; do
    case $n:$(near $n) in
        1:*:2,FS | [23]:*:2,DR) ;;
        *) die "flags of $n here: $(near $n)" ;;
    esac
done
expect '1 Flagged,Seen
2 Answered,Draft
3 Answered,Draft' flags 1:3
settled tls

# Removed there and here.
rm "$(near 4)"
curl -sS -u "bob:$PASSWORD" "imap://localhost:$IMAP/INBOX" -X 'STORE 5 +FLAGS (\Deleted)' > stored
curl -sS -u "bob:$PASSWORD" "imap://localhost:$IMAP/INBOX" -X EXPUNGE > stored
sync none
both 8
settled starttls
expect '1 Flagged,Seen
2 Answered,Draft
3 Answered,Draft
6 
7 
8 
9 
10 ' flags
