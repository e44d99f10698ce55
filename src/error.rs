//! What can go wrong, and what it means to the caller: [`Error`], [`Exit`] (the table of pipepost(7)) and [`Fate`].
//!
//! The exit status is part of the error's type from the place where it is made; nobody looks for it in a text later.

use std::fmt;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The exit status of every program, pipepost(7), "EXIT STATUS". Most follow sysexits(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// All done; also: there was nothing to do.
    Ok = 0,
    /// Nothing matched, and `--exit-status` asked to be told.
    None = 1,
    /// Wrong arguments.
    Usage = 64,
    /// The message or an address in it can't be sent as it is.
    Data = 65,
    /// An input can't be read.
    NoInput = 66,
    /// Some recipients or items are done and others are not.
    Partial = 67,
    /// The host name does not exist.
    NoHost = 68,
    /// The peer refused for good (5xx, -ERR, NO).
    Refused = 69,
    /// A bug in pipepost.
    Internal = 70,
    /// An output can't be created.
    CantCreate = 73,
    /// Reading or writing locally failed.
    IoErr = 74,
    /// Nothing was done, and the same command later may work.
    TempFail = 75,
    /// The peer broke the protocol, or TLS could not be established or verified.
    Protocol = 76,
    /// The credentials were refused, or may not be sent.
    Auth = 77,
    /// The configuration is wrong.
    Config = 78,
    /// The connection died after hand-over and before the answer: it may have been delivered.
    Unknown = 79,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Every status with its name and meaning, in order of number: the table that the manual pages print.
    pub const ALL: [(Exit, &'static str, &'static str); 16] = [
        (Exit::Ok, "OK", "all done (also: there was nothing to do)"),
        (Exit::None, "NONE", "nothing matched, only where --exit-status asked for it"),
        (Exit::Usage, "USAGE", "wrong arguments"),
        (Exit::Data, "DATA", "the message or an address in it can't be sent as it is"),
        (Exit::NoInput, "NOINPUT", "an input can't be read"),
        (Exit::Partial, "PARTIAL", "some recipients or items are done and others are not"),
        (Exit::NoHost, "NOHOST", "the host name does not exist"),
        (Exit::Refused, "REFUSED", "the peer refused for good (5xx, -ERR, NO)"),
        (Exit::Internal, "INTERNAL", "a bug in pipepost"),
        (Exit::CantCreate, "CANTCREAT", "an output can't be created"),
        (Exit::IoErr, "IOERR", "reading or writing locally failed"),
        (Exit::TempFail, "TEMPFAIL", "nothing was done, and the same command later may work"),
        (Exit::Protocol, "PROTOCOL", "the peer broke the protocol, or TLS could not be established or verified"),
        (Exit::Auth, "AUTH", "the credentials were refused, or may not be sent"),
        (Exit::Config, "CONFIG", "the configuration is wrong"),
        (Exit::Unknown, "UNKNOWN", "the connection died after hand-over: it may have been delivered"),
    ];
}

/// What became of one item (a recipient, a message): the four ends that anything in mail can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// The peer has taken responsibility: 2xx, `+OK`, `OK`.
    Done,
    /// Not now: 4xx, busy, the line was lost before anything was handed over.
    Later,
    /// Not ever: 5xx, `-ERR`, `NO`.
    Never,
    /// The line was lost after the hand-over and before the answer (RFC 1047).
    Unknown,
}

impl Fate {
    /// The word for it in reports and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Fate::Done => "done",
            Fate::Later => "later",
            Fate::Never => "never",
            Fate::Unknown => "unknown",
        }
    }
}

/// An error: what and where in one line, the exit status that it asks for, and perhaps a line of advice.
///
/// The text may hold words of a peer: whoever prints it escapes it ([`crate::text::escape`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    exit: Exit,
    text: String,
    advice: Option<String>,
}

impl Error {
    /// An error that ends the program with `exit` and says `text` (one line, no program name, no final stop).
    pub fn new(exit: Exit, text: impl Into<String>) -> Error {
        Error { exit, text: text.into(), advice: None }
    }

