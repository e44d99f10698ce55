//! `--explain`: the way to each recipient, for people and as JSON.

use super::Direct;
use crate::cli::exit::Tally;
use crate::cli::out::Out;
use crate::error::{Exit, Result};
use crate::net::endpoint::Endpoint;
use crate::net::mx::Hop;
use crate::proto::mailbox::Mailbox;
use crate::text::escape;
use serde_json::json;

/// Tells it for each of `to`: by `direct`, or else over the servers in `relays`, in that order.
///
/// # Errors
/// 74: it can't be written. `Ok` is the status of all.
pub fn explain(
    out: &mut Out,
    json: bool,
    to: &[Mailbox],
    mut direct: Option<&mut Direct<'_>>,
    relays: &[Endpoint],
) -> Result<Exit> {
    let mut tally = Tally::default();
    for to in to {
        let text = match &mut direct {
            None => {
                tally.done();
                told(to, json, relays)
            }
            Some(direct) => {
                let domain = to.domain().to_ascii_lowercase();
                let plan = direct.plan(&domain).cloned();
                let (hops, notes, error) = match &plan {
                    Ok(plan) => (plan.hops.as_slice(), &plan.notes, None),
                    Err(no) => (&[][..], &no.notes, Some((&no.error, no.enhanced))),
                };
                match &error {
                    None => tally.done(),
                    Some((e, _)) => tally.failed(e.exit()),
                }
                if json {
                    let object = json!({
                        "to": to.to_string(),
                        "servers": hops.iter().map(object).collect::<Vec<_>>(),
                        "notes": notes,
                        "error": error.map(|(e, _)| e.to_string()),
                        "enhanced": error.map(|(_, enhanced)| enhanced),
                        "exit": error.map_or(0, |(e, _)| e.exit().code()),
                    });
                    format!("{object}\n")
                } else {
                    let mut lines = vec![escape(to.to_string())];
                    lines.extend(notes.iter().map(|note| format!("  {}", escape(note))));
                    lines.extend(hops.iter().map(|hop| format!("  {}", escape(line(hop)))));
                    lines.extend(error.map(|(e, enhanced)| format!("  {enhanced} {}", escape(e.to_string()))));
                    lines.join("\n") + "\n"
                }
            }
        };
        out.write(text.as_bytes())?;
    }
    out.flush()?;
    Ok(tally.exit())
}

fn object(hop: &Hop) -> serde_json::Value {
    json!({
        "preference": hop.preference,
        "host": hop.host,
        "addresses": hop.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tls": hop.protection.word(),
    })
}

fn line(hop: &Hop) -> String {
    let preference = hop.preference.map(|preference| format!("{preference} ")).unwrap_or_default();
    let addresses = hop.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("{preference}{} ({addresses}): {}", hop.host, hop.protection)
}

/// The account's own servers.
fn told(to: &Mailbox, json: bool, relays: &[Endpoint]) -> String {
    let servers: Vec<String> = relays.iter().map(ToString::to_string).collect();
    if json {
        let object = |host: &String| json!({ "preference": null, "host": host, "addresses": [], "tls": null });
        let servers = servers.iter().map(object).collect::<Vec<_>>();
        let (notes, nothing): ([&str; 0], Option<&str>) = ([], None);
        let object = json!({
            "to": to.to_string(), "servers": servers, "notes": notes, "error": nothing, "enhanced": nothing, "exit": 0,
        });
        return format!("{object}\n");
    }
    let lines = servers.iter().map(|server| format!("  {}\n", escape(server)));
    format!("{}\n{}", escape(to.to_string()), lines.collect::<String>())
}
