complete -c imap-watch -l events -d 'Only these' -r -f -a "new\t'A message came'
flags\t'A message\'s flags changed'
vanished\t'A message went'"
complete -c imap-watch -l search -d 'Only the messages for which all of this holds, in IMAP\'s own words (RFC 3501 6.4.4), like \'FROM ci@ UNSEEN\'' -r
complete -c imap-watch -l where -d 'Only the messages for which all of this holds: from:ci is:unread since:7d larger:1M (see pipepost(7))' -r
complete -c imap-watch -l exec -d 'Run COMMAND by /bin/sh instead of printing, with the events on its stdin, one JSON object a line' -r
complete -c imap-watch -l debounce -d 'Collect the events of this time for one run of the command of --exec' -r
complete -c imap-watch -l state -d 'The name of the history of what was fetched or told' -r
complete -c imap-watch -l poll -d 'How often to ask a server that does not tell by itself (no IDLE)' -r
complete -c imap-watch -s o -l columns -d 'The columns, in this order' -r
complete -c imap-watch -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-watch -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-watch -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-watch -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-watch -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-watch -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-watch -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-watch -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-watch -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-watch -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-watch -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-watch -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-watch -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-watch -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-watch -l once -d 'End at the first event, with --state behind those that came together with it'
complete -c imap-watch -l json -d 'One JSON object a line'
complete -c imap-watch -s 0 -l null -d 'End records with NUL instead of a newline'
complete -c imap-watch -s q -l quiet -d 'Say nothing but errors'
complete -c imap-watch -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-watch -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-watch -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-watch -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-watch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-watch -s V -l version -d 'Print version'
