use super::*;
use proptest::prelude::*;

/// ID, references, subject, date: one message.
fn entry(id: &str, references: &str, subject: &str, date: i64) -> Entry {
    let mut text = format!("Subject: {subject}\n");
    if !id.is_empty() {
        text.push_str(&format!("Message-ID: <{id}@x>\n"));
    }
    let references: Vec<String> = references.split_whitespace().map(|r| format!("<{r}@x>")).collect();
    if !references.is_empty() {
        text.push_str(&format!("References: {}\n", references.join("\n\t")));
    }
    Entry::of(&Header::parse(text.into_bytes()), date)
}

/// `(1 2)(_ (3)(4))`: numbers from 1, `_` a dummy, every message with more than one child in front of their parentheses.
fn shown(threads: &[Threaded]) -> String {
    let mut out = String::new();
    for node in threads {
        if !out.is_empty() {
            out.push(' ');
        }
        let name = node.at.map_or("_".to_owned(), |at| (at + 1).to_string());
        out.push_str(&format!("{}{name}", ".".repeat(node.depth as usize)));
    }
    out
}

fn references(entries: &[(&str, &str, &str, i64)]) -> String {
    let entries: Vec<Entry> = entries.iter().map(|(id, refs, subject, date)| entry(id, refs, subject, *date)).collect();
    shown(&by_references(&entries))
}

#[test]
fn references_make_threads() {
    for (entries, threads) in [
        (&[][..], ""),
        (&[("a", "", "x", 1), ("b", "a", "Re: x", 2), ("c", "a b", "Re: x", 3)], "1 .2 ..3"),
        // Replies that came before what they reply to; dates decide between siblings.
        (&[("c", "a b", "Re: x", 3), ("b", "a", "Re: x", 2), ("a", "", "x", 1)], "3 .2 ..1"),
        (&[("a", "", "x", 1), ("c", "a", "y", 3), ("b", "a", "z", 2)], "1 .3 .2"),
        // A message that is not there joins two, but not one.
        (&[("b", "a", "x", 1), ("c", "a", "y", 2)], "_ .1 .2"),
        (&[("c", "a b", "x", 1)], "1"),
        (&[("a", "", "x", 1), ("d", "a b c", "x", 2)], "1 .2"),
        (&[("r", "", "x", 1), ("c", "r a", "y", 2), ("d", "r a", "z", 3)], "1 .2 .3"),
        // Loops.
        (&[("a", "b", "x", 1), ("b", "a", "y", 2)], "2 .1"),
        (&[("a", "a", "x", 1)], "1"),
        // Who has the ID: the first.
        (&[("a", "", "x", 1), ("a", "", "y", 2), ("b", "a", "z", 3)], "1 .3 2"),
        (&[("", "", "x", 2), ("", "", "y", 1)], "2 1"),
        // One subject: replies go below what they reply to, others below a dummy.
        (&[("a", "", "x", 1), ("b", "", "Re: X", 2)], "1 .2"),
        (&[("a", "", "Re: x", 1), ("b", "", "x", 2)], "2 .1"),
        (&[("a", "", "x", 1), ("b", "", "x", 2)], "_ .1 .2"),
        (&[("a", "", "x", 1), ("b", "", "x", 2), ("c", "", "re: x", 0)], "_ .1 ..3 .2"),
        (&[("a", "", "Re: x", 1), ("b", "", "Re: x", 2), ("c", "", "re: x", 0)], "_ .3 .1 .2"),
        (&[("b", "a", "x", 1), ("c", "a", "x", 2), ("d", "", "Re: x", 0)], "_ .3 .1 .2"),
        (&[("b", "a", "x", 1), ("c", "a", "x", 5), ("e", "d", "x", 2), ("f", "d", "x", 3)], "_ .1 .3 .4 .2"),
        (&[("a", "", "", 1), ("b", "", "Re:", 2)], "1 2"),
    ] {
        assert_eq!(references(entries), threads, "{entries:?}");
    }
}

