//! What a server writes: responses to bytes. Literals stand in their places, since a server never waits for a client.
//!
//! A body section that is streamed is written by the session: [`FetchValue::encode`] then stops after its announcement.

use super::annotation;
use super::command::StatusItem;
use super::date::date_time;
use super::quota;
use super::response::{BodyName, Code, Condition, Data, FetchValue, Listed, Response, Spaces, Status, Untagged};
use super::section::Numbers;
use super::thread;
use super::utf7;
use super::write::{astring, list, nstring, quoted, string};

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

/// A text for people, made one line: no CR, LF or NUL gets through, and an empty text becomes a word.
fn line(out: &mut Vec<u8>, text: &str) {
    if text.is_empty() {
        return put(out, "-");
    }
    out.extend(text.bytes().map(|b| if b < b' ' || b == 0x7f { b' ' } else { b }));
}

impl Response {
    /// Writes it, with its CRLF.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Response::Continue(text) => {
                put(out, "+ ");
                // Nothing is an empty challenge of AUTHENTICATE, and a word would be a wrong one.
                if !text.is_empty() {
                    line(out, text);
                }
            }
            Response::Tagged(tag, status) => {
                put(out, tag);
                out.push(b' ');
                status.encode(out);
            }
            Response::Untagged(untagged) => {
                put(out, "* ");
                untagged.encode(out);
            }
        }
        put(out, "\r\n");
    }
}

impl Status {
    fn encode(&self, out: &mut Vec<u8>) {
        put(
            out,
            match self.condition {
                Condition::Ok => "OK ",
                Condition::No => "NO ",
                Condition::Bad => "BAD ",
                Condition::Bye => "BYE ",
                Condition::PreAuth => "PREAUTH ",
            },
        );
        if let Some(code) = &self.code {
            out.push(b'[');
            code.encode(out);
            put(out, "] ");
        }
        line(out, &self.text);
    }
}

impl Code {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Code::Alert => put(out, "ALERT"),
            Code::BadCharset(charsets) => {
                put(out, "BADCHARSET");
                if !charsets.is_empty() {
                    out.push(b' ');
                    list(out, charsets);
                }
            }
            Code::Capability(words) => put(out, &format!("CAPABILITY {}", words.join(" "))),
            Code::PermanentFlags(flags) => {
                put(out, "PERMANENTFLAGS ");
                list(out, flags);
            }
            Code::UidNext(n) => put(out, &format!("UIDNEXT {n}")),
            Code::UidValidity(n) => put(out, &format!("UIDVALIDITY {n}")),
            Code::Unseen(n) => put(out, &format!("UNSEEN {n}")),
            Code::AppendUid(validity, uids) => put(out, &format!("APPENDUID {validity} {uids}")),
            Code::CopyUid(validity, source, target) => put(out, &format!("COPYUID {validity} {source} {target}")),
            Code::Other(name, rest) => {
                line(out, name);
                if !rest.is_empty() {
                    out.push(b' ');
                    line(out, rest);
                }
            }
        }
    }
}

impl Untagged {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Untagged::Status(status) => status.encode(out),
            Untagged::Capability(words) => put(out, &format!("CAPABILITY {}", words.join(" "))),
            Untagged::Enabled(words) => {
                put(out, "ENABLED");
                words.iter().for_each(|word| put(out, &format!(" {word}")));
            }
            Untagged::Flags(flags) => {
                put(out, "FLAGS ");
                list(out, flags);
            }
            Untagged::List(listed) => listed.encode("LIST", out),
            Untagged::Lsub(listed) => listed.encode("LSUB", out),
            Untagged::Mailbox(name, items) => {
                put(out, "STATUS ");
                astring(out, utf7::encode(name).as_bytes());
                let items: Vec<String> =
                    items.iter().map(|(item, n): &(StatusItem, u64)| format!("{item} {n}")).collect();
                out.push(b' ');
                list(out, &items);
            }
            Untagged::Search(found, modseq) => numbers("SEARCH", found, *modseq, out),
            Untagged::ESearch(results) => results.encode(out),
            Untagged::Sort(found, modseq) => numbers("SORT", found, *modseq, out),
            Untagged::Thread(nodes) => {
                put(out, "THREAD");
                thread::encode(nodes, out);
            }
            Untagged::Exists(n) => put(out, &format!("{n} EXISTS")),
            Untagged::Recent(n) => put(out, &format!("{n} RECENT")),
            Untagged::Expunge(n) => put(out, &format!("{n} EXPUNGE")),
            Untagged::Vanished { earlier, uids } => {
                put(out, &format!("VANISHED {}{uids}", if *earlier { "(EARLIER) " } else { "" }));
            }
            Untagged::Namespace(personal, others, shared) => {
                put(out, "NAMESPACE");
                for spaces in [personal, others, shared] {
                    out.push(b' ');
                    namespace(out, spaces);
                }
            }
            Untagged::MyRights(mailbox, rights) => annotation::encode_rights(mailbox, rights, out),
            Untagged::Metadata(mailbox, entries) => annotation::encode_metadata(mailbox, entries, out),
            Untagged::Quota(one) => quota::encode(one, out),
            Untagged::QuotaRoots(mailbox, roots) => quota::encode_roots(mailbox, roots, out),
            Untagged::Id(fields) => {
                put(out, "ID ");
                if fields.is_empty() {
                    return put(out, "NIL");
                }
                let mut before = b'(';
                for (name, value) in fields {
                    out.push(before);
                    before = b' ';
                    string(out, name);
                    out.push(b' ');
                    nstring(out, value.as_deref());
                }
                out.push(b')');
            }
            Untagged::Fetch(number, values) => {
                put(out, &format!("{number} FETCH "));
                let mut before = b'(';
                for value in values {
                    out.push(before);
                    before = b' ';
                    value.encode(out);
                }
                put(out, if values.is_empty() { "()" } else { ")" });
            }
            Untagged::Other(raw) => out.extend_from_slice(raw),
        }
    }
}

