//! The flags for what a message's sender asks of the server besides delivery. A server that can't do it gets nothing.

use super::args::duration;
use crate::client::smtp::Wants;
use crate::proto::smtp::dsn::{Notify, Ret, is_envid};
use crate::proto::smtp::{DeliverBy, Hold, Priority};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Args;

/// The flags.
#[derive(Args, Clone, Debug, Default)]
pub struct Parameters {
    /// Ask: tell the sender of success, failure, delay (a list), or never; needs DSN.
    #[arg(long, value_name = "WHEN,...", value_parser = notify)]
    pub notify: Option<Notify>,
    /// Ask: with a failure return the message (full) or its header (hdrs); needs DSN.
    #[arg(long, value_name = "WHAT", value_parser = ret)]
    pub ret: Option<Ret>,
    /// Ask: name ID in notifications; needs DSN.
    #[arg(long, value_name = "ID", value_parser = envid)]
    pub envid: Option<String>,
    /// Ask: deliver within DURATION, or return the message; with :notify behind it only tell the sender; needs DELIVERBY.
    #[arg(long, value_name = "DURATION[:return|notify]", value_parser = deliver_by)]
    pub deliver_by: Option<DeliverBy>,
    /// Ask: hold the message back for DURATION; needs FUTURERELEASE.
    #[arg(long, value_name = "DURATION", value_parser = hold_for, conflicts_with = "hold_until")]
    pub hold_for: Option<Hold>,
    /// Ask: hold the message back until DATE, as in 2026-12-01T08:00:00+01:00; needs FUTURERELEASE.
    #[arg(long, value_name = "DATE", value_parser = hold_until)]
    pub hold_until: Option<Hold>,
    /// Ask: pass before others (up to 9) or let them pass (down to -9); needs MT-PRIORITY.
    #[arg(long, value_name = "N", value_parser = priority, allow_negative_numbers = true)]
    pub priority: Option<Priority>,
    /// Ask: over verified TLS all the way, or return the message; needs REQUIRETLS.
    #[arg(long)]
    pub require_tls: bool,
    /// Send to nobody unless the server accepts every recipient.
    #[arg(long)]
    pub all_or_nothing: bool,
    /// Encode the parts that have lines of over 998 bytes or NULs, and make a message that needs it MIME.
    #[arg(long)]
    pub recode: bool,
}

impl Parameters {
    /// What they ask for.
    #[must_use]
    pub fn wants(&self) -> Wants {
        Wants {
            all_or_nothing: self.all_or_nothing,
            notify: self.notify,
            ret: self.ret,
            envid: self.envid.clone(),
            by: self.deliver_by,
            hold: self.hold_for.clone().or_else(|| self.hold_until.clone()),
            priority: self.priority,
            require_tls: self.require_tls,
            ..Wants::default()
        }
    }
}

fn notify(text: &str) -> Result<Notify, String> {
    Notify::parse(text).ok_or_else(|| "never, or some of success,failure,delay".to_owned())
}

fn ret(text: &str) -> Result<Ret, String> {
    Ret::parse(text).ok_or_else(|| "full or hdrs".to_owned())
}

fn envid(text: &str) -> Result<String, String> {
    let fine = is_envid(text).then(|| text.to_owned());
    fine.ok_or_else(|| "an identifier is up to 100 characters of printable ASCII".to_owned())
}

fn deliver_by(text: &str) -> Result<DeliverBy, String> {
    let (time, mode) = text.split_once(':').unwrap_or((text, "return"));
    let returns = match mode {
        "return" => true,
        "notify" => false,
        _ => return Err("behind the colon is return or notify".to_owned()),
    };
    let seconds = i64::try_from(duration(time)?.as_secs()).unwrap_or(i64::MAX);
    DeliverBy::new(seconds, returns).ok_or_else(|| "longer than RFC 2852 can say".to_owned())
}

fn hold_for(text: &str) -> Result<Hold, String> {
    Hold::for_seconds(duration(text)?.as_secs()).ok_or_else(|| "longer than RFC 4865 can say".to_owned())
}

fn hold_until(text: &str) -> Result<Hold, String> {
    let date =
        DateTime::parse_from_rfc3339(text).map_err(|_| "not a date like 2026-12-01T08:00:00+01:00".to_owned())?;
    let utc = date.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Secs, true);
    Hold::until(&utc).ok_or_else(|| "not a year of four digits".to_owned())
}

fn priority(text: &str) -> Result<Priority, String> {
    text.parse().ok().and_then(Priority::new).ok_or_else(|| "a number from -9 to 9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_asked() {
        assert_eq!(deliver_by("1h").unwrap().to_string(), "3600;R");
        assert_eq!(deliver_by("90s:notify").unwrap().to_string(), "90;N");
        assert_eq!(hold_for("2d").unwrap().to_string(), "HOLDFOR=172800");
        assert_eq!(hold_until("2026-12-01T08:00:00+01:00").unwrap().to_string(), "HOLDUNTIL=2026-12-01T07:00:00Z");
        assert_eq!(priority("-3").unwrap().to_string(), "-3");
        assert_eq!(notify("success,FAILURE").unwrap().to_string(), "SUCCESS,FAILURE");
        assert!(deliver_by("1h:now").is_err() && deliver_by("20000d").is_err() && hold_until("tomorrow").is_err());
        assert!(priority("10").is_err() && notify("sometimes").is_err() && envid("a\nb").is_err() && ret("x").is_err());
    }
}
