complete -c imap-put -l flags -d 'Flags that the messages get, with commas: seen, answered, flagged, deleted, draft, or keywords like $Label' -r
complete -c imap-put -l date -d 'The date, as in a Date field (default: when a Maildir or an mbox says that the message arrived, else now)' -r
complete -c imap-put -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-put -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-put -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-put -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-put -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-put -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-put -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-put -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-put -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-put -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-put -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-put -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-put -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-put -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-put -l mbox -d 'What is read is an mbox, or an error'
complete -c imap-put -s 0 -l null -d 'Stdin is messages that end with NUL'
complete -c imap-put -s n -l dry-run -d 'Tell what would be put there; put nothing'
complete -c imap-put -l json -d 'One JSON object for each message'
complete -c imap-put -s q -l quiet -d 'Say nothing but errors'
complete -c imap-put -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-put -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-put -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-put -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-put -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-put -s V -l version -d 'Print version'
