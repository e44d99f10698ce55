//! An aliases file (aliases(5), as sendmail and Postfix have it): who gets what is for a local name, [`Aliases`].
//!
//! `name: target, ...` with continuation lines, comments, quoted names and `:include:FILE`. `default` is who gets what is for names that are not
//! in it. Left out on purpose: programs and files as targets, which are errors.

use super::addr::{self, Address};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashSet};

/// How long a chain of aliases may be.
const DEPTH: usize = 100;

/// What an aliases file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    names: BTreeMap<Vec<u8>, Vec<Address>>,
    file: String,
}

/// Gives the text of a file that is included.
pub type Include<'i> = dyn FnMut(&str) -> Result<String> + 'i;

impl Aliases {
    /// Reads the text of the file that is called `file` in errors.
    ///
    /// # Errors
    /// 78 with the line: what is no alias, a target that is none or no address, a name that comes twice; those of `include`.
    pub fn parse(file: &str, text: &str, include: &mut Include<'_>) -> Result<Aliases> {
        let mut aliases = Aliases { names: BTreeMap::new(), file: file.to_owned() };
        for (line, entry) in entries(text) {
            let wrong = |why: String| Error::config(format!("{file}:{line}: {why}"));
            let at = outside_quotes(&entry, ':').next().ok_or_else(|| wrong("no colon behind a name".to_owned()))?;
            let (name, targets) = entry.split_at(at);
            let name = unquoted(name.trim()).to_lowercase();
            if name.is_empty() || name.contains('@') {
                return Err(wrong(format!("{name}: not a local name")));
            }
            let mut all = Vec::new();
            for target in split(targets.get(1..).unwrap_or_default()) {
                match unquoted(target).strip_prefix(":include:") {
                    None => all.extend(addresses(target).map_err(wrong)?),
                    Some(path) => {
                        for (n, line) in include(path.trim())?.lines().enumerate() {
                            let line = line.split('#').next().unwrap_or_default();
                            for target in split(line) {
                                let wrong = |why| Error::config(format!("{path}:{}: {why}", n + 1));
                                all.extend(addresses(target).map_err(wrong)?);
                            }
                        }
                    }
                }
            }
            if all.is_empty() {
                return Err(wrong(format!("{name}: nobody gets it")));
            }
            if aliases.names.insert(name.clone().into_bytes(), all).is_some() {
                return Err(wrong(format!("{name}: this name comes twice")));
            }
        }
        Ok(aliases)
    }

    /// What the file is called.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Looks every name up, as mail to it would: how many there are. `is_local` as in [`Aliases::expand`].
    ///
    /// # Errors
    /// 78: aliases that go in a circle.
    pub fn check(&self, is_local: &dyn Fn(&Address) -> bool) -> Result<usize> {
        let (mut sound, mut path) = (HashSet::new(), Vec::new());
        for name in self.names.keys() {
            self.sound(name, is_local, &mut path, &mut sound)?;
        }
        Ok(self.names.len())
    }

    /// Follows a name's targets, each once for all names.
    fn sound(
        &self,
        name: &[u8],
        is_local: &dyn Fn(&Address) -> bool,
        path: &mut Vec<Vec<u8>>,
        sound: &mut HashSet<Vec<u8>>,
    ) -> Result<()> {
        if sound.contains(name) || path.last().is_some_and(|last| last == name) {
            return Ok(());
        }
        if path.iter().any(|before| before == name) || path.len() >= DEPTH {
            return Err(self.circle(path, name));
        }
        path.push(name.to_vec());
        let local = |target: &&Address| target.domain.is_empty() || is_local(target);
        for target in self.names.get(name).into_iter().flatten().filter(local) {
            if let Some((next, _)) = self.find(target, path) {
                self.sound(&next, is_local, path, sound)?;
            }
        }
        path.pop();
        sound.insert(name.to_vec());
        Ok(())
    }

    fn circle(&self, path: &[Vec<u8>], name: &[u8]) -> Error {
        let names: Vec<_> = path.iter().map(Vec::as_slice).chain([name]).map(String::from_utf8_lossy).collect();
        Error::config(format!("{}: aliases in a circle: {}", self.file, names.join(" -> ")))
    }

    /// Who gets what is for these, each once and in order; `is_local` says whose names are looked up. An alias of itself is that name and not
    /// looked up again.
    ///
    /// # Errors
    /// 78: aliases that go in a circle.
    pub fn expand(&self, all: Vec<Address>, is_local: &dyn Fn(&Address) -> bool) -> Result<Vec<Address>> {
        let (mut out, mut done) = (Vec::new(), HashSet::new());
        for address in all {
            self.one(address, is_local, &mut Vec::new(), &mut done, &mut out)?;
        }
        Ok(super::outgoing::each_once(out))
    }

    fn one(
        &self,
        address: Address,
        is_local: &dyn Fn(&Address) -> bool,
        path: &mut Vec<Vec<u8>>,
        done: &mut HashSet<Vec<u8>>,
        out: &mut Vec<Address>,
    ) -> Result<()> {
        let local = address.domain.is_empty() || is_local(&address);
        let found = if local { self.find(&address, path) } else { None };
        let Some((name, targets)) = found.filter(|(name, _)| path.last() != Some(name)) else {
            out.push(address);
            return Ok(());
        };
        if path.contains(&name) || path.len() >= DEPTH {
            return Err(self.circle(path, &name));
        }
        path.push(name.clone());
        if done.insert(name) {
            for target in targets {
                self.one(target.clone(), is_local, path, done, out)?;
            }
        }
        path.pop();
        Ok(())
    }

