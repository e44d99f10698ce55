complete -c smtp-send -s a -l account -d 'The account: local:, or a URL like smtps://USER@mail.example.org or lmtp+unix:/run/lmtp' -r
complete -c smtp-send -s f -l mail-from -d 'The envelope sender, where bounces go; <> for none (default: the message\'s Sender or From)' -r
complete -c smtp-send -s s -l subject -d 'Compose: the subject' -r
complete -c smtp-send -l from -d 'Compose: who it is from (default: USER@HOST)' -r
complete -c smtp-send -l to -d 'Compose: addresses for To' -r
complete -c smtp-send -l cc -d 'Compose: addresses for Cc' -r
complete -c smtp-send -l bcc -d 'Compose: blind recipients' -r
complete -c smtp-send -l attach -d 'Compose: attach a file (- is stdin), of this media type and under this name if they are given' -r
complete -c smtp-send -l inline -d 'Compose: a file that the HTML shows where it says cid:NAME' -r
complete -c smtp-send -l html -d 'Compose: an HTML alternative to the text (- is stdin); without a text on stdin the text is made of it' -r -F
complete -c smtp-send -l header -d 'Compose: a further header field, \'Name: value\'' -r
complete -c smtp-send -l charset -d 'Compose: the charset of text and HTML (default: UTF-8 if they are that, else what they or the locale say)' -r
complete -c smtp-send -l merge -d 'Compose: a message for each row of FILE (CSV, .tsv, .json, .ndjson); {{NAME}} stands for the row\'s value of that name' -r -F
complete -c smtp-send -l key -d 'Compose: what the notice is about; those of one key are one thread' -r
complete -c smtp-send -l once-per -d 'With --key: send nothing if a notice of this key was sent so short a time ago (30s, 5m, 1h)' -r
complete -c smtp-send -l notify -d 'Ask: tell the sender of success, failure, delay (a list), or never; needs DSN' -r
complete -c smtp-send -l ret -d 'Ask: with a failure return the message (full) or its header (hdrs); needs DSN' -r
complete -c smtp-send -l envid -d 'Ask: name ID in notifications; needs DSN' -r
complete -c smtp-send -l deliver-by -d 'Ask: deliver within DURATION, or return the message; with :notify behind it only tell the sender; needs DELIVERBY' -r
complete -c smtp-send -l hold-for -d 'Ask: hold the message back for DURATION; needs FUTURERELEASE' -r
complete -c smtp-send -l hold-until -d 'Ask: hold the message back until DATE, as in 2026-12-01T08:00:00+01:00; needs FUTURERELEASE' -r
complete -c smtp-send -l priority -d 'Ask: pass before others (up to 9) or let them pass (down to -9); needs MT-PRIORITY' -r
complete -c smtp-send -l rewrite -d 'Replace an address of senders and recipients, header and envelope (root=cron@example.org, *@localhost=*@example.org); may be repeated' -r
complete -c smtp-send -l rewrite-from -d 'The same for senders alone' -r
complete -c smtp-send -l rewrite-to -d 'The same for recipients alone' -r
complete -c smtp-send -l aliases -d 'Look up local recipients in this file (name: address, ...)' -r -F
complete -c smtp-send -l sent -d 'Keep a copy of what was sent in ACCOUNT:FOLDER, maildir:DIR or mbox:FILE' -r
complete -c smtp-send -l mbox -d 'Stdin is an mbox of messages: mboxrd, or of the kind that is named (rd, o, cl, cl2)' -r
complete -c smtp-send -l files -d 'The messages are these files, and all those of these Maildirs; recipients stand before this flag, or behind --' -r -F
complete -c smtp-send -l jobs -d 'Use so many connections at a time' -r
complete -c smtp-send -l rate -d 'Send at most so many messages in a time, like 20/min, 5/s, 1000/h' -r
complete -c smtp-send -l idempotency-key -d 'Send nothing if a message was sent or queued under this key within 30 days' -r
complete -c smtp-send -l failed -d 'Write the recipients that are not done to FILE, one a line' -r -F
complete -c smtp-send -l log -d 'Append a line for each message to FILE (created 0600), or give it to syslog, which listens at /dev/log or at SOCKET' -r
complete -c smtp-send -l stop-after -d 'Go only so far with the server, send nothing, and print its last reply' -r -f -a "connect\t'The connection'
greeting\t'The server\'s greeting'
ehlo\t'The answer to EHLO, in clear'
tls\t'STARTTLS, where there is one, and the answer to EHLO under it'
auth\t'The login'
mail\t'MAIL'
rcpt\t'RCPT, of all recipients'
data\t'The answer to DATA, after which the connection is dropped'"
complete -c smtp-send -l sendmail -d 'Take the rest of the arguments as sendmail(8) does, see SENDMAIL' -r
complete -c smtp-send -l resolver -d 'Ask this DNS resolver (default: those of /etc/resolv.conf)' -r
complete -c smtp-send -l direct-ports -d 'Ports of mail servers and of their policies, for tests (default: 25,443)' -r
complete -c smtp-send -l timeout -d 'The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over' -r
complete -c smtp-send -l trace -d 'Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5))' -r
complete -c smtp-send -l config -d 'The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml)' -r -F
complete -c smtp-send -l password-file -d 'Read the password from the first line of FILE, which nobody else may read' -r -F
complete -c smtp-send -l password-command -d 'Read the password from the first line that COMMAND prints; /bin/sh runs it' -r
complete -c smtp-send -l password-env -d 'Read the password from the environment variable NAME' -r
complete -c smtp-send -l password-fd -d 'Read the password from the first line of the file descriptor N' -r
complete -c smtp-send -l auth -d 'Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5))' -r
complete -c smtp-send -l ca-file -d 'Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too' -r -F
complete -c smtp-send -l ca -d 'Trust Mozilla\'s certificate authorities (the default) or the system\'s, and verify on loopback addresses too' -r -f -a "mozilla\t'Those that Mozilla trusts'
system\t'The system\'s store'"
complete -c smtp-send -l pin -d 'Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated' -r
complete -c smtp-send -l client-cert -d 'Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read' -r -F
complete -c smtp-send -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none' -r
complete -c smtp-send -l source-address -d 'Connect from this address of the machine' -r
complete -c smtp-send -s t -l read-recipients -d 'Send to the addresses in To, Cc and Bcc, or only in the Resent- ones if there are any, too'
complete -c smtp-send -l template -d 'Compose: {{NAME}} in text, HTML, subject, addresses, fields and names of files stands for the environment variable'
complete -c smtp-send -l run -d 'Run COMMAND, pass its output through, and send a message with the end of it if the command fails; its status becomes ours'
complete -c smtp-send -l always -d 'With --run: send a message whatever comes of the command'
complete -c smtp-send -l attach-output -d 'With --run: attach the output if the message shows only its beginning and its end'
complete -c smtp-send -l recovered -d 'With --run and --key: send a notice when a command works again of whose failure one was sent'
complete -c smtp-send -l require-tls -d 'Ask: over verified TLS all the way, or return the message; needs REQUIRETLS'
complete -c smtp-send -l all-or-nothing -d 'Send to nobody unless the server accepts every recipient'
complete -c smtp-send -l recode -d 'Encode the parts that have lines of over 998 bytes or NULs, and make a message that needs it MIME'
complete -c smtp-send -l no-sent -d 'Keep no copy, whatever the account says'
complete -c smtp-send -s 0 -l null -d 'Stdin is messages that end with NUL'
complete -c smtp-send -l ndjson -d 'Stdin is a JSON object a line with the key raw or raw64 for the message, perhaps from and to for the envelope'
complete -c smtp-send -l resend-to-header -d 'With -t and many messages: send each to those whom its header names'
complete -c smtp-send -l strict -d 'Refuse a message with a CR that is not part of a line end, instead of ending the line there'
complete -c smtp-send -l allow-empty -d 'Send even if stdin is empty'
complete -c smtp-send -l queue -d 'Store the message in the queue, from where smtp-queue run sends it (key: queue = true)'
complete -c smtp-send -l queue-on-tempfail -d 'Queue it for those recipients that can\'t get it now but may later'
complete -c smtp-send -s n -l dry-run -d 'Tell what would be sent; connect to nobody'
complete -c smtp-send -l talk -d 'Talk to the server by hand, after TLS and login: a command a line on stdin, replies on stdout'
complete -c smtp-send -l trace-times -d 'Tell in the trace when each line was said, in seconds since the connection was made'
complete -c smtp-send -l json -d 'One JSON object for each recipient'
complete -c smtp-send -l direct -d 'Deliver straight to the mail servers of each recipient\'s domain (MX), not to the account\'s server'
complete -c smtp-send -l explain -d 'Tell the way to each recipient, and why it is that; send nothing'
complete -c smtp-send -l resolver-validates -d 'What the resolver calls proved is so: it validates, and the way to it is safe'
complete -c smtp-send -s q -l quiet -d 'Say nothing but errors'
complete -c smtp-send -s v -l verbose -d 'Tell the steps on stderr'
complete -c smtp-send -l trace-data -d 'Show message bodies in the trace too'
complete -c smtp-send -s 4 -l ipv4 -d 'Connect to IPv4 addresses only'
complete -c smtp-send -s 6 -l ipv6 -d 'Connect to IPv6 addresses only'
complete -c smtp-send -s h -l help -d 'Print help (see more with \'--help\')'
complete -c smtp-send -s V -l version -d 'Print version'
