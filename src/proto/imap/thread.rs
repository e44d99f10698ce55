//! THREAD (RFC 5256): its algorithms, and the response, which is a forest in parentheses. Nothing here is recursive, as a
//! conversation may go deeper than any stack.

use super::lex::{Lex, Parsed, Syntax};
use std::fmt;

/// A threading algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ORDEREDSUBJECT: by base subject.
    OrderedSubject,
    /// REFERENCES: by message IDs, then by base subject.
    References,
}

impl Algorithm {
    /// Reads one.
    ///
    /// # Errors
    /// If it is none of those that are known.
    pub fn parse(l: &mut Lex<'_>) -> Parsed<Algorithm> {
        let at = l.position();
        match l.word().to_ascii_uppercase().as_str() {
            "ORDEREDSUBJECT" => Ok(Algorithm::OrderedSubject),
            "REFERENCES" => Ok(Algorithm::References),
            _ => Err(Syntax::new(at, "unknown threading algorithm")),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::OrderedSubject => "ORDEREDSUBJECT",
            Algorithm::References => "REFERENCES",
        })
    }
}

/// A message in its thread. Each stands before those that are below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// 0: it begins a thread; else one more than its parent's, which is the nearest before it that has less.
    pub depth: u32,
    /// Its sequence number or UID; `None`: a message that is not there joins those below it, of which there are at least two.
    pub number: Option<u32>,
}

/// Writes the forest: ` (2)(3 6 (4 23)(44 7 96))`.
pub(super) fn encode(nodes: &[Node], out: &mut Vec<u8>) {
    let children = children(nodes);
    // The nodes above, with how many children are still to come and whether a parenthesis is open for it.
    let mut above: Vec<(u32, bool)> = Vec::new();
    // The children of the node before, if this is the first of them.
    let mut first: Option<u32> = None;
    if !nodes.is_empty() {
        out.push(b' ');
    }
    for (node, children) in nodes.iter().zip(children) {
        let siblings = first.take();
        if siblings.is_some() && out.last() != Some(&b'(') {
            out.push(b' ');
        }
        // An only child stands in its parent's parentheses.
        let opens = siblings != Some(1);
        if opens {
            out.push(b'(');
        }
        if let Some(number) = node.number {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        above.push((children, opens));
        if children > 0 {
            first = Some(children);
            continue;
        }
        while let Some((0, opened)) = above.last().copied() {
            above.pop();
            if opened {
                out.push(b')');
            }
            if let Some((left, _)) = above.last_mut() {
                *left = left.saturating_sub(1);
            }
        }
    }
}

/// How many children each node has.
fn children(nodes: &[Node]) -> Vec<u32> {
    let mut counts = vec![0u32; nodes.len()];
    let mut above: Vec<(u32, usize)> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        while above.last().is_some_and(|(depth, _)| *depth >= node.depth) {
            above.pop();
        }
        if let Some(count) = above.last().and_then(|(_, parent)| counts.get_mut(*parent)) {
            *count = count.saturating_add(1);
        }
        above.push((node.depth, at));
    }
    counts
}

/// Reads what follows the word THREAD.
///
/// # Errors
/// If it is none.
pub(super) fn parse(l: &mut Lex<'_>) -> Parsed<Vec<Node>> {
    let mut nodes = Vec::new();
    // The depth at which each open parenthesis began; `depth` is that of the next node.
    let mut open: Vec<u32> = Vec::new();
    let mut depth = 0u32;
    let mut fresh = false;
    loop {
        l.sp();
        if l.eat(b'(') {
            if fresh {
                // `((` : the one that joins them is not there.
                nodes.push(Node { depth, number: None });
                depth = depth.saturating_add(1);
            }
            open.push(depth);
            fresh = true;
        } else if l.eat(b')') {
            match open.pop().filter(|_| !fresh) {
                Some(began) => depth = began,
                None => return l.expected("a number"),
            }
        } else if l.at_end() && open.is_empty() {
            return Ok(nodes);
        } else if open.is_empty() {
            return l.expected("\"(\"");
        } else {
            nodes.push(Node { depth, number: Some(l.nz_number()?) });
            depth = depth.saturating_add(1);
            fresh = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Parsed<Vec<Node>> {
        parse(&mut Lex::new(text.as_bytes()))
    }

    fn written(nodes: &[Node]) -> String {
        let mut out = Vec::new();
        encode(nodes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn responses_of_the_rfc() {
        for text in [
            "",
            " (166)(167)(168)(169)(172)(170)(171)(173)(174 (175)(176)(178)(181)(180))(179)(177 (183)(182)(188)(184)(185)(186)(187)(189))(190)(191)(192)(193)(194 195)(196 (197)(198))(199)(200 202)(201)(203)(204)(205)(206 207)(208)",
            " (2)(3 6 (4 23)(44 7 96))",
            " ((3)(5))",
            " (1 (2 (3)(4))(5))",
            " ((1 2)(3 (4)(5)))(6)",
        ] {
            assert_eq!(written(&read(text).unwrap()), text);
        }
        let node = |depth, number| Node { depth, number: Some(number) };
        let nodes = [node(0, 2), node(0, 3), node(1, 6), node(2, 4), node(3, 23), node(2, 44), node(3, 7), node(4, 96)];
        assert_eq!(read("(2)(3 6 (4 23)(44 7 96))").unwrap(), nodes);
        for bad in ["1", "()", "(1", "(1))", "(x)", "(0)", "(1 ())", ")", "(1,2)"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn depth_is_no_matter() {
        let n = 100_000;
        let chain: Vec<Node> = (0..n).map(|i| Node { depth: i, number: Some(i + 1) }).collect();
        assert_eq!(read(&written(&chain)).unwrap(), chain);
        // Each has two children, of which the second has two again.
        let comb: Vec<Node> = (0..n).map(|i| Node { depth: i.div_ceil(2), number: Some(i + 1) }).collect();
        assert_eq!(read(&written(&comb)).unwrap(), comb);
        assert!(read(&"(".repeat(1_000_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_forest_comes_back(shape in proptest::collection::vec((0u32..6, any::<bool>()), 0..30)) {
            let mut nodes: Vec<Node> = Vec::new();
            for (n, (up, dummy)) in (1..).zip(shape) {
                let depth = nodes.last().map_or(0, |last| (last.depth + 1).saturating_sub(up));
                nodes.push(Node { depth, number: (!dummy || depth > 0).then_some(n) });
            }
            // A dummy without two children is none.
            let counts = children(&nodes);
            for (node, count) in nodes.iter_mut().zip(counts) {
                node.number = node.number.or((count < 2).then_some(99));
            }
            prop_assert_eq!(read(&written(&nodes)), Ok(nodes));
        }
    }
}