    /// The alias of an address, `+detail` dropped if need be.
    fn find(&self, address: &Address, path: &[Vec<u8>]) -> Option<(Vec<u8>, &Vec<Address>)> {
        let whole = String::from_utf8_lossy(&address.local).to_lowercase().into_bytes();
        let bare = whole.split(|b| *b == b'+').next().unwrap_or_default().to_vec();
        let default = if path.is_empty() { b"default".to_vec() } else { Vec::new() };
        [whole, bare, default].into_iter().find_map(|name| self.names.get(&name).map(|targets| (name, targets)))
    }
}

/// Logical lines with the numbers of their first ones; comments and empty ones left out.
fn entries(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    for (n, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match all.last_mut() {
            Some((_, last)) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => all.push((n + 1, line.to_owned())),
        }
    }
    all
}

/// Where this character stands outside of quotes.
fn outside_quotes(text: &str, wanted: char) -> impl Iterator<Item = usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter_map(move |(at, c)| {
        let was = std::mem::take(&mut escaped);
        match c {
            '\\' if quoted && !was => escaped = true,
            '"' if !was => quoted = !quoted,
            c if c == wanted && !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// Targets between commas.
fn split(text: &str) -> Vec<&str> {
    let mut start = 0;
    let ends: Vec<usize> = outside_quotes(text, ',').chain([text.len()]).collect();
    let mut all = Vec::new();
    for end in ends {
        all.push(text.get(start..end).unwrap_or_default().trim());
        start = end + 1;
    }
    all.retain(|target| !target.is_empty());
    all
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// The address that a target is.
fn addresses(target: &str) -> Result<Option<Address>, String> {
    if unquoted(target).starts_with(['|', '/']) {
        return Err(format!("{target}: programs and files are no targets here"));
    }
    if unquoted(target).starts_with(':') {
        return Err(format!("{target}: not known here"));
    }
    // sendmail's way to say that this name is not to be looked up again.
    let target = target.strip_prefix('\\').unwrap_or(target);
    addr::parse_strict(target).map(Some).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Aliases> {
        Aliases::parse("f", text, &mut |path| match path {
            "/list" => Ok("a@x # comment\n\nb@x, c@x\n".to_owned()),
            path => Err(Error::no_input(path)),
        })
    }

    fn expand(text: &str, of: &str) -> Result<String> {
        let all = of.split(' ').map(|a| addr::parse_strict(a).unwrap()).collect();
        let local = |a: &Address| a.domain == b"localhost";
        let out = parse(text)?.expand(all, &local)?;
        Ok(out.iter().map(|a| String::from_utf8(a.spec()).unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn names_become_those_who_get_it() {
        let file = "# aliases\nroot: admin, ops@example.org\nAdmin:\n  Bob Smith <bob@example.org>,\n\t\"odd name\"@example.org\n\
            list: :include:/list\n\"with,comma\": x@y\nself: self, copy@x\nkept: \\kept\n";
        for (of, expect) in [
            ("root", "bob@example.org \"odd name\"@example.org ops@example.org"),
            ("ROOT@localhost", "bob@example.org \"odd name\"@example.org ops@example.org"),
            ("root+detail", "bob@example.org \"odd name\"@example.org ops@example.org"),
            ("root@example.com nobody", "root@example.com nobody"),
            ("list", "a@x b@x c@x"),
            ("self", "self copy@x"),
            ("kept", "kept"),
            ("\"with,comma\"", "x@y"),
            ("admin root", "bob@example.org \"odd name\"@example.org ops@example.org"),
        ] {
            assert_eq!(expand(file, of).unwrap(), expect, "{of}");
        }
        let default = "root: a@x\ndefault: b@x, nobody\n";
        assert_eq!(expand(default, "root who who2").unwrap(), "a@x b@x nobody");
        assert_eq!(expand("default: x@y", "a@z").unwrap(), "a@z");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, says) in [
            ("\nroot bob\n", "f:2: no colon"),
            ("a: b\nroot: |/bin/cat\n", "f:2: |/bin/cat: programs and files"),
            ("root: \"|cat x, y\"\n", "f:1: \"|cat x, y\": programs"),
            ("root: b@x,\n /dev/null\n", "f:1: /dev/null: programs"),
            ("root: a b@c\n", "f:1: "),
            ("root:\n", "nobody gets it"),
            ("a@b: c\n", "not a local name"),
            ("a: b\nA: c\n", "f:2: a: this name comes twice"),
            ("a: :fail: x\n", "not known here"),
            ("a: b\nb: c\nc: a\n", "f: aliases in a circle: a -> b -> c -> a"),
        ] {
            let e = expand(text, "a").unwrap_err();
            assert!(e.exit().code() == 78 && e.to_string().contains(says), "{text:?}: {e}");
        }
        assert_eq!(expand("a: :include:/none", "a").unwrap_err().exit().code(), 66);
        for (text, circle) in [
            ("x: y\na: b\nb: c@d, c\nc: a\n", Some("a -> b -> c -> a")),
            ("a: a, b\nb: x@y\nc: b, b\n", None),
            ("A: B\nb: a@localhost\n", Some("a -> b -> a")),
        ] {
            match (parse(text).unwrap().check(&|a| a.domain == b"localhost"), circle) {
                (Ok(count), None) => assert_eq!(count, 3),
                (Err(e), Some(circle)) => assert_eq!(e.to_string(), format!("f: aliases in a circle: {circle}")),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
        let long: String = (0..500).map(|n| format!("a{n}: a{}\n", n + 1)).collect();
        assert!(expand(&long, "a0").is_err());
        // Each is looked at once, however often it is named.
        let wide: String = (0..60).map(|n| format!("a{n}: a{m}, a{m}, x{n}@y\n", m = n + 1)).collect();
        assert_eq!(expand(&wide, "a0").unwrap().split(' ').count(), 61);
    }
}
