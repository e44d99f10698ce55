//! [`Links`]: who is whose parent, where parents change and "would this be a loop?" must be answered fast.
//!
//! The link-cut trees of Sleator and Tarjan (1983): each question takes logarithmic time on average, however deep the trees are. Left out:
//! all that threading does not need (making another node the root, sums over paths).

/// No node.
pub(super) const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Its real parent.
    parent: u32,
    /// The tree that keeps the path it is on; `up` of the topmost one is where the path hangs from.
    up: u32,
    left: u32,
    right: u32,
}

/// A forest; nodes are numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Node>);

impl Links {
    /// A new node without parent.
    pub(super) fn add(&mut self) -> u32 {
        let number = u32::try_from(self.0.len()).unwrap_or(NONE);
        self.0.push(Node { parent: NONE, up: NONE, left: NONE, right: NONE });
        number
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, n: u32) -> Node {
        let none = Node { parent: NONE, up: NONE, left: NONE, right: NONE };
        self.0.get(n as usize).copied().unwrap_or(none)
    }

    fn set(&mut self, n: u32, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.0.get_mut(n as usize) {
            change(node);
        }
    }

    /// Its parent, or [`NONE`].
    pub(super) fn parent(&self, n: u32) -> u32 {
        self.get(n).parent
    }

    /// Gives `child`, which has no parent, this one, unless that would be a loop.
    pub(super) fn link(&mut self, child: u32, parent: u32) {
        if self.root(parent) == child {
            return;
        }
        self.expose(child);
        self.set(child, |c| (c.parent, c.up) = (parent, parent));
    }

    /// Takes `child` from its parent.
    pub(super) fn cut(&mut self, child: u32) {
        self.expose(child);
        let above = self.get(child).left;
        self.set(above, |a| a.up = NONE);
        self.set(child, |c| (c.parent, c.left) = (NONE, NONE));
    }

    /// The oldest ancestor.
    pub(super) fn root(&mut self, n: u32) -> u32 {
        self.expose(n);
        let mut at = n;
        while self.get(at).left != NONE {
            at = self.get(at).left;
        }
        self.splay(at);
        at
    }

    /// Puts the path from the root to `n`, and nothing below, into one tree with `n` on top.
    fn expose(&mut self, n: u32) {
        let (mut at, mut below) = (n, NONE);
        while at != NONE {
            self.splay(at);
            self.set(at, |a| a.right = below);
            below = at;
            at = self.get(at).up;
        }
        self.splay(n);
    }

    fn is_top(&self, n: u32) -> bool {
        let up = self.get(self.get(n).up);
        up.left != n && up.right != n
    }

    fn splay(&mut self, n: u32) {
        while !self.is_top(n) {
            let up = self.get(n).up;
            if !self.is_top(up) {
                let top = self.get(self.get(up).up);
                let straight = (top.left == up) == (self.get(up).left == n);
                self.rotate(if straight { up } else { n });
            }
            self.rotate(n);
        }
    }

    /// Turns `n` and the node above it around.
    fn rotate(&mut self, n: u32) {
        let up = self.get(n).up;
        let top = self.get(up).up;
        if self.get(top).left == up {
            self.set(top, |t| t.left = n);
        } else if self.get(top).right == up {
            self.set(top, |t| t.right = n);
        }
        let inner = if self.get(up).left == n {
            let inner = self.get(n).right;
            self.set(up, |u| u.left = inner);
            self.set(n, |x| x.right = up);
            inner
        } else {
            let inner = self.get(n).left;
            self.set(up, |u| u.right = inner);
            self.set(n, |x| x.left = up);
            inner
        };
        self.set(inner, |i| i.up = up);
        self.set(up, |u| u.up = n);
        self.set(n, |x| x.up = top);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_plain_parents_do(steps in proptest::collection::vec((0u32..12, 0u32..12, any::<bool>()), 0..80)) {
            let mut links = Links::default();
            let mut plain = [NONE; 12];
            for _ in 0..12 {
                links.add();
            }
            for (child, parent, link) in steps {
                let root = |plain: &[u32; 12], mut n: u32| {
                    while plain[n as usize] != NONE {
                        n = plain[n as usize];
                    }
                    n
                };
                if !link || plain[child as usize] != NONE {
                    links.cut(child);
                    plain[child as usize] = NONE;
                }
                if link {
                    links.link(child, parent);
                    if root(&plain, parent) != child {
                        plain[child as usize] = parent;
                    }
                }
                for n in 0..12 {
                    prop_assert_eq!(links.parent(n), plain[n as usize]);
                    prop_assert_eq!(links.root(n), root(&plain, n));
                }
            }
        }
    }
}
