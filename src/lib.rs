//! pipepost: small Unix programs for e-mail, and the library that they share.
//!
//! What users may rely on is in pipepost(7). This page is the plan of the house: which rooms there are, what each may touch, and
//! the habits that keep it small. Where the code teaches something better, the code changes, and then this page.
//!
//! # Straight lines
//!
//! - A *client* is blocking, straight-line code over one [`Wire`](net::Wire): the call stack is the state. So is a *server
//!   session*: it reads a command, acts on a [`World`](server::World) (users, their mailboxes), and writes the answer. A message of
//!   any size streams through both.
//! - *Grammar is pure*: [`proto`] and [`message`] turn bytes into values and back, for both sides. They know no files, sockets,
//!   clocks or random numbers; whoever calls them gives them a [`Body`](body::Body) to read, a time, a seed.
//! - *Parallelism is threads*: one client is one connection is `&mut self`; a server has a thread for each session. There is no
//!   async, no thread that only reads, no pool, no lock in a client.
//! - *`local:` is not a second implementation*: it is the same server session on a thread at the other end of a socket pair. The
//!   client's end is a guard; dropping it ends the session and waits for it, and nobody ends the process in the middle.
//! - *All of it is tested without a network*: a wire runs over anything that is a [`Stream`](net::stream::Stream), and a transcript,
//!   which is what `--trace` writes, plays either side ([`net::script`]).
//!
//! # Rooms
//!
//! | room | is | and knows |
//! |---|---|---|
//! | [`error`] | [`Error`](error::Error) with its [`Exit`](error::Exit) status and [`Fate`](error::Fate) | `text` |
//! | [`text`] | the only owner of CR, LF, dots and escaping | `error`, `body` |
//! | [`body`] | bytes that are pulled piece by piece | `error` |
//! | [`secret`] | what nobody prints | nothing |
//! | [`proto`] | the grammars of SMTP, POP3, IMAP, SASL | the ground |
//! | [`message`] | header, addresses, dates, MIME, composing, decoding | the ground |
//! | [`net`] | `Wire`, endpoints, TLS, the DNS and the ways to a server, deadlines, traces; no protocol | the ground |
//! | [`store`] | Maildir, mbox, spool, SQLite, the targets of `--into` | the ground, `message` |
//! | [`config`] | the configuration file, its accounts, where passwords come from | `net`, `message` |
//! | [`client`] | the clients of SMTP, POP3, IMAP | `proto`, `net` |
//! | [`server`] | the sessions of SMTP, POP3, IMAP, mailboxes with UIDs, the accept loop | `proto`, `message`, `net`, `store` |
//! | [`queue`] | the outgoing queue: storing, runners, notifications | `message`, `store`, `client` |
//! | [`cli`] | arguments, accounts, reports, exit; joins client and server to `local:` | all above |
//! | [`tools`] | a file for each program, and the registry [`ALL`](tools::ALL) | all above |
//! | src/bin | three lines each | `cli`, `tools` |
//!
//! In one line, who may name whom:
//!
//! ```text
//! error text body secret < proto message < net store config < client server < queue < cli < tools < bin
//! ```
//!
//! `proto` and `message` do not know each other, nor do `net` and `store`, `store` and `config`, `client` and `server`. clap and
//! anyhow appear in `cli` and `tools` only, indicatif, toml, mail-builder, mail-parser and html2text in one place each, and a database is opened in
//! `store::db` only. tests/layers.rs has the table and enforces it.
//!
//!
//! # What holds everywhere
//!
//! - *Four fates.* Whatever is done to a message or a recipient ends as done, later, never or unknown (the line was lost after the
//!   hand-over). The status comes from the type of an error, never from its words.
//! - *Everything from outside is hostile.* Sizes are `u64` and checked; what a peer announces is never allocated or looped for;
//!   recursion has a limit; names from mail become paths only encoded; CR, LF and NUL never pass from an argument to the wire. No
//!   `unsafe`, nothing outside tests that can panic on input, overflow checks in releases too.
//! - *Deadlines are points in time*, which a peer that drips a byte a minute can't push ahead.
//! - *Writing never waits for a peer that is writing*: a [`Wire`](net::Wire) that blocks reads meanwhile, with a bound.
//! - *Memory does not grow with a message.* What must be known before it is sent is in a [`Spool`](store::spool::Spool): 64 KiB in
//!   memory, the rest in a file without a name. mail-builder and mail-parser take slices, so they get header fields and small texts;
//!   bodies stream past them.
//! - *Delivered is on stable storage*, or the peer's last positive answer. A [`Sink`](store::sink::Sink) is pushed, so that several
//!   share one body, and only its commit counts; the source is told after that.
//! - *The Maildir is the truth.* Other programs may change it at any time; SQLite keeps UIDs and what the letters of
//!   keywords mean. No lock is held while input or the network is slow.
//! - *stdout is data*, stderr is for people, and one record is one line whatever is in it.
//!
//! # Habits
//!
//! - Names are the words of the RFCs: `Envelope`, `SequenceSet`, maildrop. No Manager, Handler, Helper or Util.
//! - A file has one purpose. 400 lines are a question, 600 a split. Its head says what is deliberately left out.
//! - Comments say why, and which section of which RFC; a workaround names the server that needs it.
//! - Public items have docs: shapes, units, errors.
//! - Tests stay on the loopback interface and in temporary directories, need no fixed port and run in parallel. One that needs a
//!   program which is not installed says so in one line, and fails if `CI` is set.
//! - A rule that can be checked has a test that can fail.
//!
//! # A new program
//!
//! Is a file in src/tools (a clap definition, `run`, the prose of its manual page), a line in [`ALL`](tools::ALL), three lines in
//! src/bin, a row in README.md and in man/pipepost.7, and `UPDATE=1 cargo test --test docs`, which writes its page and completions
//! and checks that its flags mean what they mean elsewhere. Its examples are run by tests/tools.rs.
//!
//! # A new command of a protocol
//!
//! Begins in [`proto`] with its grammar, both ways, and a property test that what is written is read again; then the session in
//! [`server`], then the client in [`client`], each with a transcript: first the RFC's own dialogue, then what servers really do.

pub mod body;
pub mod cli;
pub mod client;
pub mod config;
pub mod error;
pub mod message;
pub mod net;
pub mod proto;
pub mod queue;
pub mod secret;
pub mod server;
pub mod store;
pub mod text;
pub mod tools;
