//! Several sinks as one, and what a killed program has left in them.

use super::{About, Receipt, Sink};
use crate::error::Result;

/// Several sinks as one: a message is delivered when every one of them has it.
pub struct Every {
    sinks: Vec<Box<dyn Sink>>,
    /// What the next message is in already.
    next: Option<Found>,
    /// The current one, and what it is in already.
    reference: String,
    current: Found,
    ended: Vec<(String, Found)>,
}

/// Which targets have a message already, by their order: the plan and the place there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found(Vec<Option<(Vec<u8>, String)>>);

impl Found {
    /// The places, if that is all of them.
    #[must_use]
    pub fn everywhere(&self) -> Option<Vec<String>> {
        self.0.iter().map(|found| found.as_ref().map(|(_, place)| place.clone())).collect()
    }

    fn at(&self, n: usize) -> Option<&(Vec<u8>, String)> {
        self.0.get(n).and_then(Option::as_ref)
    }
}

impl Every {
    /// All of these, those last that can't take anything back: they get what the others have.
    #[must_use]
    pub fn new(mut sinks: Vec<Box<dyn Sink>>) -> Every {
        sinks.sort_by_key(|sink| sink.at_once() || sink.note().is_some());
        Every { sinks, next: None, reference: String::new(), current: Found::default(), ended: Vec::new() }
    }

    /// The plans of all sinks for each of the messages that ended since the last commit.
    ///
    /// # Errors
    /// As [`Sink::plan`].
    pub fn plans(&mut self) -> Result<Vec<Vec<Vec<u8>>>> {
        let mut all: Vec<Vec<Vec<u8>>> = vec![Vec::new(); self.ended.len()];
        for (n, sink) in self.sinks.iter_mut().enumerate() {
            let mut fresh = sink.plan()?.into_iter();
            for (plans, (_, found)) in all.iter_mut().zip(&self.ended) {
                plans.extend(found.at(n).map_or_else(|| fresh.next(), |(plan, _)| Some(plan.clone())));
            }
        }
        Ok(all)
    }

    /// What is to be remembered at once of the message that ended last: the plans of where it is, if [`Sink::note`] has one.
    #[must_use]
    pub fn notes(&self) -> Vec<Vec<u8>> {
        let Some((_, found)) = self.ended.last() else { return Vec::new() };
        let fresh: Vec<Option<Vec<u8>>> =
            self.sinks.iter().enumerate().map(|(n, sink)| sink.note().filter(|_| found.at(n).is_none())).collect();
        if fresh.iter().all(Option::is_none) {
            return Vec::new();
        }
        let all = fresh.into_iter().enumerate();
        all.filter_map(|(n, note)| found.at(n).map(|(plan, _)| plan.clone()).or(note)).collect()
    }

    /// Where a message got to before the program was killed that had these plans for it.
    ///
    /// # Errors
    /// As [`Sink::look`].
    pub fn find(&mut self, plans: &[Vec<u8>]) -> Result<Found> {
        let mut found = Found::default();
        for sink in &mut self.sinks {
            let mut here = None;
            for plan in plans {
                if let Some(place) = sink.look(plan)? {
                    here = Some((plan.clone(), place));
                    break;
                }
            }
            found.0.push(here);
        }
        Ok(found)
    }

    /// The next message that begins is in these targets already, and goes to the others only.
    pub fn resume(&mut self, found: Found) {
        self.next = Some(found);
    }

    /// Those that the current message has to go to.
    fn lacking(&mut self) -> impl Iterator<Item = &mut Box<dyn Sink>> {
        let found = &self.current;
        self.sinks.iter_mut().enumerate().filter(|(n, _)| found.at(*n).is_none()).map(|(_, sink)| sink)
    }
}

impl Sink for Every {
    fn begin(&mut self, about: &About) -> Result<()> {
        self.reference.clone_from(&about.reference);
        self.current = self.next.take().unwrap_or_default();
        self.lacking().try_for_each(|sink| sink.begin(about))
    }

    fn write(&mut self, file_form: &[u8]) -> Result<()> {
        self.lacking().try_for_each(|sink| sink.write(file_form))
    }

    fn end(&mut self) -> Result<()> {
        let mut ended = 0;
        let all = self.lacking().try_for_each(|sink| sink.end().map(|()| ended += 1));
        if all.is_err() {
            self.lacking().take(ended).for_each(|sink| sink.retract());
            return all;
        }
        self.ended.push((std::mem::take(&mut self.reference), std::mem::take(&mut self.current)));
        Ok(())
    }

    fn abort(&mut self) -> Result<()> {
        self.next = None;
        let all: Vec<Result<()>> = self.sinks.iter_mut().map(|s| s.abort()).collect();
        all.into_iter().collect()
    }

