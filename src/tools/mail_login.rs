//! mail-login(1): keeps the password of an account, or gets tokens for it, so that the other programs need not ask.

mod keep;
mod oauth;

use crate::cli::account::{logins, store_key};
use crate::cli::args::{Common, Listing};
use crate::cli::connect::Reach;
use crate::cli::exit::complain;
use crate::cli::out::{Column, Table, choose};
use crate::cli::{Outcome, Tool};
use crate::error::{Error, Exit, Result};
use crate::message::date::Date;
use crate::net::endpoint::{Endpoint, Place};
use crate::store::logins::{Key, Stored};
use clap::Parser;
use serde_json::json;

/// Keeps the password of an account for the other programs, or gets tokens of OAuth 2.0.
#[derive(Parser)]
#[command(name = "mail-login", version)]
pub struct MailLogin {
    /// The account (all its protocols): ACCOUNT:, or a URL like imaps://USER@HOST.
    #[arg(value_name = "ACCOUNT:")]
    account: Option<String>,
    /// Log in at every server first, and keep the password or the tokens only if all take them.
    #[arg(long, conflicts_with_all = ["list", "forget", "token"])]
    check: bool,
    /// List what is kept, without the passwords and tokens; of ACCOUNT: if one is given.
    #[arg(long, conflicts_with_all = ["forget", "token"])]
    list: bool,
    /// Forget the password of ACCOUNT:, or its tokens, which are revoked where that can be done.
    #[arg(long, conflicts_with = "token")]
    forget: bool,
    /// Print an access token of ACCOUNT: that is good for a minute at least, for other programs.
    #[arg(long)]
    token: bool,
    /// Give the password to COMMAND on its stdin, one line, instead of keeping it; /bin/sh runs it.
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["list", "forget", "token"])]
    store_command: Option<String>,
    #[command(flatten)]
    oauth: oauth::Flags,
    /// Forget all passwords and tokens.
    #[arg(long, requires = "forget", conflicts_with = "account")]
    all: bool,
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    common: Common,
}

const NAME: &str = "mail-login";

const COLUMNS: [Column; 7] = [
    Column { name: "protocol", width: 8, right: false },
    Column { name: "user", width: 24, right: false },
    Column { name: "server", width: 32, right: false },
    Column { name: "kind", width: 8, right: false },
    Column { name: "stored", width: 20, right: false },
    Column { name: "expires", width: 20, right: false },
    Column { name: "issuer", width: 32, right: false },
];

impl Tool for MailLogin {
    const MAN: &'static str = r#"
.Sh PASSWORDS
The password is the first line of stdin, or, if that is a terminal, what is typed there twice; or it comes from where one of the flags says.
It is kept for every protocol of the account that names a user in its URL and has no
.Cm password
in the configuration, and is looked up by protocol, user, host and port: after one of these has changed it must be stored again.
If an account has several users, each of them is asked for; where nobody can be asked, name one server by its URL.
.Pp
The other programs look here last, before they would ask on the terminal.
.Pp
With
.Fl -store-command
the password is not kept here, but given to a program, whose counterpart the account names with
.Cm command
in
.Xr pipepost-config 5 :
.Li mail-login --store-command 'pass insert -e mail/work' work: .
.Pp
What is kept lies as it is in
.Pa logins.sqlite ,
which only its owner can read: whoever can read the caller's files can read it.
A
.Cm command
in
.Xr pipepost-config 5
asks a keyring instead.
.Sh TOKENS
Where the account says
.Li password = { oauth = ... } ,
or with
.Fl -oauth ,
no password is asked for, but tokens of OAuth 2.0 are got and kept: an access token that logs in for a while, and a refresh token that gets the
next one.
The other programs do that by themselves: before the access token is over (a minute before), and once when a server refuses it.
Of several programs that want a new one at the same time one asks for it, and the others wait.
When the refresh token is over or was withdrawn they end with status 77, and
.Nm
must be run again.
.Pp
.Em There is no client built in .
Providers give tokens to programs that are registered with them: register one
.Pq a Dq desktop or Dq native app
and name its identifier with
.Fl -client-id
or
.Cm client-id ,
or ask your organisation for theirs.
.Bl -tag -width Ds
.It Fl -device
shows a page and a code; the page is opened on any device, and the code is typed in there (RFC 8628).
.It Fl -browser
shows the address of a page that is opened in a browser on this machine, which is sent back to a port of ours on a loopback address when the login is done (RFC 8252,
with PKCE, RFC 7636).
.Fl -open
starts
.Ev BROWSER
with it.
.It Fl -client-credentials
logs in as the client itself, for servers (RFC 6749 4.4).
If the account says so with
.Cm flow ,
.Nm
is not needed at all.
.El
.Pp
Without any of these it is
.Fl -device
where the provider knows that, but for gmail, whose devices get no access to mail;
.Fl -browser
otherwise.
For gmail, register a desktop app with the scope
.Li https://mail.google.com/ ;
its client secret is none, but has to be given.
For microsoft, register a public client with the permissions IMAP.AccessAsUser.All, POP.AccessAsUser.All and SMTP.Send, and the redirect URI
.Li http://localhost .
Any other provider is named by its issuer's URL, at which it publishes where everything is (RFC 8414, OpenID Connect Discovery).
.Pp
.Fl -token
prints an access token, renewed if need be, for other programs: their password command may be
.Li mail-login --token work: .
.Fl -forget
revokes the tokens too (RFC 7009), where the provider can do that.
.Sh COLUMNS
.Cm protocol ,
.Cm user ,
.Cm server ,
.Cm kind
.Pq Dq password , Dq oauth ,
.Cm stored
(the time, RFC 3339),
.Cm expires
(when the access token does) and
.Cm issuer .
With
.Fl -json
each line is an object with these keys; without
.Fl -list
one for each password that was stored or forgotten.
.Sh FILES
.Bl -tag -width Ds
.It Pa $XDG_STATE_HOME/pipepost/logins.sqlite
The passwords and tokens;
.Pa ~/.local/state
if the variable is not set.
.El
.Sh EXIT STATUS
0, also if there was nothing to forget or to list (1 with
.Fl e ) ;
64 wrong arguments, no user in any URL, no client, or another password the second time; 66 stdin can't be read; 73 the store command fails; 75 the token server
can't be reached, or nobody logs in in time; 76 it answers what no token server does; 77 it refuses the login; 69 it refuses otherwise; 78 the configuration is wrong, others may read the
file, or what was given can't be a password; with
.Fl -check
the status of the first login that failed: 68, 69, 75, 76, 77; see
.Xr pipepost 7 .
.Sh EXAMPLES
Keep a password, see what is kept, and forget it:
.Bd -literal -offset indent
umask 077
printf '[work]\enimap = "imaps://bob@imap.example.org"\en' > config.toml
echo secret | mail-login --config config.toml work:
mail-login --list
mail-login --config config.toml --forget work:
.Ed
"#;