fn numbers(word: &str, found: &[u32], modseq: Option<i64>, out: &mut Vec<u8>) {
    put(out, word);
    for n in found {
        put(out, &format!(" {n}"));
    }
    if let Some(modseq) = modseq {
        put(out, &format!(" (MODSEQ {modseq})"));
    }
}

fn delimiter(out: &mut Vec<u8>, delimiter: Option<char>) {
    match delimiter {
        Some(c) => quoted(out, c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => put(out, "NIL"),
    }
}

fn namespace(out: &mut Vec<u8>, spaces: &Spaces) {
    if spaces.is_empty() {
        return put(out, "NIL");
    }
    out.push(b'(');
    for (prefix, separator) in spaces {
        out.push(b'(');
        string(out, utf7::encode(prefix).as_bytes());
        out.push(b' ');
        delimiter(out, *separator);
        out.push(b')');
    }
    out.push(b')');
}

impl Listed {
    fn encode(&self, word: &str, out: &mut Vec<u8>) {
        put(out, word);
        out.push(b' ');
        list(out, &self.attributes);
        out.push(b' ');
        delimiter(out, self.delimiter);
        out.push(b' ');
        astring(out, &self.wire);
        if !self.child_info.is_empty() {
            put(out, " (CHILDINFO ");
            let quoted: Vec<String> = self.child_info.iter().map(|option| format!("\"{option}\"")).collect();
            list(out, &quoted);
            out.push(b')');
        }
    }
}

impl BodyName {
    /// Writes the name: `BODY[TEXT]<0>`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(
            out,
            &match self {
                BodyName::Section(section, None) => format!("BODY{section}"),
                BodyName::Section(section, Some(origin)) => format!("BODY{section}<{origin}>"),
                BodyName::Rfc822 => "RFC822".to_owned(),
                BodyName::Header => "RFC822.HEADER".to_owned(),
                BodyName::Text => "RFC822.TEXT".to_owned(),
                BodyName::Binary(part, None) => format!("BINARY{}", Numbers(part)),
                BodyName::Binary(part, Some(origin)) => format!("BINARY{}<{origin}>", Numbers(part)),
            },
        );
    }
}

impl FetchValue {
    /// Writes name and value; of a streamed section the name and `{n}` CRLF, after which its bytes must follow.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            FetchValue::Flags(flags) => {
                put(out, "FLAGS ");
                list(out, flags);
            }
            FetchValue::InternalDate(t) => put(out, &format!("INTERNALDATE {}", date_time(t))),
            FetchValue::Size(n) => put(out, &format!("RFC822.SIZE {n}")),
            FetchValue::Uid(n) => put(out, &format!("UID {n}")),
            FetchValue::ModSeq(n) => put(out, &format!("MODSEQ ({n})")),
            FetchValue::Envelope(envelope) => {
                put(out, "ENVELOPE ");
                envelope.encode(out);
            }
            FetchValue::Body(structure) => {
                put(out, "BODY ");
                structure.encode(out, false);
            }
            FetchValue::BodyStructure(structure) => {
                put(out, "BODYSTRUCTURE ");
                structure.encode(out, true);
            }
            FetchValue::Section(name, data) => {
                name.encode(out);
                out.push(b' ');
                match data {
                    Data::Nil => put(out, "NIL"),
                    Data::Bytes(bytes) => {
                        let tilde = if matches!(name, BodyName::Binary(..)) && bytes.contains(&0) { "~" } else { "" };
                        put(out, &format!("{tilde}{{{}}}\r\n", bytes.len()));
                        out.extend_from_slice(bytes);
                    }
                    Data::Streamed(size) => put(out, &format!("{{{size}}}\r\n")),
                    Data::Streamed8(size) => put(out, &format!("~{{{size}}}\r\n")),
                }
            }
            FetchValue::BinarySize(part, size) => put(out, &format!("BINARY.SIZE{} {size}", Numbers(part))),
            FetchValue::Other(name, raw) => {
                put(out, name);
                out.push(b' ');
                out.extend_from_slice(raw);
            }
        }
    }
}