#[test]
fn ids_are_read_as_they_are_meant() {
    let of = |text: &str| Entry::of(&Header::parse(text.as_bytes().to_vec()), 0);
    let plain = of("Message-ID: <a.b@c>");
    assert_eq!(of("Message-ID: (x) <\"a.b\"@c>").id, plain.id);
    assert_eq!(of("Message-ID: < a.b\n @c >").id, plain.id);
    assert_ne!(of("Message-ID: <A.b@c>").id, plain.id);
    assert_eq!(of("Message-ID: <>").id, None);
    assert_eq!(of("Message-ID: nothing").id, None);
    assert_eq!(of("In-Reply-To: Your message of <a.b@c> and <x@y>").references, [plain.id.unwrap()]);
    assert_eq!(of("References: <a.b@c>\nIn-Reply-To: <x@y>").references, [plain.id.unwrap()]);
    assert_eq!(of("References: none\nIn-Reply-To: <a.b@c>").references, [plain.id.unwrap()]);
    assert_eq!(of("Date: Thu, 1 Jan 1970 00:01:00 +0000").sent, 60);
    let many: String = (0..1000).map(|n| format!("<{n}@x>")).collect();
    let many = of(&format!("References: {many}")).references;
    let first = of("Message-ID: <0@x>").id.unwrap();
    assert_eq!((many.len(), many[0]), (REFERENCES, first));
    assert_eq!(many.last().copied(), of("Message-ID: <999@x>").id);
    assert_eq!(many.get(1).copied(), of("Message-ID: <901@x>").id);
    let _ = of(&format!("References: {}", "<".repeat(500_000)));
    let _ = of(&format!("References: {}", "<>".repeat(400_000)));
}

#[test]
fn subjects_make_threads() {
    let entries = [
        entry("", "", "b", 5),
        entry("", "", "a", 3),
        entry("", "", "Re: B", 1),
        entry("", "", "fwd: b", 9),
        entry("", "", "re: a", 2),
        entry("", "", "c", 3),
    ];
    assert_eq!(shown(&by_subject(&entries)), "3 .1 .4 5 .2 6");
    assert_eq!(by_subject(&[]), []);
}

#[test]
fn chains_of_a_hundred_thousand() {
    let n = 100_000usize;
    let chain = |order: &dyn Fn(usize) -> usize| -> Vec<Entry> {
        let one = |i: usize| entry(&i.to_string(), &i.saturating_sub(1).to_string(), "x", 1);
        (0..n).map(|i| one(order(i))).collect()
    };
    for entries in [chain(&|i| i), chain(&|i| n - 1 - i), chain(&|i| (i * 7919) % n)] {
        let threads = by_references(&entries);
        assert_eq!(threads.len(), n);
        assert_eq!(threads.last().unwrap().depth as usize, n - 1);
    }
    // Everybody refers to everybody before.
    let window = |i: usize| (i.saturating_sub(99)..i).map(|r| r.to_string()).collect::<Vec<_>>().join(" ");
    let entries: Vec<Entry> = (0..5000).map(|i| entry(&i.to_string(), &window(i), "x", 1)).collect();
    assert_eq!(by_references(&entries).last().unwrap().depth, 4999);
}

