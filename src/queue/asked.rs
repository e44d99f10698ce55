//! [`Asked`]: what a sender wants besides delivery, kept as points in time, and what of that is asked of a server.

use super::{Entry, Recipient};
use crate::client::smtp::{Report, Wants};
use crate::error::{Error, Result};
use crate::message::date::Date;
use crate::proto::mailbox::Mailbox;
use crate::proto::smtp::dsn::OriginalRecipient;
use crate::proto::smtp::{DeliverBy, Extensions, FutureRelease, Hold, Priority};
use chrono::DateTime;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// By when it is to be delivered (RFC 2852).
    pub by: Option<By>,
    /// Until when it is to be held back (RFC 4865), seconds since 1970: by a server that can do that, else here.
    pub hold: Option<i64>,
    /// How soon others have to wait for it (RFC 6710): here, and at a server that can do that.
    pub priority: Option<Priority>,
    /// Over verified TLS all the way (RFC 8689).
    pub require_tls: bool,
}

/// By when a message is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct By {
    /// Seconds since 1970.
    pub when: i64,
    /// Whether it returns then; else the sender is only told.
    pub returns: bool,
}

impl Asked {
    /// What is wanted `now`.
    ///
    /// # Errors
    /// 64: a date that is none.
    pub fn of(wants: &Wants, now: i64) -> Result<Asked> {
        let later = |seconds: u64| now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
        let hold = match &wants.hold {
            None => None,
            Some(Hold::For(seconds)) => Some(later(*seconds)),
            Some(Hold::Until(date)) => {
                let date = DateTime::parse_from_rfc3339(date).map_err(|_| Error::usage(format!("{date}: no date")))?;
                Some(date.timestamp())
            }
        };
        let by = wants.by.map(|by| By { when: now.saturating_add(by.seconds()), returns: by.returns() });
        Ok(Asked { by, hold, priority: wants.priority, require_tls: wants.require_tls })
    }

    /// When it was to be delivered, if it returns at that time.
    pub(super) fn deadline(&self) -> Option<i64> {
        self.by.filter(|by| by.returns).map(|by| by.when)
    }

    /// Whether it has to wait here: it is held back, and the server can't do that, or not so long.
    pub(super) fn waits_here(&self, offers: &Extensions, now: i64) -> Option<i64> {
        let until = self.hold.filter(|until| *until > now)?;
        let takes = |release: &FutureRelease| {
            let seconds = u64::try_from(until.saturating_sub(now)).unwrap_or(0);
            let second = |date: &str| date.get(..19).map(str::to_owned);
            release.longest.is_none_or(|most| seconds <= most)
                && release.last.as_ref().is_none_or(|last| second(&date(until)) <= second(last))
        };
        (!offers.future_release.as_ref().is_some_and(takes)).then_some(until)
    }
}

/// As RFC 4865 writes it.
fn date(at: i64) -> String {
    Date::utc(at).rfc3339().replace("+00:00", "Z")
}

impl Entry {
    /// From when on its age counts: what is held back does not grow old meanwhile.
    pub(super) fn begun(&self) -> i64 {
        self.arrived.max(self.asked.hold.unwrap_or(i64::MIN))
    }

    /// What is asked of a server that `offers` this, for these recipients.
    pub(super) fn wants(&self, some: &[usize], offers: &Extensions, now: i64) -> Result<Wants> {
        let asked = &self.asked;
        let mut wants = Wants { require_tls: asked.require_tls, ..Wants::default() };
        wants.priority = asked.priority.filter(|_| offers.mt_priority);
        wants.hold = asked.hold.filter(|until| *until > now).and_then(|until| Hold::until(&date(until)));
        // RFC 2852 4.1.4: what only has to be told goes on without.
        wants.by = asked.by.filter(|by| by.returns || offers.deliver_by.is_some()).and_then(|by| {
            let left = by.when.saturating_sub(now);
            DeliverBy::new(if by.returns { left.max(1) } else { left }, by.returns)
        });
        if offers.dsn {
            (wants.ret, wants.envid) = (self.ret, self.envid.clone());
            let told = |to: &&Recipient| to.notify.is_some() || to.orcpt.is_some();
            for to in some.iter().filter_map(|n| self.to.get(*n)).filter(told) {
                let original = to.orcpt.as_deref().and_then(OriginalRecipient::from_field);
                let address =
                    Mailbox::parse(&to.address).map_err(|why| Error::data(format!("{}: {why}", to.address)))?;
                wants.reports.insert(address, Report { notify: to.notify, original });
            }
        }
        Ok(wants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_back() {
        let asked = Asked { hold: Some(1_000_000), ..Asked::default() };
        let at = |release: Option<FutureRelease>, now| {
            asked.waits_here(&Extensions { future_release: release, ..Extensions::default() }, now)
        };
        let last = |date: &str| Some(FutureRelease { longest: None, last: Some(date.to_owned()) });
        assert_eq!((at(None, 999_999), at(None, 1_000_000)), (Some(1_000_000), None));
        assert_eq!(at(Some(FutureRelease::default()), 0), None);
        assert_eq!(at(Some(FutureRelease { longest: Some(10), last: None }), 999_989), Some(1_000_000));
        assert_eq!(at(Some(FutureRelease { longest: Some(10), last: None }), 999_990), None);
        // 1_000_000 is 1970-01-12T13:46:40Z.
        assert_eq!((at(last("1970-01-12T13:46:39Z"), 0), at(last("1970-01-12T13:46:40Z"), 0)), (Some(1_000_000), None));
    }

    #[test]
    fn durations_become_points_in_time() {
        let wants = Wants { by: DeliverBy::new(60, true), hold: Hold::for_seconds(30), ..Wants::default() };
        let asked = Asked::of(&wants, 1000).unwrap();
        assert_eq!(
            (asked.by, asked.hold, asked.deadline()),
            (Some(By { when: 1060, returns: true }), Some(1030), Some(1060))
        );
        let until = Wants { hold: Hold::until("1970-01-12T13:46:40.5Z"), ..Wants::default() };
        assert_eq!(Asked::of(&until, 0).unwrap().hold, Some(1_000_000));
        let wrong = Wants { hold: Hold::until("2026-99-99T99:99:99Z"), ..Wants::default() };
        assert!(Asked::of(&wrong, 0).is_err());
    }
}
