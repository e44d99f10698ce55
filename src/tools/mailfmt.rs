//! mailfmt: composes, shows and takes apart messages. It never touches the network.
//!
//! Left out so far: editing header fields, converting between mailbox formats, splitting, checking.

mod describe;
mod head;
mod input;
mod new;
mod show;

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
    Show(show::Show),
    Head(head::Head),
}

impl Tool for Mailfmt {
    const MAN: &'static str = include_str!("mailfmt/manual.mdoc");

    fn run(self) -> Outcome {
        match self.what {
            What::New(new) => new.run(),
            What::Show(show) => show.run(),
            What::Head(head) => head.run(),
        }
    }
}
