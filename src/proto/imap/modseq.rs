//! Mod-sequences (RFC 7162): what is asked by them. A mod-sequence has 63 bits, and 0 is older than all.

use super::lex::{Lex, Parsed, Syntax};
use super::set::SequenceSet;
use std::fmt;

/// Reads one.
pub(super) fn modseq(l: &mut Lex<'_>) -> Parsed<i64> {
    let at = l.position();
    i64::try_from(l.number64()?).map_err(|_| Syntax::new(at, "a mod-sequence has 63 bits"))
}

/// With what a mailbox is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selecting {
    /// Nothing.
    #[default]
    Plain,
    /// `(CONDSTORE)`: changes are told with their mod-sequences from now on.
    CondStore,
    /// `(QRESYNC (...))`: what has changed and vanished is told at once.
    QResync(QResync),
}

/// What the client remembers of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QResync {
    /// Its UIDVALIDITY.
    pub validity: u32,
    /// Up to where it knows everything.
    pub modseq: i64,
    /// The UIDs that it knows; all, if there are none.
    pub known: Option<SequenceSet>,
}

impl Selecting {
    /// Reads the parameters of SELECT and EXAMINE, if there are any. What QRESYNC says of sequence numbers is read over:
    /// UIDs that vanished are remembered here, and need no guessing.
    pub(super) fn parse(l: &mut Lex<'_>) -> Parsed<Selecting> {
        if !l.rest().starts_with(b" (") {
            return Ok(Selecting::Plain);
        }
        l.expect_sp()?;
        let mut found = Selecting::Plain;
        l.list(|l| {
            let at = l.position();
            match l.word().to_ascii_uppercase().as_str() {
                "CONDSTORE" if matches!(found, Selecting::QResync(_)) => {}
                "CONDSTORE" => found = Selecting::CondStore,
                "QRESYNC" => {
                    l.expect_sp()?;
                    found = Selecting::QResync(QResync::parse(l)?);
                }
                _ => return Err(Syntax::new(at, "expected CONDSTORE or QRESYNC")),
            }
            Ok(())
        })?;
        Ok(found)
    }
}

impl QResync {
    fn parse(l: &mut Lex<'_>) -> Parsed<QResync> {
        l.expect(b'(')?;
        let validity = l.nz_number()?;
        l.expect_sp()?;
        let mut found = QResync { validity, modseq: modseq(l)?, known: None };
        if l.sp() {
            if l.peek() != Some(b'(') {
                found.known = Some(SequenceSet::parse(l)?);
                l.sp();
            }
            if l.eat(b'(') {
                SequenceSet::parse(l)?;
                l.expect_sp()?;
                SequenceSet::parse(l)?;
                l.expect(b')')?;
            }
        }
        l.expect(b')')?;
        Ok(found)
    }
}

impl fmt::Display for Selecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selecting::Plain => Ok(()),
            Selecting::CondStore => f.write_str(" (CONDSTORE)"),
            Selecting::QResync(QResync { validity, modseq, known }) => {
                write!(f, " (QRESYNC ({validity} {modseq}")?;
                known.iter().try_for_each(|known| write!(f, " {known}"))?;
                f.write_str("))")
            }
        }
    }
}

/// `(CHANGEDSINCE n)` of FETCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangedSince {
    /// Messages whose mod-sequence is not higher are left out.
    pub modseq: i64,
    /// VANISHED: UIDs that are gone since are told.
    pub vanished: bool,
}

impl ChangedSince {
    pub(super) fn parse(l: &mut Lex<'_>) -> Parsed<Option<ChangedSince>> {
        if !l.rest().starts_with(b" (") {
            return Ok(None);
        }
        l.expect_sp()?;
        let mut since = None;
        let mut vanished = false;
        l.list(|l| {
            let at = l.position();
            match l.word().to_ascii_uppercase().as_str() {
                "CHANGEDSINCE" => {
                    l.expect_sp()?;
                    since = Some(modseq(l)?);
                }
                "VANISHED" => vanished = true,
                _ => return Err(Syntax::new(at, "expected CHANGEDSINCE or VANISHED")),
            }
            Ok(())
        })?;
        match since {
            Some(modseq) => Ok(Some(ChangedSince { modseq, vanished })),
            None => l.expected("CHANGEDSINCE"),
        }
    }
}

impl fmt::Display for ChangedSince {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (CHANGEDSINCE {}{})", self.modseq, if self.vanished { " VANISHED" } else { "" })
    }
}

/// `(UNCHANGEDSINCE n)` of STORE.
pub(super) fn unchanged_since(l: &mut Lex<'_>) -> Parsed<Option<i64>> {
    if l.peek() != Some(b'(') {
        return Ok(None);
    }
    let mut since = None;
    l.list(|l| {
        if !l.eat_word("UNCHANGEDSINCE") {
            return l.expected("UNCHANGEDSINCE");
        }
        l.expect_sp()?;
        since = Some(modseq(l)?);
        Ok(())
    })?;
    match since {
        Some(_) => l.expect_sp().map(|()| since),
        None => l.expected("UNCHANGEDSINCE"),
    }
}
