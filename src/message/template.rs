//! Texts with variables, `Dear {{name}}`, for mail merge: [`Template`]. What a variable holds is never read again as a template,
//! nor as the syntax around it: in an address it stays the name or the part of the address that it stands for, in HTML it is escaped.
//!
//! `{{NAME}}` is a variable, `{{&NAME}}` one that is HTML itself, `{{{{` two braces. Left out: conditions, loops, formats.

use super::addr::{self, Address};
use crate::error::{Error, Exit, Result};
use crate::text::breaks_line;

/// What a variable holds; `None`: there is no such variable.
pub type Values<'v> = dyn Fn(&str) -> Option<String> + 'v;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable { name: String, raw: bool },
}

/// A text with variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Reads it.
    ///
    /// # Errors
    /// 65 with the line: braces that do not close on their line, or hold no name.
    pub fn parse(text: &str) -> Result<Template> {
        let (mut pieces, mut plain, mut rest, mut line) = (Vec::new(), String::new(), text, 1usize);
        while let Some((before, after)) = rest.split_once("{{") {
            line += before.bytes().filter(|b| *b == b'\n').count();
            plain.push_str(before);
            if let Some(after) = after.strip_prefix("{{") {
                plain.push_str("{{");
                rest = after;
                continue;
            }
            let wrong = |why: &str| Error::data(format!("line {line}: {{{{ {why}")).advise("{{{{ stands for {{");
            let inside = after.lines().next().unwrap_or_default();
            let (name, _) = inside.split_once("}}").ok_or_else(|| wrong("without }} on the same line"))?;
            rest = after.get(name.len() + 2..).unwrap_or_default();
            let (raw, name) = name.trim().strip_prefix('&').map_or((false, name.trim()), |name| (true, name.trim()));
            if name.is_empty() || name.contains(['{', '}']) {
                return Err(wrong("holds no name"));
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Variable { name: name.to_owned(), raw });
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Template(pieces))
    }

    /// The text with the values in it; `html`: each is escaped.
    ///
    /// # Errors
    /// 65: a variable that does not exist.
    pub fn fill(&self, values: &Values<'_>, html: bool) -> Result<String> {
        self.fill_with(|name, raw| {
            let value = value(values, name)?;
            Ok(if html && !raw { escaped(&value) } else { value })
        })
    }

    /// The same for a place that is one line, such as a header field.
    ///
    /// # Errors
    /// 65: a variable that does not exist, or has a line end or NUL in it.
    pub fn fill_line(&self, values: &Values<'_>) -> Result<String> {
        self.fill_with(|name, _| line(values, name))
    }

    /// The same for a list of addresses in a field: a value stays within the word that it stands for.
    ///
    /// # Errors
    /// As [`Template::fill_line`]; 65 too: it holds what would be syntax there.
    pub fn fill_words(&self, values: &Values<'_>) -> Result<String> {
        self.fill_with(|name, _| {
            let value = line(values, name)?;
            match value.contains(['<', '>', ',', ';', ':', '"', '\\', '(', ')', '[', ']']) {
                true => Err(Error::data(format!("{{{{{name}}}}}: {value}: not a word of an address"))),
                false => Ok(value),
            }
        })
    }

    fn fill_with(&self, mut of: impl FnMut(&str, bool) -> Result<String>) -> Result<String> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable { name, raw } => out.push_str(&of(name, *raw)?),
            }
        }
        Ok(out)
    }

    /// The addresses of the list that it is a template of: `{{name}} <{{user}}@example.org>, {{mail}}`. A variable that stands alone is one
    /// whole address, with or without a name, or empty, and then there is none; elsewhere it is (part of) the name, the local part or the domain.
    ///
    /// # Errors
    /// 64: the template is no list of addresses; 65: a variable that does not exist or makes no address.
    pub fn addresses(&self, values: &Values<'_>) -> Result<Vec<Address>> {
        // Words that are in no text of the template stand for the variables while it is parsed.
        let text = |piece: &Piece| if let Piece::Text(text) = piece { text.clone() } else { String::new() };
        let all: String = self.0.iter().map(text).collect();
        let mut salt = String::from("v");
        while all.contains(&salt) {
            salt.push('v');
        }
        let (mut list, mut words) = (String::new(), Vec::new());
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => list.push_str(text),
                Piece::Variable { name, .. } => {
                    let word = format!("x{salt}{}x", words.len());
                    list.push_str(&word);
                    words.push((word, name.clone(), line(values, name)?));
                }
            }
        }
        let items = addr::checked(list.as_bytes()).map_err(|e| e.with_exit(Exit::Usage))?;
        let mut found = Vec::new();
        for address in addr::mailboxes(&items) {
            found.extend(filled(address, &words)?);
        }
        Ok(found)
    }
}

/// A word, the variable that it stands for, and that one's value.
type Word = (String, String, String);

fn filled(address: &Address, words: &[Word]) -> Result<Option<Address>> {
    let name = address.name.as_ref().map(|name| replaced(name, words)).filter(|name| !name.is_empty());
    let alone = words.iter().find(|(word, ..)| address.domain.is_empty() && address.local == word.as_bytes());
    let (spec, of) = match alone {
        Some((_, _, value)) if value.trim().is_empty() && address.name.is_none() => return Ok(None),
        Some((_, of, value)) => (value.trim().to_owned(), of.as_str()),
        None => {
            let (local, domain) = (replaced(&address.local, words), replaced(&address.domain, words));
            let spec = Address { local, domain, ..Address::default() }.spec();
            (String::from_utf8_lossy(&spec).into_owned(), "an address")
        }
    };
    let wrong = |e: Error| Error::data(e.to_string()).at(of);
    let got = addr::parse_strict(&spec).map_err(wrong)?;
    // What was one part of it has not become two.
    let same = alone.is_some() || got.name.is_none() && got.local == replaced(&address.local, words);
    if !same {
        return Err(Error::data(format!("{spec}: not an address")));
    }
    Ok(Some(Address { name: name.or(got.name), ..got }))
}

