complete -c imap-ls -l search -d 'Only the messages for which all of this holds, in IMAP\'s own words (RFC 3501 6.4.4), like \'FROM ci@ UNSEEN\'' -r
complete -c imap-ls -l where -d 'Only the messages for which all of this holds: from:ci is:unread since:7d larger:1M (see pipepost(7))' -r
complete -c imap-ls -l sort -d 'Sort by received, date, from, to (names, or addresses), cc, subject or size; - before one turns it round' -r
complete -c imap-ls -l limit -d 'At most N messages: the newest, or with --sort or --thread the first in that order' -r
complete -c imap-ls -s o -l columns -d 'The columns, in this order' -r
complete -c imap-ls -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-ls -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-ls -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-ls -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-ls -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-ls -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-ls -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-ls -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-ls -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-ls -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-ls -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-ls -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-ls -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-ls -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-ls -l refs -d 'One reference a line, ACCOUNT:FOLDER#UIDVALIDITY.UID, as every imap program takes it'
complete -c imap-ls -l count -d 'Only how many messages there are: of the folder, or of what is looked for'
complete -c imap-ls -s l -l long -d 'Of folders: messages, unseen, size, special use, subscribed, quota'
complete -c imap-ls -l tree -d 'Of folders: a tree, in which each has its name below the one that holds it'
complete -c imap-ls -l thread -d 'Conversations, each below the message that began it; the column depth tells how far'
complete -c imap-ls -s r -l reverse -d 'The other way round: the newest first, or the order that is asked for from its end'
complete -c imap-ls -l json -d 'One JSON object a line'
complete -c imap-ls -s 0 -l null -d 'End records with NUL instead of a newline'
complete -c imap-ls -s e -l exit-status -d 'End with status 1 if nothing is listed'
complete -c imap-ls -s q -l quiet -d 'Say nothing but errors'
complete -c imap-ls -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-ls -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-ls -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-ls -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-ls -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-ls -s V -l version -d 'Print version'
