complete -c pop3-ls -l state -d 'The name of the history of what was fetched or told' -r
complete -c pop3-ls -s o -l columns -d 'The columns, in this order' -r
complete -c pop3-ls -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c pop3-ls -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c pop3-ls -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c pop3-ls -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c pop3-ls -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c pop3-ls -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c pop3-ls -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c pop3-ls -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c pop3-ls -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c pop3-ls -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c pop3-ls -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c pop3-ls -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c pop3-ls -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c pop3-ls -l source-address -d 'Connect from this address of the machine' -r
complete -c pop3-ls -l new -d 'Only messages that were not fetched before, by the history that --state names'
complete -c pop3-ls -l total -d 'One line instead: how many messages there are, and their octets'
complete -c pop3-ls -l json -d 'One JSON object a line'
complete -c pop3-ls -s 0 -l null -d 'End records with NUL instead of a newline'
complete -c pop3-ls -s e -l exit-status -d 'End with status 1 if nothing is listed'
complete -c pop3-ls -l pipeline -d 'Send commands without waiting for the replies, also where the server does not offer that, if it answers the first two (key: pipelining = true)'
complete -c pop3-ls -s q -l quiet -d 'Say nothing but errors'
complete -c pop3-ls -s v -l verbose -d 'Tell the steps on stderr'
complete -c pop3-ls -l trace-data -d 'Show message bodies in the trace too'
complete -c pop3-ls -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c pop3-ls -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c pop3-ls -s h -l help -d 'Print help (see more with \'--help\')'
complete -c pop3-ls -s V -l version -d 'Print version'
