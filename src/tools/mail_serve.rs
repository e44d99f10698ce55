//! mail-serve(1): the mail server of `local:` on TCP ports, of the loopback interface if nothing else is said.

mod doors;
mod spool;

use crate::cli::args::Common;
use crate::cli::connect::{Reach, read_private};
use crate::cli::out::Out;
use crate::cli::queue::onward::{Delivering, Outbound};
use crate::cli::system::{self, data_home, state_home};
use crate::cli::world::{Passwords, Tree, Visit, server_identity, server_password};
use crate::cli::{Outcome, Tool, privileges, prompt, signals};
use crate::config::passwd::{self, Passwd};
use crate::error::{Error, Exit, Local, Result};
use crate::net::tls::{Certificate, Identity};
use crate::proto::sasl::Mechanism;
use crate::server::listen::Server;
use crate::server::{Limits, World};
use clap::Parser;
use doors::Doors;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Serves mail by SMTP, LMTP, POP3 and IMAP, from Maildirs, on the loopback interface.
#[derive(Parser)]
#[command(name = "mail-serve", version)]
pub struct MailServe {
    /// The mail directory: a Maildir++ tree for each user (default: that of local:).
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The address to listen on, see STRANGERS.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// Become this Unix user once the ports are open, which only root can.
    #[arg(long, value_name = "USER", requires = "root")]
    user: Option<String>,
    /// The port for SMTP; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 1025)]
    smtp_port: u16,
    /// The port for POP3; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 1110)]
    pop3_port: u16,
    /// The port for IMAP; 0 is any free one.
    #[arg(long, value_name = "PORT", default_value_t = 1143)]
    imap_port: u16,
    /// The port for SMTP under TLS from the first byte; 0 is any free one (default: 1465, or 0 if --smtp-port is 0).
    #[arg(long, value_name = "PORT")]
    smtps_port: Option<u16>,
    /// The port for POP3 under TLS from the first byte; 0 is any free one (default: 1995, or 0 if --pop3-port is 0).
    #[arg(long, value_name = "PORT")]
    pop3s_port: Option<u16>,
    /// The port for IMAP under TLS from the first byte; 0 is any free one (default: 1993, or 0 if --imap-port is 0).
    #[arg(long, value_name = "PORT")]
    imaps_port: Option<u16>,
    /// A port for LMTP too; 0 is any free one.
    #[arg(long, value_name = "PORT")]
    lmtp_port: Option<u16>,
    /// A Unix socket for LMTP too, which only its owner can use.
    #[arg(long, value_name = "PATH")]
    lmtp_socket: Option<PathBuf>,
    /// Show the certificate in FILE (PEM, those that lead to its root behind it) instead of a self-signed one.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate (PEM), which nobody else may read.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Accept every password.
    #[arg(long)]
    any_password: bool,
    /// Let those log in who have a line in FILE, see PASSWORDS; nobody else may read it.
    #[arg(long, value_name = "FILE", conflicts_with = "any_password")]
    passwd_file: Option<PathBuf>,
    /// Print such a line for USER and end; the password is read from stdin, or asked for on a terminal.
    #[arg(long, value_name = "USER", exclusive = true)]
    hash_password: Option<String>,
    /// Offer these login mechanisms alone (default: all that the passwords allow, see PASSWORDS).
    #[arg(long, value_name = "MECHANISM,...", value_delimiter = ',')]
    mechanisms: Vec<Mechanism>,
    /// How many seconds the first wrong password waits for its answer; each further one twice as long, up to eight times.
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    login_delay: u8,
    /// Take messages of everybody on this machine over the socket of [system], see SYSTEM, and nothing else.
    #[arg(long, conflicts_with_all = [
        "root", "listen", "user", "smtp_port", "pop3_port", "imap_port", "smtps_port", "pop3s_port", "imaps_port", "lmtp_port",
        "lmtp_socket", "tls_cert", "tls_key", "any_password", "passwd_file", "mechanisms", "login_delay", "create",
    ])]
    system: bool,
    /// Create users when they log in for the first time or get their first message.
    #[arg(long)]
    create: bool,
    /// How many connections there may be at once.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    connections: usize,
    /// How many of them from one address.
    #[arg(long, value_name = "N", default_value_t = 256)]
    connections_per_address: usize,
    /// The largest message that is taken.
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().message)]
    message_size: u64,
    /// Append the dialogues to FILE (created 0600; - is stderr), see pipepost-trace(5).
    #[arg(long, value_name = "FILE")]
    trace: Option<std::ffi::OsString>,
}

