complete -c imap-flag -l search -d 'Only the messages for which all of this holds, in IMAP\'s own words (RFC 3501 6.4.4), like \'FROM ci@ UNSEEN\'' -r
complete -c imap-flag -l where -d 'Only the messages for which all of this holds: from:ci is:unread since:7d larger:1M (see pipepost(7))' -r
complete -c imap-flag -l unchanged-since -d 'Only messages that have not been changed since this mod-sequence (RFC 7162)' -r
complete -c imap-flag -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-flag -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-flag -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-flag -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-flag -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-flag -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-flag -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-flag -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-flag -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-flag -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-flag -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-flag -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-flag -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-flag -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-flag -l all -d 'All messages of the folder'
complete -c imap-flag -s n -l dry-run -d 'Tell what would be changed; change nothing'
complete -c imap-flag -l json -d 'One JSON object for each message'
complete -c imap-flag -s e -l exit-status -d 'End with status 1 if there was nothing to change'
complete -c imap-flag -s q -l quiet -d 'Say nothing but errors'
complete -c imap-flag -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-flag -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-flag -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-flag -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-flag -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-flag -s V -l version -d 'Print version'
