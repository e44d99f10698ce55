//! The prose of smtp-send(1) behind its options.

/// In mdoc, as [`MAN`](crate::cli::Tool::MAN) says.
pub(super) const MAN: &str = r#"
.Sh INPUT
Without the flags marked
.Dq Compose
stdin is one message with its header; Bcc, Resent-Bcc and Return-Path are removed, Date and Message-ID added where they are missing,
and nothing else is changed but line ends.
With any of them stdin is the text of the body, and the message is composed; arguments are named in To if neither
.Fl -to
nor
.Fl -cc
is given.
A message is sent whole or not at all: if stdin can't be read to its end, or is empty, nothing is sent.
A text that is composed into a message may be empty if stdin is
.Pa /dev/null ,
if there is a page or a file to send, or with
.Fl -allow-empty .
.Sh COMPOSING
.Bl -tag -width indent
.It Files
.Fl -attach
takes
.Ar FILE : Ns Ar TYPE : Ns Ar NAME ,
where
.Ar TYPE
may be empty, or have
.Li ;charset=NAME
behind it; a file whose whole name that is comes first.
Without a type the name's extension says it, then the file's first bytes, and a file that is UTF-8 throughout is a text.
What
.Fl -inline
names the page shows where it says
.Li cid:NAME .
Files of any size need no memory.
.It Charsets
Text and page become UTF-8.
They are taken for UTF-8 if they are that; else for what a byte order mark, the page's
.Li charset= ,
or the locale says, unless
.Fl -charset
names it.
.It Variables
With
.Fl -template
or
.Fl -merge ,
.Li {{NAME}}
in the text, the page, the subject, further fields, addresses and names of files is replaced; one that does not exist is 65, and nothing is sent.
In the page, values are escaped, unless it says
.Li {{&NAME}} ;
.Li {{{{
is two braces.
A value never ends a line of the header or makes another address; in the name of a file, slashes and colons in it become _.
.Fl -merge
reads CSV with the names in the first line, .tsv, .json (a list of objects) and .ndjson, and makes a message of each row; all rows are looked
at before the first message is sent, and one that can't be sent does not keep the next ones.
.El
.Sh COMMANDS
.Fl -run
runs a command without a shell.
Its input is ours, its output passes through unchanged, and it gets the signals HUP, INT, QUIT, TERM, USR1 and USR2 that we get.
If it fails, a message goes to the recipients with the command, how it ended, the host, how long it took, and its output, of which no more than
the first 16 and the last 64 KiB; the other flags marked
.Dq Compose
change and add to that.
Where a program that the command has left behind holds its output, one second is waited for it.
.Pp
Our status is the command's, 126 or 127 if it could not be started, 128 + N if signal N ended it; what keeps the message from being sent is told on
stderr, and is our status only if the command has succeeded.
Only wrong arguments keep the command from being run, and
.Fl -timeout
begins when it has ended.
.Pp
.Fl -once-per
mutes an alert that comes too often, for each
.Fl -key
on its own; the next message tells how many were muted.
Of those that come at the same time one is sent, and one that could not be sent mutes nothing.
.Fl -recovered
tells when a command works again, once, if a message of its failure was sent.
What is remembered is in
.Pa $XDG_STATE_HOME/pipepost/alerts.sqlite .
Both flags work for any message that is composed:
.Fl -once-per
without
.Fl -run
sends it or, with status 0, does not.
.Sh ENCODING
A part with bytes beyond ASCII is encoded (quoted-printable if it is text, else base64) for a server without 8BITMIME, if the
message is MIME and the part is neither signed nor encrypted; with
.Fl -recode
so are parts with lines of over 998 bytes or NULs, and a message that is not MIME becomes it.
All else stays as it is, but a DKIM signature over such a part holds no more.
What can't be encoded without loss is not sent (65).
Header fields are never changed: UTF-8 in one, or in the local part of an address, needs a server with SMTPUTF8;
domains beyond ASCII do not, they are sent as A-labels.
.Sh WHAT IS ASKED OF THE SERVER
The flags marked
.Dq Ask
need extensions of the server:
DSN (RFC 3461), DELIVERBY (RFC 2852), FUTURERELEASE (RFC 4865), MT-PRIORITY (RFC 6710), REQUIRETLS (RFC 8689).
A server without them gets nothing (69), nor does one whose TLS was not verified with
.Fl -require-tls
(76).
.Pp
If the server takes only so many recipients at a time (452 4.5.3, or LIMITS of RFC 9422), the message is sent again to the
others, but not with
.Fl -all-or-nothing .
What is sent waits for no reply that it does not need (PIPELINING): with CHUNKING a message of up to 12 KiB leaves
together with its recipients, unless
.Fl -all-or-nothing
wants their replies first.
.Sh REWRITING
.Fl -rewrite
and the keys of that name in
.Xr pipepost-config 5
give addresses that mean nothing elsewhere others in their place: in From, Sender, Reply-To, Errors-To and the envelope's sender, and in To, Cc and the
envelope's recipients.
A pattern is an address, a name like
.Li root
(without a domain, or at HOST or localhost),
.Li *@DOMAIN
or
.Li * ;
the one that says most counts, and of equal ones the first.
In the address,
.Li *@DOMAIN
keeps the name before the @.
With any such rule, addresses without a domain get HOST.
A field that is changed stays as
.Li X-Original-From
(To, Cc, ...) behind the new one; other bytes are not touched, but a signature over such a field breaks.
.Fl n
and
.Fl v
tell what is rewritten.
.Pp
.Fl -aliases
reads a file as sendmail has it:
.Li name: address, ... ,
lines that begin with a blank continue the last one,
.Li :include:FILE
stands for the addresses in a file, and
.Li default
for all names that are not in it.
Recipients at HOST and localhost are looked up there, after rewriting.
Programs and files are no targets: such a line, and aliases in a circle, are 78.
.Sh COPIES
.Fl -sent
and the key
.Cm sent
keep a copy, with Bcc and as seen, in
.Ar ACCOUNT:FOLDER
(by IMAP), maildir:DIR or mbox:FILE, when at least one recipient is done.
That it can't be kept is told on stderr and changes neither the status nor anything else.
The key is left alone for smtp.gmail.com, smtp.googlemail.com, smtp-mail.outlook.com, smtp.office365.com and smtp.office365.us, which keep a copy
themselves; the flag is not.
.Sh OUTPUT
Nothing for a message that was accepted for everybody.
For each recipient that was not, a line on stderr.
With
.Fl -json ,
a line on stdout for each recipient, an object with the keys
.Li message
(its number, from 1),
.Li to , fate
(done, later, never, unknown, or queued, where
.Li text
is the name in the queue),
.Li code , enhanced
(null where no reply came) and
.Li text .
.Sh ROUTE
Messages go to the account's server; of several, to the first that can be reached and does not refuse for now before it is told of one.
With
.Fl -direct ,
or
.Li direct = true
in the account, they go to the mail servers of each recipient's domain, in one transaction for each domain: those of its MX records by
preference, equal ones in random order, else the domain's own address; at most five addresses.
The next one is tried if a server can't be reached or refuses before MAIL.
A domain that takes no mail (null MX), and one whose mail would come back to this machine, is status 69; one that does not exist or has no
address is 68, any other failure of the DNS 75.
.Pp
TLS is used where it is offered, and verified where the domain publishes how:
by DANE or by MTA-STS.
DANE is used if the resolver can be trusted to validate (it is on a loopback address,
.Pa /etc/resolv.conf
has
.Li options trust-ad ,
or
.Fl -resolver-validates
says so).
Policies of MTA-STS are asked for by HTTPS, and kept in
.Pa $XDG_STATE_HOME/pipepost/policies.sqlite
as long as they hold.
What can't be verified then is not sent, but later may be: status 75.
Without, nobody who can change what is on the wire is kept from reading the message.
.Pp
.Fl -explain
tells for each recipient (with
.Fl t
those of the message on stdin) the servers in order, how each is to be protected, and why it is so.
With
.Fl -json
it is an object with the keys
.Li to , servers
(each with
.Li preference , host , addresses
and
.Li tls ,
which is one of opportunistic, encrypted, dane, mta-sts),
.Li notes , error , enhanced
and
.Li exit .
.Sh QUEUEING
With
.Fl -queue ,
or
.Cm queue
in
.Xr pipepost-config 5 ,
a message that is on stable storage in the queue of
.Xr smtp-queue 1
is done: the status is 0.
With
.Fl -queue-on-tempfail
it is sent at once, and queued for those recipients that can't have it now.
.Pp
Under an
.Fl -idempotency-key
nothing is sent again for 30 days once a message was queued or a server has been given the whole of it: a repetition ends with 0, or with
79 as long as it is unknown what came of the first.
If no server has taken it, the key is free again.
.Sh EXIT STATUS
0 all recipients accepted, or the message is queued; 64 wrong arguments or empty stdin; 65 the message can't be sent as it is; 66 a file can't be read; 67 some
recipients accepted; 68 no such domain; 69 refused for good; 75 later may work; 76 protocol error, or TLS that can't be had or verified;
77 login refused; 78 the sender's address means nothing elsewhere; 79 it may have been delivered; see
.Xr pipepost 7 .
.Sh EXAMPLES
A notification:
.Bd -literal -offset indent
uptime | smtp-send -s "load of $(hostname)" postmaster
.Ed
.Pp
A message as it is, to the addresses in its header:
.Bd -literal -offset indent
printf 'To: bob@localhost\enSubject: hi\en\enhello\en' | smtp-send -t
.Ed
.Pp
With an attachment, watching the dialogue:
.Bd -literal -offset indent
echo 'the list' > list.txt
echo 'see there' | smtp-send --trace - -s list --attach list.txt bob@localhost
.Ed
.Pp
A command that is silent while all is well, and told of at most once an hour when it is not:
.Bd -literal -offset indent
smtp-send --run --key listing --once-per 1h --recovered postmaster -- ls /
.Ed
.Pp
A page with a picture, of which the text is made too:
.Bd -literal -offset indent
printf '\e211PNG\er\en' > logo.png
echo '<p>Hello <img src="cid:logo.png">' | smtp-send -s hello --html - --inline logo.png bob@localhost
.Ed
.Pp
A message for each line of a table:
.Bd -literal -offset indent
printf 'name,mail\enBob,bob@localhost\enCarol,carol@localhost\en' > people.csv
echo 'Dear {{name}}, ...' | smtp-send --merge people.csv -s 'For {{name}}' --to '{{name}} <{{mail}}>'
.Ed
.Pp
Where would a message to these go?
.Bd -literal -offset indent
smtp-send --direct --direct-ports 2525,4443 --explain 'bob@[127.0.0.1]'
.Ed
"#;
