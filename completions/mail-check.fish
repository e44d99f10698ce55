complete -c mail-check -l import -d 'Print a configuration made of that of msmtp (~/.msmtprc) or nullmailer (/etc/nullmailer), and connect to nobody' -r
complete -c mail-check -l output -d 'Write it to FILE (0600), and passwords that stood in it to files beside that; none of them may be there already' -r -F
complete -c mail-check -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c mail-check -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c mail-check -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c mail-check -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c mail-check -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c mail-check -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c mail-check -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c mail-check -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c mail-check -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c mail-check -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c mail-check -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c mail-check -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c mail-check -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c mail-check -l source-address -d 'Connect from this address of the machine' -r
complete -c mail-check -l show -d 'Print the settings in force and where each comes from, and connect to nobody'
complete -c mail-check -l json -d 'One JSON object for each step, or setting'
complete -c mail-check -s q -l quiet -d 'Say nothing but errors'
complete -c mail-check -s v -l verbose -d 'Tell the steps on stderr'
complete -c mail-check -l trace-data -d 'Show message bodies in the trace too'
complete -c mail-check -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c mail-check -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c mail-check -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mail-check -s V -l version -d 'Print version'