    fn commit(&mut self) -> Result<Vec<Receipt>> {
        let ended = std::mem::take(&mut self.ended);
        let mut receipts: Vec<Receipt> =
            ended.iter().map(|(reference, _)| Receipt { reference: reference.clone(), places: Vec::new() }).collect();
        for (n, sink) in self.sinks.iter_mut().enumerate() {
            let mut fresh = sink.commit()?.into_iter();
            for (receipt, (_, found)) in receipts.iter_mut().zip(&ended) {
                match found.at(n) {
                    Some((_, place)) => receipt.places.push(place.clone()),
                    None => receipt.places.extend(fresh.next().into_iter().flat_map(|r| r.places)),
                }
            }
        }
        Ok(receipts)
    }

    fn at_once(&self) -> bool {
        self.sinks.iter().any(|s| s.at_once())
    }

    fn stable(&self) -> bool {
        self.sinks.iter().all(|s| s.stable())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, push};
    use super::super::{Form, Target};
    use super::*;
    use std::path::Path;

    fn open(dir: &Path) -> Every {
        let targets = ["maildir:M", "eml:E", "mbox:b"].map(|text| {
            let (scheme, name) = text.split_once(':').unwrap();
            format!("{scheme}:{}", dir.join(name).display()).parse::<Target>().unwrap()
        });
        Every::new(targets.iter().map(|t| t.open(Form::Mbox, None).unwrap()).collect())
    }

    fn count(dir: &Path) -> [usize; 3] {
        let files = |name: &str| {
            let names = std::fs::read_dir(dir.join(name)).unwrap().map(|e| e.unwrap().file_name());
            names.filter(|n| !n.to_string_lossy().starts_with(".pipepost")).count()
        };
        let mbox = std::fs::read_to_string(dir.join("b")).unwrap_or_default();
        [files("M/new") + files("M/cur"), files("E"), mbox.matches("From MAILER").count()]
    }

    #[test]
    fn a_killed_commit_is_found_by_its_plans() {
        let t = tempfile::tempdir().unwrap();
        let long = "a line of some length\n".repeat(1000);
        let mut every = open(t.path());
        push(&mut every, &about("1"), "one\n");
        push(&mut every, &about("2"), &long);
        let plans = every.plans().unwrap();
        assert!(plans.len() == 2 && plans.iter().all(|p| p.len() == 3));
        // Killed before the commit.
        drop(every);
        let mut every = open(t.path());
        assert_eq!(count(t.path()), [0, 0, 0]);
        let found = every.find(&plans[0]).unwrap();
        assert_eq!((found.everywhere(), found), (None, Found(vec![None, None, None])));
        // Killed behind it; meanwhile a reader has taken the message.
        push(&mut every, &about("1"), "one\n");
        push(&mut every, &about("2"), &long);
        let plans = every.plans().unwrap();
        let places: Vec<Vec<String>> = every.commit().unwrap().into_iter().map(|r| r.places).collect();
        let seen = places[0][0].replace("/new/", "/cur/") + ":2,S";
        std::fs::rename(&places[0][0], &seen).unwrap();
        let mut every = open(t.path());
        let found = every.find(&plans[0]).unwrap().everywhere().unwrap();
        assert_eq!(found, [&seen, &places[0][1], &places[0][2]].map(Clone::clone));
        assert_eq!(every.find(&plans[1]).unwrap().everywhere().unwrap(), places[1]);
        // In some targets only: the others get it, and the plans are as good as before.
        let mbox = t.path().join("b");
        let page = 4096 * 3;
        std::fs::File::options().write(true).open(&mbox).unwrap().set_len(page).unwrap();
        std::fs::remove_file(&places[1][1]).unwrap();
        let mut every = open(t.path());
        let found = every.find(&plans[1]).unwrap();
        assert!(found.everywhere().is_none() && found.at(0).is_some(), "{found:?}");
        assert!(every.find(&plans[0]).unwrap().everywhere().is_some());
        assert!(std::fs::metadata(&mbox).unwrap().len() < 100, "the torn end was cut");
        every.resume(found);
        push(&mut every, &about("2"), &long);
        push(&mut every, &about("3"), "three\n");
        let plans = every.plans().unwrap();
        let receipts = every.commit().unwrap();
        assert_eq!((receipts[0].places[0].as_str(), receipts[1].places.len()), (places[1][0].as_str(), 3));
        assert_eq!(count(t.path()), [3, 3, 3]);
        let mut every = open(t.path());
        assert!(plans.iter().all(|plans| every.find(plans).unwrap().everywhere().is_some()));
        // Other targets know nothing of these.
        let other = tempfile::tempdir().unwrap();
        assert_eq!(open(other.path()).find(&plans[0]).unwrap(), Found(vec![None, None, None]));
    }
}