fn replaced(text: &[u8], words: &[Word]) -> Vec<u8> {
    let mut text = String::from_utf8_lossy(text).into_owned();
    // From the last: word 1 is no beginning of word 10, for each ends with its x; values are never looked at again.
    let mut out = String::new();
    while let Some((at, word, value)) =
        words.iter().filter_map(|(word, _, value)| Some((text.find(word.as_str())?, word, value))).min_by_key(|w| w.0)
    {
        out.push_str(text.get(..at).unwrap_or_default());
        out.push_str(value);
        text = text.get(at + word.len()..).unwrap_or_default().to_owned();
    }
    out.push_str(&text);
    out.into_bytes()
}

fn value(values: &Values<'_>, name: &str) -> Result<String> {
    values(name).ok_or_else(|| Error::data(format!("{{{{{name}}}}}: there is no such variable")))
}

fn line(values: &Values<'_>, name: &str) -> Result<String> {
    let value = value(values, name)?;
    if breaks_line(&value) {
        return Err(Error::data(format!("{{{{{name}}}}}: a line end or NUL, where one line is wanted")));
    }
    Ok(value)
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(name: &str) -> Option<String> {
        Some(match name {
            "name" => "Smith, Bob".to_owned(),
            "mail" => "bob@example.org".to_owned(),
            "full" => "Bob <bob@example.org>".to_owned(),
            "user" => "bob".to_owned(),
            "evil" => "x <eve@example.com>, y".to_owned(),
            "break" => "a\r\nBcc: eve@example.com".to_owned(),
            "html" => "<b>\"&{{mail}}".to_owned(),
            "none" => String::new(),
            _ => return None,
        })
    }

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn texts() {
        let fill = |text: &str| template(text).fill(&values, false).unwrap();
        assert_eq!(fill("Dear {{ user }},\n{{mail}}{{none}}!"), "Dear bob,\nbob@example.org!");
        assert_eq!(fill("a {{{{b}} } {"), "a {{b}} } {");
        assert_eq!(fill("{{html}}"), "<b>\"&{{mail}}");
        assert_eq!(
            template("{{html}}{{& html}}").fill(&values, true).unwrap(),
            "&lt;b&gt;&quot;&amp;{{mail}}<b>\"&{{mail}}"
        );
        assert_eq!(fill(""), "");
        for (bad, says) in
            [("a\nb {{x\n}}", "line 2: {{ without"), ("{{}}", "no name"), ("{{a{b}}", "no name"), ("{{", "without")]
        {
            let e = Template::parse(bad).unwrap_err();
            assert!(e.exit() == Exit::Data && e.to_string().contains(says), "{bad}: {e}");
        }
        let e = template("x {{nobody}}").fill(&values, false).unwrap_err();
        assert_eq!((e.exit(), e.to_string().as_str()), (Exit::Data, "{{nobody}}: there is no such variable"));
        assert_eq!(template("{{break}}").fill_line(&values).unwrap_err().exit(), Exit::Data);
        assert_eq!(template("{{evil}} <a@b>").fill_words(&values).unwrap_err().exit(), Exit::Data);
        assert_eq!(template("{{user}} <a@b>").fill_words(&values).unwrap(), "bob <a@b>");
    }

    #[test]
    fn addresses() {
        let of = |text: &str| {
            let shown = |a: Address| {
                let name = a.name.as_ref().map(|n| format!("{}|", String::from_utf8_lossy(n))).unwrap_or_default();
                format!("{name}{}", String::from_utf8_lossy(&a.spec()))
            };
            template(text).addresses(&values).map(|all| all.into_iter().map(shown).collect::<Vec<_>>())
        };
        assert_eq!(of("{{mail}}").unwrap(), ["bob@example.org"]);
        assert_eq!(of("{{full}}").unwrap(), ["Bob|bob@example.org"]);
        assert_eq!(of("{{name}} <{{mail}}>, a@b").unwrap(), ["Smith, Bob|bob@example.org", "a@b"]);
        assert_eq!(of("{{user}}@{{user}}.example").unwrap(), ["bob@bob.example"]);
        assert_eq!(of("{{evil}} <{{mail}}>").unwrap(), ["x <eve@example.com>, y|bob@example.org"]);
        assert_eq!(of("{{none}}, {{mail}}, {{none}} <{{user}}>").unwrap(), ["bob@example.org", "bob"]);
        assert_eq!(of("\"{{evil}}@{{user}}\"@h").unwrap(), ["\"x <eve@example.com>, y@bob\"@h"]);
        for bad in ["{{evil}}", "a@{{evil}}", "{{break}} <a@b>", "{{nobody}}", "<{{none}}>, {{user}}@{{none}}x@"] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(of("a b@c").unwrap_err().exit(), Exit::Usage);
    }

    proptest! {
        #[test]
        fn no_value_makes_a_second_address_or_line(name in "\\PC{0,20}", local in "[ -~]{1,12}") {
            let values = |which: &str| Some(if which == "n" { name.clone() } else { local.clone() });
            if let Ok(all) = template("{{n}} <{{l}}@example.org>").addresses(&values) {
                prop_assert_eq!(all.len(), 1);
                prop_assert_eq!(&all[0].local, local.as_bytes());
                prop_assert_eq!(&all[0].domain, b"example.org");
            }
        }
    }
}
