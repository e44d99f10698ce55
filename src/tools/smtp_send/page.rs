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
That it can't be kept, or that the key names no such place, is told on stderr and changes neither the status nor anything else.
The key is left alone for smtp.gmail.com, smtp.googlemail.com, smtp-mail.outlook.com, smtp.office365.com and smtp.office365.us, which keep a copy
themselves; the flag is not.
.Sh MANY MESSAGES
Many are sent if that is asked for, by
.Fl -mbox ,
.Fl 0 ,
.Fl -ndjson
or
.Fl -files ;
a first line that looks like that of an mbox means nothing.
An mbox is one of these, by the name behind
.Fl -mbox Ns = :
.Bd -literal -offset indent
rd    lines of >s and From have one > too many (the default)
o     only >From was From
cl    as o, and Content-Length has the length of a body, if it is there
cl2   Content-Length has it, and no line was changed
.Ed
.Pp
In the last two, a length that does not lead to the next From line or to the end makes that message and all behind it unknown, and
they are not sent (65).
They go over one connection, which is made anew if the server has closed it between two messages, or over as many as
.Fl -jobs
says, less if the server does not want that many; with
.Fl -direct
each of them goes to one domain after the other.
A message that can't be read or sent as it is does not keep the others; a way that can't be had does.
Each goes to the recipients among the arguments;
.Fl t
takes those in its header too, which for an archive would be everybody who ever got a message of it, and so needs
.Fl -resend-to-header .
.Pp
A line of
.Fl -ndjson
is an object with one of the keys
.Li raw
(the message, where it is UTF-8) and
.Li raw64
(its base64, for any bytes); of its other keys only
.Li from
(the envelope's sender; empty for none) and
.Li to
(a list of further recipients) mean anything.
It has at most 64 MiB, and is held in memory.
.Pp
.Fl -rate
counts messages over all connections.
With several connections the lines of different messages come in the order in which they are done.
.Sh SENDMAIL
With
.Fl -sendmail ,
and where the program
.Nm pipepost
is called by the name
.Nm sendmail
(a link to it), arguments are those of sendmail(8), with values attached or not:
.Bd -literal -offset indent
-t           take recipients from the header too
-i, -oi      a line of one dot is text; else it ends the input
-f, -r ADDR  the envelope's sender
-F NAME      the name for From, if the message has none
-bm          send a message (the default)
-bv          say who would get one
-bs          SMTP on stdin and stdout, see below
-bp          list the queue; also called as mailq
-q           deliver what is due in the queue, once; a time behind it is ignored
-qI, -qR, -qS TEXT  before that, make due what has TEXT in its id, a recipient, its sender
-bi, -I      check the aliases file; also called as newaliases
-N WHEN,...  tell the sender of success, failure, delay, or never
-R WHAT      with a failure return the message (full) or its header (hdrs)
-V ID        name ID in notifications
-B TYPE      7BIT or 8BITMIME; the message itself tells which it is
-X FILE      append the dialogue to FILE
.Ed
.Pp
-v is
.Fl v .
Accepted without effect are -m -n -U -G -A -L -h -p -O -d -C -M -s -T -D -E and any other -o.
A From that is missing is added, of the envelope's sender and the name of -F, else that in passwd.
It is always one message; of several recipients that end differently, 69 tells that one is refused for good.
For recipients that can't get it now, and for those of whom nobody knows whether they have got it, the message is queued, and that is
status 0: see
.Xr smtp-queue 1
for who delivers it; the latter get it again later, with the same Message-ID, as a possible duplicate.
Where the queue can't be had, it is 75 or 79.
With -bs each message goes on as soon as it is here, to the account's server or into the queue; its 250 says that it was taken there, and
554 who has refused it, or may have got it.
Without a server at the socket of
.Li [system]
in
.Xr pipepost-config 5
it is 75, whatever is to be sent.
What -N, -R and -V ask for is not passed on to a server without DSN.
The account is the default one; flags before
.Fl -sendmail
count, so that
.Li sendmail_path = \(dqsmtp-send -a work: --sendmail -t -i\(dq
is a line for php.ini.
.Sh OUTPUT
Nothing for a message that was accepted for everybody.
For each recipient that was not, a line on stderr.
With
.Fl -json ,
a line on stdout for each recipient, an object with the keys
.Li message
(its number, from 1),
.Li file
(null if it came from stdin),
.Li to , fate
(done, later, never, unknown, or queued, where
.Li text
is the name in the queue),
.Li stage
(where that was decided: check, before anything was said; connect, up to the login; mail, rcpt, data, end),
.Li code , enhanced
(null where no reply came),
.Li text
and
.Li queue_id
(what the server calls a message that it took, null where it does not say).
.Pp
A line of
.Fl -log
(and of the account's
.Li log )
is a time in UTC, the program and words like
.Li key=value ,
quoted where they hold blanks:
.Li host , from , size , message_id ,
then
.Li queued
with the recipients for whom it is in the queue, as
.Li id ;
then
.Li done , later , never , unknown
with the recipients of that fate, the
.Li stage , code
and
.Li text
of the worst of them,
.Li queue_id ,
or
.Li exit
if nobody got it.
A log that can't be written is a warning, and changes nothing else.
.Sh FINDING OUT
.Fl -stop-after
needs no message, and ends with the status of what was done: connect, greeting, ehlo (in clear), tls, auth, mail, rcpt, or data, after
which the connection is dropped.
The last reply of the server is printed, but for connect, tls and auth.
.Pp
.Fl -talk
sends each line of stdin as it is, waits for the reply to it before the next, and says QUIT at the end.
After a 354 lines are those of a message, up to a line of one dot.
In a trace, responses of a login stay hidden.
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
What is asked for is kept with it, but for
.Fl -all-or-nothing ;
with
.Fl -direct ,
.Fl -resolver , -resolver-validates
and
.Fl -direct-ports
have to stand in an account.
.Fl -rate
slows down what is sent, not what is stored.
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
All messages of a Maildir to one address, 20 a minute:
.Bd -literal -offset indent
mkdir -p box/cur box/new box/tmp
printf 'Subject: one\en\enhello\en' > box/new/1
smtp-send --rate 20/min bob@localhost --files box
.Ed
.Pp
Would the server take mail for somebody?
.Bd -literal -offset indent
smtp-send --stop-after rcpt --trace - --trace-times bob@localhost
.Ed
.Pp
A dialogue by hand:
.Bd -literal -offset indent
printf 'VRFY bob\enHELP\en' | smtp-send --talk
.Ed
.Pp
As cron(8) calls it:
.Bd -literal -offset indent
printf 'To: root\en\endone\en' | smtp-send --sendmail -FCronDaemon -i -B8BITMIME -oem root
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