/// The RFC word by word, in no hurry.
fn slowly(entries: &[Entry]) -> Vec<Threaded> {
    let mut ids: Vec<Option<Digest>> = Vec::new();
    let mut messages: Vec<Option<usize>> = Vec::new();
    let mut parents: Vec<Option<usize>> = Vec::new();
    let is_below = |parents: &[Option<usize>], mut n: usize, top: usize| loop {
        if n == top {
            return true;
        }
        match parents[n] {
            Some(p) => n = p,
            None => return false,
        }
    };
    for (at, entry) in entries.iter().enumerate() {
        let mut find = |id: Digest, messages: &mut Vec<Option<usize>>, parents: &mut Vec<Option<usize>>| {
            ids.resize(messages.len(), None);
            ids.iter().position(|i| *i == Some(id)).unwrap_or_else(|| {
                ids.push(Some(id));
                messages.push(None);
                parents.push(None);
                ids.len() - 1
            })
        };
        let named = entry.id.map(|id| find(id, &mut messages, &mut parents)).filter(|n| messages[*n].is_none());
        let node = named.unwrap_or_else(|| {
            messages.push(None);
            parents.push(None);
            messages.len() - 1
        });
        messages[node] = Some(at);
        let mut last = None;
        for id in &entry.references {
            let next = find(*id, &mut messages, &mut parents);
            if let Some(last) = last
                && parents[next].is_none()
                && !is_below(&parents, last, next)
            {
                parents[next] = Some(last);
            }
            last = Some(next);
        }
        parents[node] = None;
        if let Some(last) = last.filter(|last| !is_below(&parents, *last, node)) {
            parents[node] = Some(last);
        }
    }
    let children = |parents: &[Option<usize>], alive: &[bool], of: Option<usize>| -> Vec<usize> {
        (0..parents.len()).filter(|n| alive[*n] && parents[*n] == of).collect()
    };
    let mut alive = vec![true; parents.len()];
    loop {
        let mut changed = false;
        for n in 0..parents.len() {
            let below = children(&parents, &alive, Some(n));
            if alive[n] && messages[n].is_none() && (below.is_empty() || parents[n].is_some() || below.len() == 1) {
                for child in below {
                    parents[child] = parents[n];
                }
                alive[n] = false;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let own = |at: usize| (entries[at].sent, at);
    let first = |messages: &[Option<usize>], parents: &[Option<usize>], alive: &[bool], n: usize| {
        messages[n].or_else(|| {
            let below = children(parents, alive, Some(n));
            below.into_iter().map(|c| own(messages[c].unwrap())).min().map(|(_, at)| at)
        })
    };
    let mut roots = children(&parents, &alive, None);
    roots.sort_by_key(|n| own(first(&messages, &parents, &alive, *n).unwrap()));
    let mut table: Vec<(Digest, usize)> = Vec::new();
    for &root in &roots {
        let e = &entries[first(&messages, &parents, &alive, root).unwrap()];
        let Some(subject) = e.subject else { continue };
        match table.iter_mut().find(|(s, _)| *s == subject) {
            None => table.push((subject, root)),
            Some((_, was)) => {
                if let Some(at) = messages[*was]
                    && (messages[root].is_none() || entries[at].reply && !e.reply)
                {
                    *was = root;
                }
            }
        }
    }
    for root in roots {
        if parents[root].is_some() {
            continue;
        }
        let e = &entries[first(&messages, &parents, &alive, root).unwrap()];
        let Some(subject) = e.subject else { continue };
        let Some((_, other)) = table.iter_mut().find(|(s, _)| *s == subject) else { continue };
        if *other == root {
            continue;
        }
        match (messages[root], messages[*other]) {
            (None, None) => {
                for child in children(&parents, &alive, Some(root)) {
                    parents[child] = Some(*other);
                }
                alive[root] = false;
            }
            (Some(_), None) => parents[root] = Some(*other),
            (_, Some(at)) if e.reply && !entries[at].reply => parents[root] = Some(*other),
            _ => {
                messages.push(None);
                parents.push(None);
                alive.push(true);
                let dummy = messages.len() - 1;
                parents[root] = Some(dummy);
                parents[*other] = Some(dummy);
                *other = dummy;
            }
        }
    }
    let mut out = Vec::new();
    let mut todo = vec![(None, 0)];
    while let Some((n, depth)) = todo.pop() {
        if let Some(n) = n {
            out.push(Threaded { depth: depth - 1, at: messages[n] });
        }
        let mut below = children(&parents, &alive, n);
        below.sort_by_key(|c| own(first(&messages, &parents, &alive, *c).unwrap()));
        todo.extend(below.into_iter().rev().map(|c| (Some(c), depth + 1)));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn the_same_as_the_rfc_says(messages in proptest::collection::vec(
        ("[a-h]?", proptest::collection::vec("[a-h]", 0..4), prop_oneof![Just("x"), Just("Re: x"), Just("y"), Just("z"), Just("re: z"), Just("")], 0i64..4),
        0..9,
    )) {
        let entries: Vec<Entry> =
            messages.iter().map(|(id, refs, subject, date)| entry(id, &refs.join(" "), subject, *date)).collect();
        prop_assert_eq!(shown(&by_references(&entries)), shown(&slowly(&entries)));
    }
}