    /// Adds the one line that says what to do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Error {
        self.advice = Some(advice.into());
        self
    }

    /// Puts `what: ` before the text: a host, a file, an item.
    #[must_use]
    pub fn at(mut self, what: impl fmt::Display) -> Error {
        self.text = format!("{what}: {}", self.text);
        self
    }

    /// The same error with another status.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Error {
        self.exit = exit;
        self
    }

    /// The exit status that it asks for.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What it means for the item at hand.
    #[must_use]
    pub fn fate(&self) -> Fate {
        match self.exit {
            Exit::Ok => Fate::Done,
            Exit::TempFail | Exit::IoErr | Exit::Partial | Exit::NoInput => Fate::Later,
            Exit::Unknown => Fate::Unknown,
            _ => Fate::Never,
        }
    }

    /// The line of advice, if there is one.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// 64: wrong arguments.
    pub fn usage(text: impl Into<String>) -> Error {
        Error::new(Exit::Usage, text)
    }
    /// 65: the data can't be sent as they are.
    pub fn data(text: impl Into<String>) -> Error {
        Error::new(Exit::Data, text)
    }
    /// 66: an input can't be read.
    pub fn no_input(text: impl Into<String>) -> Error {
        Error::new(Exit::NoInput, text)
    }
    /// 69: refused for good.
    pub fn refused(text: impl Into<String>) -> Error {
        Error::new(Exit::Refused, text)
    }
    /// 70: a bug here.
    pub fn internal(text: impl Into<String>) -> Error {
        Error::new(Exit::Internal, text)
    }
    /// 73: an output can't be created.
    pub fn cant_create(text: impl Into<String>) -> Error {
        Error::new(Exit::CantCreate, text)
    }
    /// 74: local reading or writing failed.
    pub fn io(text: impl Into<String>) -> Error {
        Error::new(Exit::IoErr, text)
    }
    /// 75: later may work.
    pub fn temporary(text: impl Into<String>) -> Error {
        Error::new(Exit::TempFail, text)
    }
    /// 76: the peer broke the protocol.
    pub fn protocol(text: impl Into<String>) -> Error {
        Error::new(Exit::Protocol, text)
    }
    /// 77: credentials refused, or not to be sent.
    pub fn auth(text: impl Into<String>) -> Error {
        Error::new(Exit::Auth, text)
    }
    /// 78: the configuration is wrong.
    pub fn config(text: impl Into<String>) -> Error {
        Error::new(Exit::Config, text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

/// `std::io::Error` of a *local* file or stream becomes an error with the file's name; 75 if the time was up.
pub trait Local<T> {
    /// 74 (IOERR), with `what` before the system's words.
    fn local(self, what: impl fmt::Display) -> Result<T>;
    /// 73 (CANTCREAT), with `what` before the system's words.
    fn creating(self, what: impl fmt::Display) -> Result<T>;
    /// 66 (NOINPUT), with `what` before the system's words.
    fn opening(self, what: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<std::io::Error>> Local<T> for std::result::Result<T, E> {
    fn local(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|e| system(Exit::IoErr, what, &e.into()))
    }
    fn creating(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|e| system(Exit::CantCreate, what, &e.into()))
    }
    fn opening(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|e| system(Exit::NoInput, what, &e.into()))
    }
}

fn system(exit: Exit, what: impl fmt::Display, e: &std::io::Error) -> Error {
    // Not a fault: nobody came in time.
    let exit = if e.kind() == std::io::ErrorKind::TimedOut { Exit::TempFail } else { exit };
    Error::new(exit, format!("{what}: {}", words(e)))
}

/// The system's words for an I/O error, without Rust's "(os error 2)".
#[must_use]
pub fn words(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.find(" (os error ") {
        Some(at) => text.get(..at).unwrap_or_default().to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_whole() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|(e, _, _)| e.code()).collect();
        assert_eq!(codes, [0, 1, 64, 65, 66, 67, 68, 69, 70, 73, 74, 75, 76, 77, 78, 79]);
    }

    #[test]
    fn words_of_the_system() {
        let e: Result<()> = Err(std::io::Error::from_raw_os_error(2)).local("a/b");
        assert_eq!(e.unwrap_err().to_string(), "a/b: No such file or directory");
    }
}