    fn run(self) -> Outcome {
        let columns =
            if self.listing.columns.is_empty() { COLUMNS.to_vec() } else { choose(&self.listing.columns, &COLUMNS)? };
        let reach = Reach::new(NAME, &self.common)?;
        let mut table = Table::new(columns, self.listing.json, self.listing.null).until(reach.whole());
        if self.list {
            let of = match self.account {
                Some(_) => Some(self.keys(&reach)?),
                None => None,
            };
            let store = logins()?;
            let all = store.map_or_else(|| Ok(Vec::new()), |store| store.all())?;
            for stored in all.iter().filter(|stored| of.as_ref().is_none_or(|of| of.contains(&stored.key))) {
                row(&mut table, stored)?;
            }
            return Ok(table.end(self.listing.exit_status)?);
        }
        if self.token {
            return self.print(&reach);
        }
        let changed = if self.forget {
            self.forget(&reach)?
        } else {
            match self.grants(&reach)? {
                groups if groups.is_empty() => self.keep(&reach)?,
                groups => self.obtain(&reach, &groups)?,
            }
        };
        if self.listing.json {
            for stored in &changed {
                row(&mut table, stored)?;
            }
            table.end(false)?;
        }
        Ok(if changed.is_empty() && self.listing.exit_status { Exit::None } else { Exit::Ok })
    }
}

fn row(table: &mut Table, all: &Stored) -> Result<()> {
    let Stored { key: Key { protocol, user, server }, kind, time, issuer, expires } = all;
    let stored = Date::utc(*time).rfc3339();
    let expires = expires.map(|time| Date::utc(time).rfc3339());
    let cell = |column: &Column| match column.name {
        "protocol" => protocol.clone(),
        "user" => user.clone(),
        "server" => server.clone(),
        "kind" => kind.clone(),
        "expires" => expires.clone().unwrap_or_default(),
        "issuer" => issuer.clone().unwrap_or_default(),
        _ => stored.clone(),
    };
    let object = || {
        json!({
            "protocol": protocol, "user": user, "server": server, "kind": kind, "stored": stored, "expires": expires,
            "issuer": issuer,
        })
    };
    table.row(cell, object).map(|_| ())
}

impl MailLogin {
    /// The servers of the account where a user logs in.
    fn servers(&self, reach: &Reach) -> Result<Vec<(Endpoint, String)>> {
        let all = reach.accounts().all(self.account.as_deref())?;
        if all.iter().any(|at| matches!(at.place, Place::Local(_))) {
            return Err(Error::usage("local: needs no password"));
        }
        let named: Vec<(Endpoint, String)> =
            all.into_iter().filter_map(|at| at.user.clone().map(|user| (at, user))).collect();
        if named.is_empty() {
            return Err(Error::usage("no user is named").advise("put it into the URL: imaps://USER@HOST"));
        }
        Ok(named)
    }

    fn keys(&self, reach: &Reach) -> Result<Vec<Key>> {
        Ok(self.servers(reach)?.iter().filter_map(|(at, user)| store_key(at, user)).collect())
    }

    fn forget(&self, reach: &Reach) -> Result<Vec<Stored>> {
        let of = if self.all { None } else { Some(self.keys(reach)?) };
        let Some(store) = logins()? else { return Ok(Vec::new()) };
        // While the logins still lead to them.
        let keepers = if self.all { None } else { Some(self.keepers(reach)?) };
        let mut gone = Vec::new();
        for stored in store.all()? {
            if of.as_ref().is_none_or(|of| of.contains(&stored.key)) && store.forget(&stored.key)? {
                self.tell(&format!("forgot {}", stored.key));
                gone.push(stored);
            }
        }
        self.forget_grants(reach, &store, keepers.as_deref())?;
        Ok(gone)
    }

    fn tell(&self, what: &str) {
        if self.common.verbose {
            complain(NAME, what, None);
        }
    }
}
