complete -c imap-mkdir -l special-use -d 'What the new folder is for (RFC 6154), where the server can be told' -r -f -a "all\t'All messages'
archive\t'An archive'
drafts\t'Messages that are being written'
flagged\t'Messages that are flagged'
junk\t'Spam'
sent\t'Copies of what was sent'
trash\t'What was deleted'"
complete -c imap-mkdir -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-mkdir -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-mkdir -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-mkdir -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-mkdir -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-mkdir -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-mkdir -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-mkdir -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-mkdir -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-mkdir -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-mkdir -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-mkdir -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-mkdir -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-mkdir -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-mkdir -l rename -d 'Give the first folder, and those below it, the name of the second'
complete -c imap-mkdir -l remove -d 'Remove the folders; not those that hold messages'
complete -c imap-mkdir -l with-messages -d 'With --remove: remove the messages in the folders too, for good'
complete -c imap-mkdir -l subscribe -d 'Subscribe to folders that are there'
complete -c imap-mkdir -l unsubscribe -d 'End the subscription of folders, whether they are there or not'
complete -c imap-mkdir -l parents -d 'A folder that is there already is no error, as with mkdir -p'
complete -c imap-mkdir -l json -d 'One JSON object for each folder'
complete -c imap-mkdir -s q -l quiet -d 'Say nothing but errors'
complete -c imap-mkdir -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-mkdir -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-mkdir -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-mkdir -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-mkdir -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-mkdir -s V -l version -d 'Print version'
