//! `smtp-queue check`.

use crate::cli::Outcome;
use crate::cli::compose::now;
use crate::cli::out::Out;
use crate::cli::queue::existing_queue;
use crate::error::Exit;
use crate::message::date::Date;
use crate::text::duration::duration;
use crate::text::escape;
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// Tells whether the queue moves, for monitoring: the status is 0 or 75.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// The age of the oldest message that waits from which on something is wrong.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "4h")]
    max_age: Duration,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> Outcome {
        let queue = existing_queue()?;
        let (mut oldest, mut paused, mut forsaken, mut counts) = (None, Vec::new(), false, Vec::new());
        if let Some(queue) = &queue {
            oldest = queue.oldest()?.map(|arrived| now().saturating_sub(arrived).max(0));
            paused = queue.paused()?;
            forsaken = queue.forsaken()?.is_some();
            counts = queue.counts()?;
        }
        let most = i64::try_from(self.max_age.as_secs()).unwrap_or(i64::MAX);
        let bad = oldest.is_some_and(|age| age > most) || !paused.is_empty() || forsaken;
        let mut text = String::new();
        if self.json {
            let counts: serde_json::Map<_, _> =
                counts.iter().map(|(status, n)| (status.word().to_owned(), json!(n))).collect();
            let paused: Vec<_> = paused
                .iter()
                .map(|p| json!({ "via": p.hop, "since": Date::utc(p.since).rfc3339(), "text": p.text }))
                .collect();
            let object = json!({
                "ok": !bad,
                "oldest_seconds": oldest,
                "recipients": counts,
                "paused": paused,
                "no_runner": forsaken,
            });
            text.push_str(&format!("{object}\n"));
        } else {
            let counts: Vec<String> = counts.iter().map(|(status, n)| format!("{n} {}", status.word())).collect();
            let counts = if counts.is_empty() { "empty".to_owned() } else { counts.join(", ") };
            let age = oldest.map(|age| format!(", the oldest for {age} seconds")).unwrap_or_default();
            text.push_str(&format!("{counts}{age}\n"));
            for p in &paused {
                text.push_str(&format!("{} is paused: {}\n", escape(&p.hop), escape(&p.text)));
            }
            if forsaken {
                text.push_str("no runner has come for an hour\n");
            }
        }
        let mut out = Out::default();
        out.write(text.as_bytes())?;
        out.flush()?;
        Ok(if bad { Exit::TempFail } else { Exit::Ok })
    }
}
