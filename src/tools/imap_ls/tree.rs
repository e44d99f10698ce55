//! `--tree`: folders below each other, as people draw them.

use std::collections::BTreeMap;

/// A name that goes deeper has the rest of it in one line.
const LEVELS: usize = 100;

/// The lines of a tree: what is shown, and which of the names it is. A branch that is no folder itself has none. `names` come with what
/// separates their levels; who comes first stays first among its siblings.
pub(super) fn rows<'n>(names: impl Iterator<Item = (&'n str, Option<char>)>) -> Vec<(String, Option<usize>)> {
    let mut nodes: Vec<Node<'n>> = vec![Node::default()];
    for (at, (name, delimiter)) in names.enumerate() {
        let mut node = 0;
        let parts: Vec<&str> = delimiter.map_or_else(|| vec![name], |d| name.splitn(LEVELS, d).collect());
        for part in parts {
            let next = nodes.len();
            let Some(parent) = nodes.get_mut(node) else { break };
            node = *parent.places.entry(part).or_insert(next);
            if node == next {
                parent.below.push(next);
                nodes.push(Node { name: part, ..Node::default() });
            }
        }
        if let Some(node) = nodes.get_mut(node) {
            node.at.get_or_insert(at);
        }
    }
    let mut rows = Vec::new();
    // What is still to be drawn, the last first: a node, the lines to the left of what is below it, and its own.
    let mut left = vec![(0, String::new(), String::new())];
    while let Some((place, under, line)) = left.pop() {
        let Some(node) = nodes.get(place) else { continue };
        let root = place == 0;
        if !root {
            rows.push((line, node.at));
        }
        let last = node.below.last();
        for below in node.below.iter().rev() {
            let name = nodes.get(*below).map(|node| node.name).unwrap_or_default();
            let (branch, more) = match (root, Some(below) == last) {
                (true, _) => ("", ""),
                (false, true) => ("└── ", "    "),
                (false, false) => ("├── ", "│   "),
            };
            left.push((*below, format!("{under}{more}"), format!("{under}{branch}{name}")));
        }
    }
    rows
}

#[derive(Default)]
struct Node<'n> {
    name: &'n str,
    at: Option<usize>,
    places: BTreeMap<&'n str, usize>,
    below: Vec<usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_for_people() {
        let names = ["INBOX", "Lists", "Lists/rust", "Lists/rust/old", "Lists/zsh", "Work/2024", "a.b", "Lists"];
        let drawn = rows(names.iter().map(|name| (*name, Some('/'))));
        let lines: Vec<String> = drawn.iter().map(|(line, at)| format!("{line} {at:?}")).collect();
        let expected = [
            "INBOX Some(0)",
            "Lists Some(1)",
            "├── rust Some(2)",
            "│   └── old Some(3)",
            "└── zsh Some(4)",
            "Work None",
            "└── 2024 Some(5)",
            "a.b Some(6)",
        ];
        assert_eq!(lines, expected);
        assert_eq!(rows([("a/b", None)].into_iter()), [("a/b".to_owned(), Some(0))]);
        assert!(rows(std::iter::empty()).is_empty());
        // However deep a server's names go.
        let deep = "x/".repeat(30_000);
        let drawn = rows([(deep.as_str(), Some('/'))].into_iter());
        assert_eq!((drawn.len(), drawn.iter().filter(|(_, at)| at.is_some()).count()), (LEVELS, 1));
    }
}
