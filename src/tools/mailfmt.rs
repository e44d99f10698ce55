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

use crate::cli::{Outcome, Tool};
use clap::{Parser, Subcommand};

/// Composes and shows messages.
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
    const MAN: &'static str = include_str!("mailfmt/manual.mdoc");

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
