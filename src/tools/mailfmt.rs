//! mailfmt: composes, shows and takes apart messages. It never touches the network.
//!
//! Except that `verify --dns` asks for keys.

mod answer;
mod bounce;
mod convert;
mod cursor;
mod dedupe;
mod describe;
mod draft;
mod each;
mod encrypt;
mod extract;
mod format;
mod head;
mod input;
mod join;
mod json;
mod kind;
mod lint;
mod list;
mod names;
mod new;
mod output;
mod pick;
mod quote;
mod quotes;
mod recode;
mod records;
mod repair;
mod reports;
mod screen;
mod secure;
mod select;
mod set;
mod show;
mod sign;
mod sort;
mod split;
mod stamp;
mod strip;
mod thread;
mod tree;
mod verify;

use crate::cli::tool::Group;
use crate::cli::{Outcome, Tool};
use clap::{Parser, Subcommand};

/// Composes, shows, changes, splits and checks messages.
///
/// Every verb reads messages, and writes messages or what it finds in them; none but verify --dns touches the network.
#[derive(Parser, Debug)]
#[command(
    name = "mailfmt",
    version,
    arg_required_else_help = false,
    disable_help_subcommand = true,
    propagate_version = true
)]
pub struct Mailfmt {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    New(Box<new::New>),
    Reply(Box<answer::Reply>),
    ReplyAll(Box<answer::ReplyAll>),
    Forward(Box<answer::Forward>),
    Bounce(Box<bounce::Bounce>),
    Show(show::Show),
    Head(head::Head),
    List(list::List),
    Tree(tree::Tree),
    Cat(show::Cat),
    Text(show::Text),
    Set(Box<set::Set>),
    Convert(convert::Convert),
    Dedupe(dedupe::Dedupe),
    Json(json::Json),
    Unjson(json::Unjson),
    #[command(flatten)]
    More(More),
}

/// More of them: in one enum, what clap makes of all of them needs more stack than some have.
#[derive(Subcommand, Debug)]
enum More {
    Extract(Box<extract::Extract>),
    Strip(Box<strip::Strip>),
    Recode(Box<recode::Recode>),
    Repair(Box<repair::Repair>),
    Lint(Box<lint::Lint>),
    Dsn(Box<reports::Dsn>),
    Auth(Box<reports::Auth>),
    Pick(Box<pick::Pick>),
    Sort(Box<sort::Sort>),
    Split(Box<split::Split>),
    Join(Box<join::Join>),
    Thread(Box<thread::Thread>),
    Each(Box<each::Each>),
    Sign(Box<sign::Sign>),
    Verify(Box<verify::Verify>),
    Encrypt(Box<encrypt::Encrypt>),
    Decrypt(Box<encrypt::Decrypt>),
}

impl More {
    fn run(self) -> Outcome {
        match self {
            More::Extract(extract) => extract.run(),
            More::Strip(strip) => strip.run(),
            More::Recode(recode) => recode.run(),
            More::Repair(repair) => repair.run(),
            More::Lint(lint) => lint.run(),
            More::Dsn(dsn) => dsn.run(),
            More::Auth(auth) => auth.run(),
            More::Pick(pick) => pick.run(),
            More::Sort(sort) => sort.run(),
            More::Split(split) => split.run(),
            More::Join(join) => join.run(),
            More::Thread(thread) => thread.run(),
            More::Each(each) => each.run(),
            More::Sign(sign) => sign.run(),
            More::Verify(verify) => verify.run(),
            More::Encrypt(encrypt) => encrypt.run(),
            More::Decrypt(decrypt) => decrypt.run(),
        }
    }
}

impl Tool for Mailfmt {
    const MAN: &'static str = include_str!("mailfmt/manual/overview.mdoc");
    const GROUPS: &'static [Group] = &[
        Group {
            name: "mailfmt-compose",
            about: "Composes messages, and answers to them",
            verbs: &["new", "reply", "reply-all", "forward", "bounce"],
            man: include_str!("mailfmt/manual/compose.mdoc"),
        },
        Group {
            name: "mailfmt-show",
            about: "Shows messages, their parts and their fields",
            verbs: &["show", "text", "cat", "head", "list", "tree"],
            man: include_str!("mailfmt/manual/show.mdoc"),
        },
        Group {
            name: "mailfmt-extract",
            about: "Takes attachments out of messages",
            verbs: &["extract", "strip"],
            man: include_str!("mailfmt/manual/extract.mdoc"),
        },
        Group {
            name: "mailfmt-set",
            about: "Changes fields, encodings and what is broken, and nothing else",
            verbs: &["set", "recode", "repair"],
            man: include_str!("mailfmt/manual/set.mdoc"),
        },
        Group {
            name: "mailfmt-split",
            about: "Converts between mboxes, Maildirs, files, streams and digests",
            verbs: &["convert", "split", "join"],
            man: include_str!("mailfmt/manual/split.mdoc"),
        },
        Group {
            name: "mailfmt-pick",
            about: "Selects, sorts, threads and filters many messages",
            verbs: &["pick", "sort", "thread", "dedupe", "each"],
            man: include_str!("mailfmt/manual/pick.mdoc"),
        },
        Group {
            name: "mailfmt-json",
            about: "Writes messages as JSON, and JSON as messages",
            verbs: &["json", "unjson"],
            man: include_str!("mailfmt/manual/json.mdoc"),
        },
        Group {
            name: "mailfmt-lint",
            about: "Checks messages, and reads what others found of them",
            verbs: &["lint", "dsn", "auth"],
            man: include_str!("mailfmt/manual/lint.mdoc"),
        },
        Group {
            name: "mailfmt-sign",
            about: "Signs, verifies, encrypts and decrypts messages",
            verbs: &["sign", "verify", "encrypt", "decrypt"],
            man: include_str!("mailfmt/manual/sign.mdoc"),
        },
    ];

    fn run(self) -> Outcome {
        match self.what {
            What::New(new) => new.run(),
            What::Reply(reply) => reply.run(),
            What::ReplyAll(reply) => reply.run(),
            What::Forward(forward) => forward.run(),
            What::Bounce(bounce) => bounce.run(),
            What::Show(show) => show.run(),
            What::Head(head) => head.run(),
            What::List(list) => list.run(),
            What::Tree(tree) => tree.run(),
            What::Cat(cat) => cat.run(),
            What::Text(text) => text.run(),
            What::Set(set) => set.run(),
            What::Convert(convert) => convert.run(),
            What::Dedupe(dedupe) => dedupe.run(),
            What::Json(json) => json.run(),
            What::Unjson(unjson) => unjson.run(),
            What::More(more) => more.run(),
        }
    }
}
