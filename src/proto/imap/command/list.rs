//! LIST with its options (RFC 5258, RFC 5819, RFC 6154), LSUB, and the names of mailboxes in all commands.

use super::super::lex::{Lex, Parsed, Syntax};
use super::super::utf7;
use super::status::{StatusItem, items};
use super::{Command, word};
use std::fmt;

/// What LIST is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Put before every pattern.
    pub reference: String,
    /// `*` stands for anything, `%` for anything without a separator.
    pub patterns: Vec<String>,
    /// Which mailboxes.
    pub select: Vec<ListSelect>,
    /// What is told about each.
    pub returns: Vec<ListReturn>,
    /// Whether it was asked in the words of RFC 5258: then an empty pattern does not ask for the separator.
    pub extended: bool,
}

impl List {
    /// A LIST of RFC 3501: all mailboxes that match the pattern.
    #[must_use]
    pub fn plain(reference: &str, pattern: &str) -> List {
        let (reference, patterns) = (reference.to_owned(), vec![pattern.to_owned()]);
        List { reference, patterns, select: Vec::new(), returns: Vec::new(), extended: false }
    }
}

/// A selection option of LIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListSelect {
    /// Names that are subscribed to, whether they exist or not.
    Subscribed,
    /// Mailboxes of other servers too.
    Remote,
    /// Those above a mailbox that is selected too.
    RecursiveMatch,
    /// Those with a special use (RFC 6154).
    SpecialUse,
}

/// A return option of LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListReturn {
    /// `\Subscribed`
    Subscribed,
    /// `\HasChildren`, `\HasNoChildren`
    Children,
    /// `\Drafts`, `\Sent`, ... (RFC 6154)
    SpecialUse,
    /// A STATUS response for each (RFC 5819).
    Status(Vec<StatusItem>),
}

const SELECT: [(&str, ListSelect); 4] = [
    ("SUBSCRIBED", ListSelect::Subscribed),
    ("REMOTE", ListSelect::Remote),
    ("RECURSIVEMATCH", ListSelect::RecursiveMatch),
    ("SPECIAL-USE", ListSelect::SpecialUse),
];

impl fmt::Display for ListSelect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SELECT.iter().find(|(_, option)| option == self).map_or("", |(name, _)| *name))
    }
}

impl fmt::Display for ListReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListReturn::Subscribed => f.write_str("SUBSCRIBED"),
            ListReturn::Children => f.write_str("CHILDREN"),
            ListReturn::SpecialUse => f.write_str("SPECIAL-USE"),
            ListReturn::Status(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "STATUS ({})", items.join(" "))
            }
        }
    }
}

pub(super) fn mailbox(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    let at = l.position();
    utf7::decode(&l.astring()?).ok_or_else(|| Syntax::new(at, "mailbox name is not modified UTF-7"))
}

pub(super) fn pattern(l: &mut Lex<'_>) -> Parsed<String> {
    l.expect_sp()?;
    one_pattern(l)
}

fn one_pattern(l: &mut Lex<'_>) -> Parsed<String> {
    let at = l.position();
    utf7::decode(&l.list_mailbox()?).ok_or_else(|| Syntax::new(at, "mailbox pattern is not modified UTF-7"))
}

/// CREATE, with `(USE (\Sent))` of RFC 6154 perhaps.
pub(super) fn create(l: &mut Lex<'_>) -> Parsed<Command> {
    let mailbox = mailbox(l)?;
    let mut uses = Vec::new();
    if at_list(l) {
        l.expect_sp()?;
        l.list(|l| {
            if !l.eat_word("USE") {
                return l.expected("USE");
            }
            l.expect_sp()?;
            uses = l.flags()?;
            Ok(())
        })?;
    }
    Ok(Command::Create { mailbox, uses })
}

/// Whether what follows is a space and a parenthesis.
fn at_list(l: &Lex<'_>) -> bool {
    l.rest().starts_with(b" (")
}

pub(super) fn list(l: &mut Lex<'_>) -> Parsed<Command> {
    let mut list = List::plain("", "");
    list.patterns.clear();
    if at_list(l) {
        list.extended = true;
        list.select = select(l)?;
    }
    list.reference = mailbox(l)?;
    if at_list(l) {
        list.extended = true;
        l.expect_sp()?;
        l.list(|l| {
            list.patterns.push(one_pattern(l)?);
            Ok(())
        })?;
        if list.patterns.is_empty() {
            return l.expected("a pattern");
        }
    } else {
        list.patterns.push(pattern(l)?);
    }
    let before = l.clone();
    if l.sp() {
        if l.eat_word("RETURN") {
            list.extended = true;
            list.returns = returns(l)?;
        } else {
            l.rewind(&before);
        }
    }
    Ok(Command::List(list))
}

fn select(l: &mut Lex<'_>) -> Parsed<Vec<ListSelect>> {
    l.expect_sp()?;
    let at = l.position();
    let mut options = Vec::new();
    l.list(|l| {
        let option = word(l, &SELECT, "expected a selection option of LIST")?;
        if !options.contains(&option) {
            options.push(option);
        }
        Ok(())
    })?;
    let base = |o: &ListSelect| matches!(o, ListSelect::Subscribed | ListSelect::SpecialUse);
    if options.contains(&ListSelect::RecursiveMatch) && !options.iter().any(base) {
        return Err(Syntax::new(at, "RECURSIVEMATCH of what?"));
    }
    Ok(options)
}

fn returns(l: &mut Lex<'_>) -> Parsed<Vec<ListReturn>> {
    l.expect_sp()?;
    let mut options = Vec::new();
    l.list(|l| {
        let at = l.position();
        let option = match l.word().to_ascii_uppercase().as_str() {
            "SUBSCRIBED" => ListReturn::Subscribed,
            "CHILDREN" => ListReturn::Children,
            "SPECIAL-USE" => ListReturn::SpecialUse,
            "STATUS" => {
                l.expect_sp()?;
                ListReturn::Status(items(l)?)
            }
            _ => return Err(Syntax::new(at, "expected a return option of LIST")),
        };
        if !options.contains(&option) {
            options.push(option);
        }
        Ok(())
    })?;
    Ok(options)
}