impl Tool for MailServe {
    const MAN: &'static str = r#"
.Sh OUTPUT
One line for each port, smtp, pop3, imap, smtps, pop3s and imaps, in that order,
.Dl smtp 127.0.0.1:1025
lmtp and lmtp+unix where they are asked for; then the pin of the server's key, which the other programs take as
.Fl -pin ,
.Dl pin sha256:BASE64
and, unless
.Fl -any-password
or
.Fl -passwd-file
is given, a line
.Dl password-file FILE
once all sockets listen.
.Sh PASSWORDS
Without
.Fl -passwd-file ,
a file with a random password for all users is made at the first start, and only its owner can read it; the other programs, such as
.Xr pop3-ls 1 ,
take it as
.Fl -password-file .
.Pp
The file of
.Fl -passwd-file
has a line for each user,
.Dl USER:HASH
as
.Fl -hash-password
writes it; fields behind the second, empty lines and lines that begin with # are passed over.
HASH is the keys of SCRAM in the form of Dovecot,
.Dl {SCRAM-SHA-256}ROUNDS,SALT,STOREDKEY,SERVERKEY
(or
.Li {SCRAM-SHA-1} ) ,
or of PostgreSQL,
.Dl SCRAM-SHA-256$ROUNDS:SALT$STOREDKEY:SERVERKEY
or PBKDF2 in the form of Python's passlib,
.Dl $pbkdf2-sha256$ROUNDS$SALT$KEY
(or
.Li $pbkdf2-sha512$ ) ,
or of Dovecot's
.Ql doveadm pw -s PBKDF2 ,
.Dl {PBKDF2}$1$SALT$ROUNDS$KEY
Each of these users has a mailbox.
SCRAM is offered if all lines have keys for it with the same hash; who steals them can't log in with them, and has to guess the passwords.
For a name that nobody has the server makes salts up, from a random secret that it keeps in
.Pa .salts
below the mail directory, so that they stay the same.
The file is read at the start, and refused if others may read it.
.Pp
Offered are SCRAM-SHA-256 and SCRAM-SHA-1, bound to the connection (-PLUS) under TLS, PLAIN and LOGIN, as far as the passwords allow: of those that
are hashed by PBKDF2, and with
.Fl -any-password ,
PLAIN and LOGIN alone.
.Fl -mechanisms
names those to be offered; CRAM-MD5 and APOP are offered only so, and only with the one password for all users.
Without plain among them, USER of POP3 and LOGIN of IMAP are refused.
.Pp
A wrong password is answered late, later each time, and the third ends the session; what is wrong is not told.
After 10 failures of one account, or 50 from one address, within ten minutes and over all protocols, nothing more is checked for a
while, but for an account from an address that has logged in to it before.
.Sh PROTOCOLS
SMTP has PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING, DSN, AUTH, STARTTLS and ENHANCEDSTATUSCODES.
What a sender asks for by DSN is checked and taken, but mail is delivered at once here, so there is nothing to notify of later.
LMTP has the same, without HELO and EHLO, and answers for each recipient.
A message is taken (250) when it and its directory are on stable storage.
.Sh LIMITS
A command line has 512 octets (MAIL and RCPT 2048, AUTH 12 KiB), a line of a message 1000, a message
.Fl -message-size
octets and 1000 recipients.
A session ends after 10 wrong commands, after 2000 commands without a message, and after silence: SMTP 5 minutes, POP3 10, IMAP 30.
.Sh TLS
STARTTLS (STLS) is offered on the first three ports, and the other three are under TLS from the first byte.
At the first start a self-signed certificate for localhost and the host's name is made, with its key, in
.Pa .tls.pem
below the mail directory; only its owner can read that.
.Fl -tls-cert
and
.Fl -tls-key
show another one.
What is sent behind STARTTLS before the handshake ends the session.
.Sh USERS
A user is a directory below the mail directory.
The caller's own always exists, and mail to postmaster is the caller's.
Mail is taken for localhost, the host's name, the domains of
.Li [local]
in
.Xr pipepost-config 5 ,
and the loopback address literals, from anybody who connects; for other domains see
.Sx RELAYING .
Users log in with their name, or with an address at one of these domains.
.Sh RELAYING
Mail for other domains is taken if
.Cm relay
or
.Cm direct
stands in
.Li [local]
of
.Xr pipepost-config 5 ,
by SMTP, and only from users who have logged in with a password that was checked:
.Fl -any-password
never is enough, and whoever has not logged in gets 550, however the address is written.
Such a message is in the queue of
.Xr smtp-queue 1 ,
on stable storage and with what its sender wants to be told (DSN), before it is acknowledged.
A message with over 100 Received fields is refused, as it goes in circles.
.Pp
The server delivers what is in the queue, also what
.Xr smtp-send 1
has put there; other runners may share that.
A notification for a sender here goes into the sender's mailbox.
With
.Fl -user
the queue is below
.Pa .state
in the mail directory, else where that of the caller is.
.Sh STRANGERS
With an address of
.Fl -listen
that is none of the loopback interface (0.0.0.0 and :: are all there are), whoever reaches it can deliver to the users here, and to nobody
elsewhere.
Passwords are taken from them only under TLS: before it, AUTH, USER and LOGIN are neither offered nor accepted.
.Fl -any-password
is refused then, and so is being root:
.Fl -user
names another Unix user to become once the ports are open and the files of
.Fl -tls-cert ,
.Fl -tls-key
and
.Fl -passwd-file
are read.
The directory of
.Fl -root
belongs to that user.
.Sh SYSTEM
With
.Fl -system ,
messages are taken over one Unix socket, that of
.Li [system]
in
.Xr pipepost-config 5 ,
which the programs of everybody on this machine use where they name no account: they never see the password of the account by which
mail goes on.
The socket is open to all (0666), and its directory is made (0755) if it is not there; nobody logs in.
A message is taken (250) when it is on stable storage in the queue of the server's own user, with the number of the user who has handed
it in, which
.Ic smtp-queue show
tells and which is in its Received field.
Addresses at localhost, or at the host's name without a domain, are at
.Cm hostname
of the account; its
.Cm rewrite
keys and
.Cm aliases
are those of the whole system.
Notifications go to their sender's address, by the same account.
What a sender wishes is kept in the queue: to be held back for up to a year, delivered by a time, and passed by others or before them
(FUTURERELEASE, DELIVERBY, MT-PRIORITY).
A sender is whom the program that sends says it is, as with any sendmail(8): it is the user's number that is known.
.Pp
It needs a Unix user of its own, who can read the password, and a directory for the queue; for systemd it is
.Bd -literal -offset indent
[Service]
ExecStart=/usr/bin/mail-serve --system
User=pipepost
RuntimeDirectory=pipepost
StateDirectory=pipepost
Environment=XDG_STATE_HOME=/var/lib/pipepost
.Ed
.Sh SIGNALS
INT and TERM end it: nothing more is accepted, a message on its way in or out may finish, and the status is 0.
.Sh EXIT STATUS
0 after a signal; 64 wrong arguments, 73 a port is taken or the directory can't be made, 74 it can't be read, 78 others may write to it;
see
.Xr pipepost 7 .
.Sh EXAMPLES
A server for a test, on free ports, with users that come into being when they are written to:
.Bd -literal -offset indent
dir=$(mktemp -d)
mail-serve --root "$dir/mail" --smtp-port 0 --pop3-port 0 --imap-port 0 \e
    --create --any-password > "$dir/ports" &
server=$!
until grep -q pin "$dir/ports"; do sleep 0.1; done
smtp=$(sed -n 's/^smtp //p' "$dir/ports")
echo hello | smtp-send -a "smtp+plain://$smtp" -s hi bob@localhost
pin=$(sed -n 's/^pin //p' "$dir/ports")
smtps=$(sed -n 's/^smtps //p' "$dir/ports")
echo hello | smtp-send -a "smtps://$smtps" --pin "$pin" -s hi bob@localhost
kill $server
wait $server
find "$dir/mail/bob/new" -type f | wc -l
.Ed
"#;

