//! Faults: lines that are cut at any byte, system calls that fail, full disks, signals at any system call, hostile clients.
//!
//! The loops take samples. `PIPEPOST_FAULTS=all` takes every step, `PIPEPOST_FAULTS=N` only step N, to replay one that failed;
//! `PIPEPOST_SEED=N` takes other samples.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "faults/cut.rs"]
mod cut;
#[path = "faults/failing.rs"]
mod failing;
#[path = "faults/full.rs"]
mod full;
#[path = "faults/history.rs"]
mod history;
#[path = "faults/hostile.rs"]
mod hostile;
#[path = "faults/killed.rs"]
mod killed;
#[path = "faults/maildrop.rs"]
mod maildrop;
#[path = "faults/modes.rs"]
mod modes;
#[path = "faults/moved.rs"]
mod moved;
#[path = "faults/order.rs"]
mod order;
#[path = "queue/peer.rs"]
mod peer;
#[path = "faults/proxy.rs"]
mod proxy;
#[path = "faults/queued.rs"]
mod queued;
#[path = "faults/served.rs"]
mod served;
#[path = "faults/strace.rs"]
mod strace;
#[path = "faults/taken.rs"]
mod taken;

/// Some of the steps 1 to `count`: about `few` of them.
fn steps(count: usize, few: usize) -> Vec<usize> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    if let Some(one) = number("PIPEPOST_FAULTS") {
        return vec![one];
    }
    if std::env::var("PIPEPOST_FAULTS").is_ok_and(|all| all == "all") {
        return (1..=count).collect();
    }
    let width = (count / few).max(1);
    let seed = number("PIPEPOST_SEED").unwrap_or(1);
    // One in each stretch, another one in each of them.
    (0..count / width).map(|n| 1 + n * width + (seed * 7 + n * 5) % width).collect()
}
