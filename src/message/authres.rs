//! Reading `Authentication-Results` (RFC 8601): [`parse`]. What it says is worth as much as the server that wrote it: fields with that
//! server's name, which come from outside, are to be removed by it.
//!
//! Left out: comments (they are skipped), and whether a method or result is registered.

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Who says it.
    pub server: String,
    /// The version, if it is given.
    pub version: Option<String>,
    /// What it says; nothing for `none`.
    pub results: Vec<Outcome>,
}

/// What one method found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `dkim`, lower case.
    pub method: String,
    /// `pass`, lower case.
    pub result: String,
    /// `reason=`
    pub reason: Option<String>,
    /// `header.d` and its value, in order.
    pub properties: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Equals,
    Semicolon,
}

/// Reads a field's value, folded or not; `None` if it names no server.
#[must_use]
pub fn parse(value: &[u8]) -> Option<Results> {
    let tokens = tokens(&String::from_utf8_lossy(value));
    let mut statements = tokens.split(|token| *token == Token::Semicolon);
    let mut head = statements.next()?.iter().filter_map(text);
    let server = head.next()?.to_owned();
    let version = head.next().map(str::to_owned);
    let results = statements.filter_map(outcome).collect();
    Some(Results { server, version, results })
}

fn text(token: &Token) -> Option<&str> {
    match token {
        Token::Text(text) => Some(text),
        _ => None,
    }
}

/// `dkim/1=pass reason="x" header.d=example.org`
fn outcome(tokens: &[Token]) -> Option<Outcome> {
    let mut pairs = Vec::new();
    let mut rest = tokens;
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (Token::Text(name), [Token::Equals, Token::Text(value), more @ ..]) => {
                pairs.push((name.to_ascii_lowercase(), value.clone()));
                rest = more;
            }
            _ => rest = after,
        }
    }
    let mut pairs = pairs.into_iter();
    let (method, result) = pairs.next()?;
    let method = method.split('/').next().unwrap_or_default().trim().to_owned();
    let mut out = Outcome { method, result: result.to_ascii_lowercase(), ..Outcome::default() };
    for (name, value) in pairs {
        match name.as_str() {
            "reason" if out.reason.is_none() => out.reason = Some(value),
            _ => out.properties.push((name, value)),
        }
    }
    Some(out)
}

/// Words, quoted strings without their quotes, `=` and `;`; blanks and comments are left out. Behind the first `=` of a word a
/// value may hold more of them, as base64 does.
fn tokens(value: &str) -> Vec<Token> {
    let (mut all, mut word) = (Vec::new(), String::new());
    let mut chars = value.chars().peekable();
    let end = |word: &mut String, all: &mut Vec<Token>| {
        if !word.is_empty() {
            all.push(Token::Text(std::mem::take(word)));
        }
    };
    let mut depth = 0usize;
    while let Some(c) = chars.next() {
        match c {
            '\\' if depth > 0 => _ = chars.next(),
            '(' => {
                end(&mut word, &mut all);
                depth += 1;
            }
            ')' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            '"' => {
                end(&mut word, &mut all);
                let mut quoted = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    quoted.extend(if c == '\\' { chars.next() } else { Some(c) });
                }
                // A quoted local part goes on with its domain.
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !matches!(c, ';' | '(')) {
                    quoted.push(c);
                }
                all.push(Token::Text(quoted));
            }
            ';' => {
                end(&mut word, &mut all);
                all.push(Token::Semicolon);
            }
            '=' if !word.is_empty() && all.last() != Some(&Token::Equals) => {
                end(&mut word, &mut all);
                all.push(Token::Equals);
            }
            '=' if word.is_empty() && matches!(all.last(), Some(Token::Text(_))) => all.push(Token::Equals),
            c if c.is_whitespace() => end(&mut word, &mut all),
            c => word.push(c),
        }
    }
    end(&mut word, &mut all);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(value: &str) -> String {
        let read = parse(value.as_bytes()).unwrap();
        let each = |o: &Outcome| {
            let reason = o.reason.as_ref().map(|r| format!(" because {r}")).unwrap_or_default();
            let properties: String = o.properties.iter().map(|(name, value)| format!(" {name}:{value}")).collect();
            format!("{} {}{reason}{properties}", o.method, o.result)
        };
        format!("{} | {}", read.server, read.results.iter().map(each).collect::<Vec<_>>().join(" | "))
    }

    /// RFC 8601 appendix B.
    #[test]
    fn examples_of_the_rfc() {
        assert_eq!(one("example.org 1; none"), "example.org | ");
        assert_eq!(
            one("example.com;\r\n    spf=pass smtp.mailfrom=example.net"),
            "example.com | spf pass smtp.mailfrom:example.net"
        );
        assert_eq!(
            one(
                "example.com;\n auth=pass (cram-md5) smtp.auth=sender@example.net;\n spf=fail smtp.mailfrom=example.net"
            ),
            "example.com | auth pass smtp.auth:sender@example.net | spf fail smtp.mailfrom:example.net"
        );
        assert_eq!(
            one(
                "example.com; dkim=pass reason=\"good signature\"\n header.i=@mail-router.example.net; dkim=fail reason=\"bad; (signature)\" header.i=@newyork.example.com"
            ),
            "example.com | dkim pass because good signature header.i:@mail-router.example.net | dkim fail because bad; (signature) header.i:@newyork.example.com"
        );
        assert_eq!(
            one(
                "foo.example.net (foobar) 1 (baz);\n dkim (Because I like it) / 1 (One yay) = (wait for it) fail\n policy (A dot can go here) .expired\n (this surprised me) = (as I wasn't expecting it) 1362471462"
            ),
            "foo.example.net | 1 fail expired:1362471462".replace("1 fail expired", "1 fail .expired")
        );
    }

    #[test]
    fn values_of_all_kinds() {
        assert_eq!(one("a; dkim=pass header.b=\"ab==\" header.s=x"), "a | dkim pass header.b:ab== header.s:x");
        assert_eq!(one("a; dkim=pass header.b=ab=="), "a | dkim pass header.b:ab==");
        assert_eq!(one("a; spf=pass smtp.mailfrom=\"b c\"@d"), "a | spf pass smtp.mailfrom:b c@d");
        assert_eq!(parse(b" ; spf=pass"), None);
        assert_eq!(one(&format!("a; spf=pass {}", "(".repeat(100_000))), "a | spf pass");
    }

    proptest! {
        #[test]
        fn any_text_is_read(value in "[a-z=;().\"\\\\ \n]{0,80}") {
            let _ = parse(value.as_bytes());
        }
    }
}