    fn run(self) -> Outcome {
        if let Some(user) = &self.hash_password {
            let line = passwd::line(
                user,
                &prompt::new_password(&format!("Password of {user}: "), crate::net::Deadline::NEVER)?,
            )?;
            Out::default().must(line.as_bytes())?;
            return Ok(Exit::Ok);
        }
        // Whatever is made, a socket too, is ours alone.
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        // A thousand connections need more descriptors than most shells give.
        system::many_files();
        if self.system {
            return spool::serve(&self);
        }
        let strangers = !self.listen.to_canonical().is_loopback();
        if strangers && self.any_password {
            return Err(Error::usage("--any-password is for the loopback interface").into());
        }
        if strangers && self.user.is_none() && privileges::is_root() {
            let why = Error::config("root does not listen to strangers");
            return Err(why.advise("--user USER, who owns the directory of --root").into());
        }
        let user = self.user.as_deref().map(privileges::Account::named).transpose()?;
        let doors = Doors::open(&self, user)?;
        let shown = self.certificate()?;
        let hashed = self.hashed()?;
        // Nobody has been heard yet.
        if let Some(user) = user {
            user.become_it()?;
        }
        let root = match &self.root {
            Some(root) => std::path::absolute(root).opening(root.display())?,
            None => default_root()?,
        };
        crate::store::disk::make_dirs(&root).creating(root.display())?;
        crate::store::disk::must_be_private(&root)?;
        let file = root.join(".password");
        let made = !self.any_password && hashed.is_none();
        let passwords = match hashed {
            _ if self.any_password => Passwords::Any,
            Some(hashed) => Passwords::File(Box::new(hashed.with_salts(server_password(&root.join(".salts"))?))),
            None => Passwords::one(server_password(&file)?),
        };
        let offer = passwords.offer(&self.mechanisms)?;
        let identity = shown.map_or_else(|| server_identity(&root.join(".tls.pem")), Ok)?;
        let pin = identity.pin().clone();
        let limits = Limits {
            message: self.message_size,
            login_delay: Duration::from_secs(self.login_delay.into()),
            ..Limits::default()
        };
        let common = Common { trace: self.trace.clone(), ..Common::default() };
        let reach = Reach::new("mail-serve", &common)?;
        let tree = Tree::open(&root, self.create, Some(passwords))?.with_domains(reach.accounts().domains()?);
        let state = self.state(&root)?;
        let origin = (root != default_root()?).then_some(root.as_path());
        let outbound = Outbound::configured(reach.accounts(), &state, origin)?;
        if let Some(outbound) = &outbound {
            // What is wrong with it is told now, and not to those who send.
            outbound.queue()?;
        }
        let tree = Arc::new(tree.shows(identity).limited(limits).offers(offer).sends_on(outbound));
        // The caller's mailbox is there from the start.
        tree.account(tree.owner())?;
        let stop = signals::stop()?;
        let mut lines = doors.lines();
        lines.push_str(&format!("pin {pin}\n"));
        if made {
            lines.push_str(&format!("password-file {}\n", crate::text::escape(file.as_os_str().as_encoded_bytes())));
        }
        let mut out = Out::default();
        // Without its ports nobody can use it.
        out.must(lines.as_bytes())?;
        let trace = reach.trace().cloned();
        // It ends after the last session, whose mail it may still see.
        let _delivering = Delivering::start("mail-serve", &common, &state, stop.clone())?;
        let world = |_| Box::new(Visit::new(tree.clone(), None)) as Box<dyn World>;
        let server = Server {
            listeners: doors.listeners,
            world: &world,
            stop,
            sessions: self.connections,
            per_address: self.connections_per_address,
            trace,
        };
        server.run()?;
        Ok(Exit::Ok)
    }
}

fn default_root() -> Result<PathBuf> {
    Ok(data_home()?.join("mail"))
}

impl MailServe {
    /// Where the queue is: the caller's, or, of the user that it becomes, in the mail directory.
    fn state(&self, root: &Path) -> Result<PathBuf> {
        if self.user.is_some() { Ok(root.join(".state")) } else { state_home() }
    }

    /// The certificate that was named, if one was.
    fn certificate(&self) -> Result<Option<Identity>> {
        let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        let (name, key_name) = (chain.display().to_string(), key.display().to_string());
        let chain = std::fs::read(chain).opening(&name)?;
        let key = read_private(key, "this key")?;
        Identity::new(Certificate::from_pem(&chain, &name, key.expose(), &key_name)?).map(Some)
    }

    /// The users of the file that was named, if one was.
    fn hashed(&self) -> Result<Option<Passwd>> {
        let Some(file) = &self.passwd_file else { return Ok(None) };
        crate::config::secret::no_core_dumps();
        let hashed = read_private(file, "these hashed passwords")?;
        Passwd::parse(hashed.expose(), &file.display().to_string()).map(Some)
    }
}
