//! What lint looks for, and how bad each is.

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is forbidden, or gets lost, or is refused.
    Error,
    /// It should not be so.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// What is taken for wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// All that the standards say of what is written.
    #[default]
    Strict,
    /// What breaks on the way or can't be read.
    Lenient,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $word:literal $strict:ident $lenient:ident,)*) => {
        /// A kind of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// Its name in reports.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Code::$name => $word,)* }
            }

            /// How bad it is; `None`: this profile does not mind.
            #[must_use]
            pub fn severity(self, profile: Profile) -> Option<Severity> {
                let (strict, lenient) = match self { $(Code::$name => (codes!(@ $strict), codes!(@ $lenient)),)* };
                match profile { Profile::Strict => strict, Profile::Lenient => lenient }
            }
        }
    };
    (@ error) => { Some(Severity::Error) };
    (@ warning) => { Some(Severity::Warning) };
    (@ none) => { None };
}

codes! {
    /// A CR that is not part of a line end (RFC 5322 2.3).
    BareCr "bare-cr" error error,
    /// LF alone where the first line ends with CRLF (RFC 5322 2.3).
    BareLf "bare-lf" error warning,
    /// A NUL (RFC 5322 2.3, 4.1).
    Nul "nul" error error,
    /// Over 998 bytes (RFC 5322 2.1.1).
    LineTooLong "line-too-long" error error,
    /// Over 78 characters in a header section (RFC 5322 2.1.1).
    LineLong "line-long" warning none,
    /// The last line has no line end.
    NoLastLineEnd "no-last-line-end" warning none,
    /// A line in a header section that is no field.
    NotAField "not-a-field" error error,
    /// Blanks between name and colon (obsolete: RFC 5322 4.5).
    BlankBeforeColon "blank-before-colon" error warning,
    /// A line of a folded field that is blanks alone (obsolete: RFC 5322 4.2).
    BlankFold "blank-fold" error warning,
    /// UTF-8 in a header section (RFC 6532): only for who takes SMTPUTF8.
    HeaderUtf8 "header-utf8" warning none,
    /// 8-bit bytes in a header section that are not UTF-8.
    HeaderNotUtf8 "header-not-utf8" error error,
    /// More than one of a field of which there may be one (RFC 5322 3.6, RFC 2045 3).
    DuplicateField "duplicate-field" error error,
    /// No Date or no From (RFC 5322 3.6).
    MissingField "missing-field" error error,
    /// No Message-ID (RFC 5322 3.6.4).
    MissingMessageId "missing-message-id" warning none,
    /// No MIME-Version although there are fields of MIME (RFC 2045 4).
    MissingMimeVersion "missing-mime-version" error none,
    /// Several authors and no Sender (RFC 5322 3.6.2).
    MissingSender "missing-sender" error warning,
    /// Bcc or Resent-Bcc: the recipients would see it.
    BccLeft "bcc-left" error warning,
    /// A date that can't be read (RFC 5322 3.3).
    BadDate "bad-date" error warning,
    /// An address list that can't be read (RFC 5322 3.4).
    BadAddress "bad-address" error error,
    /// No identifier in angle brackets (RFC 5322 3.6.4).
    BadMessageId "bad-message-id" error none,
    /// An encoded word that is too long, not decodable, or in an unknown charset (RFC 2047 2).
    BadEncodedWord "bad-encoded-word" error none,
    /// An encoded word in a parameter (RFC 2047 5).
    EncodedWordInParameter "encoded-word-in-parameter" error none,
    /// A media type that can't be read (RFC 2045 5.1).
    BadContentType "bad-content-type" error warning,
    /// A parameter that comes twice, or whose pieces do not follow each other (RFC 2045 5.1, RFC 2231 3).
    BadParameter "bad-parameter" error none,
    /// A transfer encoding that nobody knows (RFC 2045 6.1).
    UnknownEncoding "unknown-encoding" error error,
    /// A transfer encoding other than 7bit, 8bit, binary around parts (RFC 2045 6.4).
    EncodedParts "encoded-parts" error warning,
    /// A charset that can't be decoded.
    UnknownCharset "unknown-charset" warning warning,
    /// A multipart without a boundary (RFC 2046 5.1.1).
    NoBoundary "no-boundary" error error,
    /// A boundary of over 70 characters, or with a blank at its end (RFC 2046 5.1.1).
    BadBoundary "bad-boundary" error none,
    /// A multipart that ends without its closing boundary (RFC 2046 5.1.1).
    NotClosed "not-closed" error error,
    /// A header section that ends without an empty line.
    NoEmptyLine "no-empty-line" warning none,
    /// Too deep, too many, too long: not looked at.
    NotChecked "not-checked" error warning,
    /// 8-bit bytes in what is 7bit (RFC 2045 2.7, 6.2).
    EightBit "8bit-without-encoding" error error,
    /// Text that is not in the charset that it names.
    NotInCharset "not-in-charset" error warning,
    /// Bytes that are no base64 (RFC 2045 6.8).
    BadBase64 "bad-base64" error error,
    /// An escape that is none (RFC 2045 6.7).
    BadQuotedPrintable "bad-quoted-printable" error error,
    /// A line of over 76 bytes of base64 or quoted-printable (RFC 2045 6.7, 6.8).
    EncodedLineLong "encoded-line-long" error none,
}
