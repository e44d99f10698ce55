complete -c mail-serve -l root -d 'The mail directory: a Maildir++ tree for each user (default: that of local:)' -r -F
complete -c mail-serve -l listen -d 'The address to listen on, see STRANGERS' -r
complete -c mail-serve -l user -d 'Become this Unix user once the ports are open, which only root can' -r
complete -c mail-serve -l smtp-port -d 'The port for SMTP; 0 is any free one' -r
complete -c mail-serve -l pop3-port -d 'The port for POP3; 0 is any free one' -r
complete -c mail-serve -l imap-port -d 'The port for IMAP; 0 is any free one' -r
complete -c mail-serve -l smtps-port -d 'The port for SMTP under TLS from the first byte; 0 is any free one (default: 1465, or 0 if --smtp-port is 0)' -r
complete -c mail-serve -l pop3s-port -d 'The port for POP3 under TLS from the first byte; 0 is any free one (default: 1995, or 0 if --pop3-port is 0)' -r
complete -c mail-serve -l imaps-port -d 'The port for IMAP under TLS from the first byte; 0 is any free one (default: 1993, or 0 if --imap-port is 0)' -r
complete -c mail-serve -l lmtp-port -d 'A port for LMTP too; 0 is any free one' -r
complete -c mail-serve -l lmtp-socket -d 'A Unix socket for LMTP too, which only its owner can use' -r -F
complete -c mail-serve -l tls-cert -d 'Show the certificate in FILE (PEM, those that lead to its root behind it) instead of a self-signed one' -r -F
complete -c mail-serve -l tls-key -d 'The key of that certificate (PEM), which nobody else may read' -r -F
complete -c mail-serve -l passwd-file -d 'Let those log in who have a line in FILE, see PASSWORDS; nobody else may read it' -r -F
complete -c mail-serve -l hash-password -d 'Print such a line for USER and end; the password is read from stdin, or asked for on a terminal' -r
complete -c mail-serve -l mechanisms -d 'Offer these login mechanisms alone (default: all that the passwords allow, see PASSWORDS)' -r
complete -c mail-serve -l login-delay -d 'How many seconds the first wrong password waits for its answer; each further one twice as long, up to eight times' -r
complete -c mail-serve -l connections -d 'How many connections there may be at once' -r
complete -c mail-serve -l connections-per-address -d 'How many of them from one address' -r
complete -c mail-serve -l message-size -d 'The largest message that is taken' -r
complete -c mail-serve -l trace -d 'Append the dialogues to FILE (created 0600; - is stderr), see pipepost-trace(5)' -r
complete -c mail-serve -l any-password -d 'Accept every password'
complete -c mail-serve -l system -d 'Take messages of everybody on this machine over the socket of [system], see SYSTEM, and nothing else'
complete -c mail-serve -l create -d 'Create users when they log in for the first time or get their first message'
complete -c mail-serve -s h -l help -d 'Print help'
complete -c mail-serve -s V -l version -d 'Print version'
