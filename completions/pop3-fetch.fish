complete -c pop3-fetch -l jobs -d 'Fetch from so many accounts at a time' -r
complete -c pop3-fetch -l delete-after -d 'Delete on the server what was fetched longer ago than this' -r
complete -c pop3-fetch -l keep-newest -d 'Of what would be deleted, leave the newest N messages of the maildrop' -r
complete -c pop3-fetch -l commit-every -d 'With --delete: begin another session after so many messages (0: never)' -r
complete -c pop3-fetch -l limit -d 'Fetch at most N messages, the oldest first; what --filter leaves does not count' -r
complete -c pop3-fetch -l max-size -d 'Leave messages that are larger, in octets or like 10M' -r
complete -c pop3-fetch -l oversize -d 'Of larger messages, fetch the header and so many lines of the body: top:LINES' -r
complete -c pop3-fetch -l filter -d 'Fetch only messages for which the shell command ends with 0, given the header on stdin; 1 leaves the message' -r
complete -c pop3-fetch -l import-state -d 'Take over what mpop (uidls_file), getmail (oldmail-*) or fetchmail (.fetchids) remembers in FILE' -r -F
complete -c pop3-fetch -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c pop3-fetch -l deliver-to -d 'Who gets the messages by a target that is an SMTP or LMTP server: smtp://HOST, lmtp://HOST, lmtp+unix:PATH, or ACCOUNT: without a folder; may be repeated' -r
complete -c pop3-fetch -l state -d 'The name of the history of what was fetched or told' -r
complete -c pop3-fetch -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c pop3-fetch -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c pop3-fetch -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c pop3-fetch -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c pop3-fetch -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c pop3-fetch -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c pop3-fetch -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c pop3-fetch -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c pop3-fetch -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c pop3-fetch -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c pop3-fetch -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c pop3-fetch -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c pop3-fetch -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c pop3-fetch -l source-address -d 'Connect from this address of the machine' -r
complete -c pop3-fetch -l all-accounts -d 'All accounts of the configuration that have POP3'
complete -c pop3-fetch -l keep -d 'Leave the messages on the server, and remember them (the default)'
complete -c pop3-fetch -l delete -d 'Delete on the server what is on stable storage here'
complete -c pop3-fetch -l all -d 'Fetch all messages, also those fetched before'
complete -c pop3-fetch -l complete -d 'Fetch whole what is here in part'
complete -c pop3-fetch -l headers -d 'Only the headers, each with the empty line behind it'
complete -c pop3-fetch -l mark-fetched -d 'Remember all messages as fetched; fetch none. No --delete-after deletes them'
complete -c pop3-fetch -l raw -d 'stdout gets the messages as they are'
complete -c pop3-fetch -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c pop3-fetch -l trust-stdout -d 'Take what a pipe or terminal got for delivered, so that --delete may follow'
complete -c pop3-fetch -s n -l dry-run -d 'Tell what would be fetched and deleted; do nothing'
complete -c pop3-fetch -l json -d 'One JSON object for each message (not with messages on stdout)'
complete -c pop3-fetch -s e -l exit-status -d 'End with status 1 if there was nothing to fetch'
complete -c pop3-fetch -l pipeline -d 'Send commands without waiting for the replies, also where the server does not offer that, if it answers the first two (key: pipelining = true)'
complete -c pop3-fetch -s q -l quiet -d 'Say nothing but errors'
complete -c pop3-fetch -s v -l verbose -d 'Tell the steps on stderr'
complete -c pop3-fetch -l trace-data -d 'Show message bodies in the trace too'
complete -c pop3-fetch -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c pop3-fetch -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c pop3-fetch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pop3-fetch -s V -l version -d 'Print version'
