//! Several accounts in one run, some at a time.

use super::args::Common;
use super::connect::Reach;
use crate::error::{Error, Result};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Does `work` for each of `items`, `jobs` of them at a time; what each came to, in order.
pub fn each<T: Sync, R: Send>(jobs: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.min(items.len()) {
            // Fewer threads than were asked for do the same work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, worker);
        }
        worker();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

impl Reach {
    /// Another one with what is left of the time, which shares nothing with this one but the trace.
    ///
    /// # Errors
    /// 75: the time is up; as [`Reach::new`].
    pub fn beside(&self, program: &'static str, common: &Common) -> Result<Reach> {
        let mut common = common.clone();
        common.trace = None;
        if common.timeout.is_some() {
            let left = self.whole().left().filter(|left| !left.is_zero());
            common.timeout = Some(left.ok_or_else(|| Error::temporary("the time is up"))?);
        }
        let reach = Reach::new(program, &common)?;
        Ok(match self.trace() {
            Some(trace) => reach.with_trace(trace.clone()),
            None => reach,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn each_once_and_in_order() {
        let items: Vec<u32> = (0..50).collect();
        let squares: Vec<u32> = items.iter().map(|n| n * n).collect();
        for jobs in [0, 1, 3, 64] {
            assert_eq!(each(jobs, &items, |n| n * n), squares);
        }
        assert!(each(4, &[0; 0], |n| *n).is_empty());
    }
}
