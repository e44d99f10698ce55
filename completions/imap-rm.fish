complete -c imap-rm -l search -d 'Only the messages for which all of this holds, in IMAP\'s own words (RFC 3501 6.4.4), like \'FROM ci@ UNSEEN\'' -r
complete -c imap-rm -l where -d 'Only the messages for which all of this holds: from:ci is:unread since:7d larger:1M (see pipepost(7))' -r
complete -c imap-rm -l trash -d 'The folder that they are moved to, whatever the server and the configuration say' -r
complete -c imap-rm -l undo -d 'Append to FILE what undoes it; without FILE, imap-mv undoes what such lines on stdin tell' -r -F
complete -c imap-rm -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-rm -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-rm -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-rm -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-rm -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-rm -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-rm -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-rm -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-rm -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-rm -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-rm -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-rm -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-rm -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-rm -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-rm -l all -d 'All messages of the folder'
complete -c imap-rm -l purge -d 'Delete them for good'
complete -c imap-rm -l force -d 'Delete although it is most of the folder'
complete -c imap-rm -s n -l dry-run -d 'Tell what would be deleted; delete nothing'
complete -c imap-rm -l json -d 'One JSON object for each message'
complete -c imap-rm -s e -l exit-status -d 'End with status 1 if there was nothing to delete'
complete -c imap-rm -s q -l quiet -d 'Say nothing but errors'
complete -c imap-rm -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-rm -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-rm -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-rm -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-rm -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-rm -s V -l version -d 'Print version'
