complete -c imap-fetch -l search -d 'Only the messages for which all of this holds, in IMAP\'s own words (RFC 3501 6.4.4), like \'FROM ci@ UNSEEN\'' -r
complete -c imap-fetch -l where -d 'Only the messages for which all of this holds: from:ci is:unread since:7d larger:1M (see pipepost(7))' -r
complete -c imap-fetch -l state -d 'The name of the history of what was fetched or told' -r
complete -c imap-fetch -l delete-after -d 'Delete on the server what was fetched longer ago than this' -r
complete -c imap-fetch -l folder-jobs -d 'With --new and --mirror: fetch from so many folders of an account at a time, each over a connection of its own' -r
complete -c imap-fetch -l jobs -d 'Fetch from so many accounts at a time' -r
complete -c imap-fetch -l fields -d 'Only these header fields, with the empty line behind them' -r
complete -c imap-fetch -l part -d 'Only the part of that number, like 1.2, without its transfer encoding' -r
complete -c imap-fetch -l into -d 'Where messages go: - (stdout, the default), mbox:FILE, maildir:DIR, eml:DIR, exec:COMMAND, ACCOUNT:FOLDER, smtp://HOST, lmtp://HOST; may be repeated' -r
complete -c imap-fetch -l deliver-to -d 'Who gets the messages by a target that is an SMTP or LMTP server: smtp://HOST, lmtp://HOST, lmtp+unix:PATH, or ACCOUNT: without a folder; may be repeated' -r
complete -c imap-fetch -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c imap-fetch -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c imap-fetch -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c imap-fetch -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c imap-fetch -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c imap-fetch -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c imap-fetch -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c imap-fetch -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c imap-fetch -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c imap-fetch -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c imap-fetch -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c imap-fetch -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c imap-fetch -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c imap-fetch -l source-address -d 'Connect from this address of the machine' -r
complete -c imap-fetch -l new -d 'Only messages that were not fetched before, by the history that --state names'
complete -c imap-fetch -l mirror -d 'Keep the tree of Maildirs that --into maildir:DIR names as the folders are on the server, or all folders of an account: new messages, flags, and what is gone there'
complete -c imap-fetch -l force -d 'Delete although it is most of the folder'
complete -c imap-fetch -l delete -d 'Delete on the server what is on stable storage here'
complete -c imap-fetch -l all-accounts -d 'All accounts of the configuration that have IMAP: their INBOX'
complete -c imap-fetch -l headers -d 'Only the headers, each with the empty line behind it'
complete -c imap-fetch -l mark-seen -d 'Mark the messages as read (\\\\Seen) that are on stable storage here'
complete -c imap-fetch -l raw -d 'stdout gets the messages as they are'
complete -c imap-fetch -l mbox -d 'stdout gets an mboxrd stream, also for one message'
complete -c imap-fetch -l json -d 'One JSON object for each message (not with messages on stdout)'
complete -c imap-fetch -s e -l exit-status -d 'End with status 1 if there was nothing to fetch'
complete -c imap-fetch -s q -l quiet -d 'Say nothing but errors'
complete -c imap-fetch -s v -l verbose -d 'Tell the steps on stderr'
complete -c imap-fetch -l trace-data -d 'Show message bodies in the trace too'
complete -c imap-fetch -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c imap-fetch -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c imap-fetch -s h -l help -d 'Print help (see more with \'--help\')'
complete -c imap-fetch -s V -l version -d 'Print version'
