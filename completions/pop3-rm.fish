complete -c pop3-rm -l older-than -d 'Of those, or of all, the ones that arrived longer ago than this' -r
complete -c pop3-rm -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c pop3-rm -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c pop3-rm -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c pop3-rm -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c pop3-rm -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c pop3-rm -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c pop3-rm -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c pop3-rm -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c pop3-rm -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c pop3-rm -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c pop3-rm -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c pop3-rm -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c pop3-rm -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c pop3-rm -l source-address -d 'Connect from this address of the machine' -r
complete -c pop3-rm -l all -d 'All messages'
complete -c pop3-rm -l force -d 'Delete although it is most of the maildrop'
complete -c pop3-rm -s n -l dry-run -d 'Tell what would be deleted; delete nothing'
complete -c pop3-rm -l json -d 'One JSON object for each message'
complete -c pop3-rm -l pipeline -d 'Send commands without waiting for the replies, also where the server does not offer that, if it answers the first two (key: pipelining = true)'
complete -c pop3-rm -s q -l quiet -d 'Say nothing but errors'
complete -c pop3-rm -s v -l verbose -d 'Tell the steps on stderr'
complete -c pop3-rm -l trace-data -d 'Show message bodies in the trace too'
complete -c pop3-rm -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c pop3-rm -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c pop3-rm -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pop3-rm -s V -l version -d 'Print version'
