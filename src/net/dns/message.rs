//! Questions and answers as bytes, RFC 1035 section 4.

use super::super::tls::Association;
use crate::error::{Error, Result};
use domain::base::iana::{Opcode, Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name, ParsedRecord, ToName, UnknownRecordData};
use domain::rdata::{A, Aaaa, Cname, Mx, Txt};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What we take by UDP: fragments get lost, and can be forged (RFC 9715).
const PAYLOAD: u16 = 1232;
/// The longest chain of CNAMEs.
const ALIASES: usize = 16;
/// As many records are read.
const RECORDS: usize = 1000;
/// The longest text that is kept.
const TEXT: usize = 4096;

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses, RFC 3596.
    Aaaa,
    /// Mail servers, RFC 5321 5.1.
    Mx,
    /// Certificates of servers, RFC 6698.
    Tlsa,
    /// Texts.
    Txt,
}

impl Kind {
    fn rtype(self) -> Rtype {
        match self {
            Kind::A => Rtype::A,
            Kind::Aaaa => Rtype::AAAA,
            Kind::Mx => Rtype::MX,
            Kind::Tlsa => Rtype::TLSA,
            Kind::Txt => Rtype::TXT,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
            Kind::Mx => "MX",
            Kind::Tlsa => "TLSA",
            Kind::Txt => "TXT",
        })
    }
}

/// A record's data. Names are in small letters, without the dot at their end; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Of A and AAAA.
    Address(IpAddr),
    /// Preference and mail server.
    Mx(u16, String),
    /// Of TLSA.
    Tlsa(Association),
    /// The pieces of TXT in one.
    Text(Vec<u8>),
}

/// What the DNS says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// For how many seconds it is good, if there are records.
    pub ttl: Option<u32>,
    /// Whether the name (or that which it is an alias of) exists, with whatever records.
    pub exists: bool,
    /// The names that CNAMEs lead to, in order; the last has the records.
    pub aliases: Vec<String>,
    /// The records, in the order of the answer. Those that make no sense are not among them.
    pub records: Vec<Record>,
    /// Whether a resolver that is trusted says that all of this is proved by DNSSEC, the absence of records too.
    pub secure: bool,
}

impl Answer {
    /// The name that has the records, if it is not that which was asked for.
    #[must_use]
    pub fn canonical(&self) -> Option<&str> {
        self.aliases.last().map(String::as_str)
    }
}

/// A question with a random id.
///
/// # Errors
/// 65: not a name.
pub(super) fn query(name: &str, kind: Kind) -> Result<Vec<u8>> {
    let shown = crate::text::escape(name);
    let asked = Name::<Vec<u8>>::from_str(name).map_err(|_| Error::data(format!("{shown}: not a name of the DNS")))?;
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|e| Error::io(format!("no random numbers: {e}")))?;
    let long = |_| Error::internal("a question that is too long");
    let mut builder = MessageBuilder::new_vec();
    let header = builder.header_mut();
    header.set_id(u16::from_be_bytes(id));
    header.set_opcode(Opcode::QUERY);
    header.set_rd(true);
    // RFC 6840 5.7: tell us whether it is proved. Some resolvers tell only those who ask for the proofs (DO).
    header.set_ad(true);
    let mut builder = builder.question();
    builder.push((asked, kind.rtype())).map_err(long)?;
    let mut builder = builder.additional();
    builder
        .opt(|opt| {
            opt.set_udp_payload_size(PAYLOAD);
            opt.set_dnssec_ok(true);
            Ok(())
        })
        .map_err(long)?;
    Ok(builder.finish())
}

/// Whether it is an answer to that question: its id, and the question itself.
pub(super) fn answers(reply: &[u8], query: &[u8]) -> bool {
    match (Message::from_octets(reply), Message::from_octets(query)) {
        (Ok(reply), Ok(query)) => reply.is_answer(&query),
        _ => false,
    }
}

pub(super) fn is_truncated(reply: &[u8]) -> bool {
    Message::from_octets(reply).is_ok_and(|reply| reply.header().tc())
}

/// A name in small letters, without the dot at its end.
fn plain(name: &impl ToName) -> String {
    let mut text = name.to_cow().to_string().to_ascii_lowercase();
    if text.ends_with('.') && !text.ends_with("\\.") {
        text.pop();
    }
    text
}

/// What it says of `name`.
///
/// # Errors
/// 75: the server has failed, or what it says can't be read.
pub(super) fn read(reply: &[u8], name: &str, kind: Kind) -> Result<Answer> {
    let broken = |_| Error::temporary("an answer that can't be read");
    let message = Message::from_octets(reply).map_err(|_| Error::temporary("an answer that can't be read"))?;
    let header = message.header();
    let exists = match header.rcode() {
        Rcode::NOERROR => true,
        Rcode::NXDOMAIN => false,
        other => return Err(Error::temporary(format!("the resolver says {other}"))),
    };
    let mut aliases: HashMap<String, String> = HashMap::new();
    let mut found: Vec<(String, Record)> = Vec::new();
    let mut ttl: Option<u32> = None;
    for record in message.answer().map_err(broken)?.take(RECORDS) {
        let record = record.map_err(broken)?;
        let owner = plain(&record.owner());
        ttl = Some(ttl.unwrap_or(u32::MAX).min(record.ttl().as_secs()));
        if record.rtype() == Rtype::CNAME {
            let cname = record.to_record::<Cname<_>>().map_err(broken)?;
            aliases.extend(cname.map(|cname| (owner, plain(cname.data().cname()))));
        } else if record.rtype() == kind.rtype() {
            found.extend(data(&record, kind).map_err(broken)?.map(|data| (owner, data)));
        }
    }
    let mut answer = Answer { exists, secure: header.ad(), ttl, ..Answer::default() };
    let mut at = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    // A circle of aliases ends with none of its names left.
    while let Some(next) = aliases.remove(&at) {
        if answer.aliases.len() >= ALIASES {
            return Err(Error::temporary("more aliases than anybody follows"));
        }
        answer.aliases.push(next.clone());
        at = next;
    }
    answer.records = found.into_iter().filter(|(owner, _)| *owner == at).map(|(_, data)| data).collect();
    Ok(answer)
}

fn data(record: &ParsedRecord<'_, &[u8]>, kind: Kind) -> Result<Option<Record>, domain::base::wire::ParseError> {
    Ok(match kind {
        Kind::A => record.to_record::<A>()?.map(|a| Record::Address(a.data().addr().into())),
        Kind::Aaaa => record.to_record::<Aaaa>()?.map(|a| Record::Address(a.data().addr().into())),
        Kind::Mx => {
            record.to_record::<Mx<_>>()?.map(|mx| Record::Mx(mx.data().preference(), plain(mx.data().exchange())))
        }
        // The crate reads TLSA in zone files only.
        Kind::Tlsa => record.to_record::<UnknownRecordData<&[u8]>>()?.and_then(|tlsa| match tlsa.data().data() {
            [usage, selector, matching, data @ ..] => {
                let (usage, selector, matching) = (*usage, *selector, *matching);
                Some(Record::Tlsa(Association { usage, selector, matching, data: data.to_vec() }))
            }
            _ => None,
        }),
        Kind::Txt => record.to_record::<Txt<&[u8]>>()?.map(|txt| {
            let mut text: Vec<u8> = Vec::new();
            for piece in txt.data().iter() {
                if text.len() < TEXT {
                    text.extend_from_slice(piece);
                }
            }
            Record::Text(text)
        }),
    })
}
