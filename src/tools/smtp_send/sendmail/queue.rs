//! `-bp` and `-q`: what waits in the queue, in the form that mailq(1) has had for ever, and a run through it.

use super::super::NAME;
use super::arguments::Part;
use crate::cli::args::Common;
use crate::cli::connect::Reach;
use crate::cli::out::{Out, Reader};
use crate::cli::queue::carrier::{Carrier, Telling};
use crate::cli::queue::existing_queue;
use crate::cli::queue::forever::{run_once, schedule};
use crate::cli::{Outcome, signals};
use crate::error::{Exit, Result};
use crate::message::date::Date;
use crate::queue::{Action, Entry, Queue, Recipient, Selection, Status};
use crate::text::escape;

/// Lists the queue.
///
/// # Errors
/// 74, 75, 78: it can't be read.
pub(super) fn list() -> Outcome {
    let mut out = Out::default();
    let (mut bytes, mut requests) = (0u64, 0u64);
    if let Some(queue) = existing_queue()? {
        let mut reader = Reader::There;
        queue.each(&Selection::default(), &mut |entry| {
            if requests == 0 {
                out.write(HEADING.as_bytes())?;
            }
            (bytes, requests) = (bytes.saturating_add(entry.size), requests.saturating_add(1));
            reader = out.write(one(&entry).as_bytes())?;
            Ok(reader == Reader::There)
        })?;
        if reader == Reader::Gone {
            return Ok(Exit::Ok);
        }
    }
    let end = match requests {
        0 => "Mail queue is empty\n".to_owned(),
        1 => format!("-- {} Kbytes in 1 Request.\n", bytes.div_ceil(1024)),
        _ => format!("-- {} Kbytes in {requests} Requests.\n", bytes.div_ceil(1024)),
    };
    out.write(end.as_bytes())?;
    out.flush()?;
    Ok(Exit::Ok)
}

const HEADING: &str = "-Queue ID-            --Size-- ----Arrival Time---- -Sender/Recipient-------\n";

/// A message: a line with its sender, then its recipients that are left, each behind what was said of it last.
fn one(entry: &Entry) -> String {
    let has = |status| entry.to.iter().any(|to| to.status == status);
    let mark = match () {
        () if has(Status::HandedOver) => "*",
        () if has(Status::Held) && !entry.to.iter().any(|to| to.status.is_due()) => "!",
        () => " ",
    };
    let from = if entry.from.is_empty() { "MAILER-DAEMON".to_owned() } else { escape(&entry.from) };
    let time = Date::utc(entry.arrived).asctime();
    let mut text = format!("{:<21} {:>8} {time:>20} {from}\n", format!("{}{mark}", entry.id), entry.size);
    let mut said: Option<String> = None;
    for to in entry.to.iter().filter(|to| to.status != Status::Done) {
        let why = why(to);
        if !why.is_empty() && said.as_ref() != Some(&why) {
            text.push_str(&format!("{:>53}\n", format!("({why})")));
            said = Some(why);
        }
        text.push_str(&format!("{:53}{}\n", "", escape(&to.address)));
    }
    text.push('\n');
    text
}

/// The last answer; what may come twice says so.
fn why(to: &Recipient) -> String {
    let code = to.code.map(|code| format!("{code} ")).unwrap_or_default();
    let doubt = if to.doubtful { "may have been delivered: " } else { "" };
    let text = escape(&to.text);
    if code.is_empty() && text.is_empty() {
        doubt.trim_end_matches(": ").to_owned()
    } else {
        format!("{doubt}{code}{text}")
    }
}

/// Delivers what is due, once, and what all of `parts` mean, if there are any.
///
/// # Errors
/// 74, 75, 78: the queue or the configuration can't be read.
pub(super) fn run(common: &Common, reach: Reach, parts: &[Part]) -> Outcome {
    let schedule = schedule(&reach)?;
    let telling = if common.verbose { Telling::Steps } else { Telling::Trouble };
    let carrier = Carrier::new(NAME, common, reach, telling, None)?;
    let stop = signals::stop()?;
    if let Some(queue) = existing_queue()? {
        retry(&queue, parts)?;
        run_once(&queue, &schedule, &carrier, &stop)?;
    }
    Ok(carrier.trouble().unwrap_or(Exit::Ok))
}

/// Makes due what all of `parts` mean.
fn retry(queue: &Queue, parts: &[Part]) -> Result<()> {
    let within = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let is_meant = |entry: &Entry, part: &Part| match part {
        Part::Id(part) => within(&entry.id, part),
        Part::Recipient(part) => entry.to.iter().any(|to| !to.status.is_final() && within(&to.address, part)),
        Part::Sender(part) => within(&entry.from, part),
    };
    if parts.is_empty() {
        return Ok(());
    }
    queue.each(&Selection::default(), &mut |entry| {
        if parts.iter().all(|part| is_meant(&entry, part)) {
            match queue.act(&entry.id, Action::Retry, &Selection::default()) {
                // Another runner has it, or had it.
                Err(e) if [Exit::TempFail, Exit::NoInput].contains(&e.exit()) => {}
                done => drop(done?),
            }
        }
        Ok(true)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(address: &str, status: Status, code: Option<u16>, text: &str) -> Recipient {
        Recipient {
            n: 0,
            address: address.into(),
            hop: "work:".into(),
            notify: None,
            orcpt: None,
            status,
            next: 0,
            since: 0,
            attempts: 1,
            doubtful: status == Status::Unknown,
            code,
            enhanced: None,
            text: text.into(),
            untold: false,
        }
    }

    fn entry(from: &str, to: Vec<Recipient>) -> Entry {
        Entry {
            id: "66a1f2c300a1bf3c01d".into(),
            from: from.into(),
            size: 1234,
            eight_bit: false,
            utf8_header: false,
            asked: crate::queue::Asked::default(),
            bytes: 1200,
            ret: None,
            envid: None,
            origin: None,
            uid: None,
            arrived: 1_700_000_000,
            warned: false,
            to,
        }
    }

    #[test]
    fn as_mailq_has_it() {
        let busy = "450 busy";
        let text = one(&entry(
            "a@example.org",
            vec![
                to("b@example.org", Status::Waiting, Some(450), "busy\u{1b}"),
                to("done@example.org", Status::Done, Some(250), "ok"),
                to("c@example.org", Status::Waiting, Some(450), "busy\u{1b}"),
                to("d@example.org", Status::Unknown, None, ""),
            ],
        ));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines.first(),
            Some(&"66a1f2c300a1bf3c01d       1234 Tue Nov 14 22:13:20 2023 a@example.org"),
            "{text}"
        );
        assert!(lines.get(1).is_some_and(|line| line.trim() == format!("({busy}\\x1B)")), "{text}");
        let rest: Vec<&str> = lines.iter().skip(2).map(|line| line.trim()).collect();
        assert_eq!(rest, ["b@example.org", "c@example.org", "(may have been delivered)", "d@example.org", ""]);
        let held = one(&entry("", vec![to("b@example.org", Status::Held, None, "")]));
        assert!(held.starts_with("66a1f2c300a1bf3c01d! ") && held.contains(" MAILER-DAEMON\n"), "{held}");
        assert!(one(&entry("", vec![to("b@c", Status::HandedOver, None, "")])).contains("d* "));
    }
}
