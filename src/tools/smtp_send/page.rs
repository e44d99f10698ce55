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
.Pp
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
.Sh OUTPUT
Nothing for a message that was accepted for everybody.
For each recipient that was not, a line on stderr.
With
.Fl -json ,
a line on stdout for each recipient, an object with the keys
.Li message
(its number, from 1),
.Li to , fate
(done, later, never or unknown),
.Li code , enhanced
(null where no reply came) and
.Li text .
.Sh EXIT STATUS
0 all recipients accepted; 64 wrong arguments or empty stdin; 65 the message can't be sent as it is; 66 a file can't be read; 67 some
recipients accepted; 69 refused for good; 75 later may work; 76 protocol error, or TLS that can't be had or verified;
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
"#;
