complete -c mail-login -l store-command -d 'Give the password to COMMAND on its stdin, one line, instead of keeping it; /bin/sh runs it' -r
complete -c mail-login -l oauth -d 'Get tokens from PROVIDER: gmail, microsoft, or the https:// URL of an issuer (default: what the account says)' -r
complete -c mail-login -l client-id -d 'The client that is registered with the provider; none is built in' -r
complete -c mail-login -l client-secret-file -d 'Read its secret from the first line of FILE, which nobody else may read' -r -F
complete -c mail-login -l scope -d 'What the tokens are for, a word each; may be repeated (default: what the provider calls mail)' -r
complete -c mail-login -l tenant -d 'The organisation, for microsoft: its domain or identifier (default: common)' -r
complete -c mail-login -s o -l columns -d 'The columns, in this order' -r
complete -c mail-login -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c mail-login -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c mail-login -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c mail-login -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c mail-login -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c mail-login -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c mail-login -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c mail-login -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c mail-login -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c mail-login -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c mail-login -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c mail-login -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c mail-login -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c mail-login -l source-address -d 'Connect from this address of the machine' -r
complete -c mail-login -l check -d 'Log in at every server first, and keep the password or the tokens only if all take them'
complete -c mail-login -l list -d 'List what is kept, without the passwords and tokens; of ACCOUNT: if one is given'
complete -c mail-login -l forget -d 'Forget the password of ACCOUNT:, or its tokens, which are revoked where that can be done'
complete -c mail-login -l token -d 'Print an access token of ACCOUNT: that is good for a minute at least, for other programs'
complete -c mail-login -l device -d 'Log in with a code that is typed in on any device'
complete -c mail-login -l browser -d 'Log in in a browser on this machine, on a page whose address is shown'
complete -c mail-login -l open -d 'Start $BROWSER with that page'
complete -c mail-login -l client-credentials -d 'Log in as the client itself, without a user'
complete -c mail-login -l all -d 'Forget all passwords and tokens'
complete -c mail-login -l json -d 'One JSON object a line'
complete -c mail-login -s 0 -l null -d 'End records with NUL instead of a newline'
complete -c mail-login -s e -l exit-status -d 'End with status 1 if nothing is listed'
complete -c mail-login -s q -l quiet -d 'Say nothing but errors'
complete -c mail-login -s v -l verbose -d 'Tell the steps on stderr'
complete -c mail-login -l trace-data -d 'Show message bodies in the trace too'
complete -c mail-login -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c mail-login -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c mail-login -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mail-login -s V -l version -d 'Print version'
