//! HTML as text, by html2text, in bounds: hostile HTML must not take the stack, the memory or the time of the reader.

use crate::message::decode::without_tags;
use std::sync::{Once, mpsc};
use std::time::Duration;

/// How much HTML is rendered; the rest is left out.
pub const MAX: usize = 1 << 20;
/// Deeper HTML only loses its tags: the renderer recurses.
const MAX_DEPTH: usize = 400;
const PATIENCE: Duration = Duration::from_secs(5);
const STACK: usize = 64 << 20;

/// The text of an HTML page, in lines of `width` columns.
#[must_use]
pub fn to_text(html: &str, width: usize) -> String {
    let rendered = if depth(html) > MAX_DEPTH { None } else { render(html.to_owned(), width) };
    rendered.unwrap_or_else(|| without_tags(html))
}

/// The rendering thread, whose panics are nobody's business.
const THREAD: &str = "html";

/// Renders on a thread of its own, so that a panic or endless work there ends here.
fn render(html: String, width: usize) -> Option<String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(THREAD) {
                tell(panic);
            }
        }));
    });
    let (done, result) = mpsc::channel();
    let work = move || {
        let text = std::panic::catch_unwind(|| {
            html2text::config::plain().allow_width_overflow().string_from_read(html.as_bytes(), width)
        });
        let _ = done.send(text.ok().and_then(Result::ok));
    };
    std::thread::Builder::new().name(THREAD.to_owned()).stack_size(STACK).spawn(work).ok()?;
    result.recv_timeout(PATIENCE).ok()?
}

/// How deep elements seem to nest: those that end themselves or that many writers leave open are not counted.
fn depth(html: &str) -> usize {
    const OPEN: [&str; 24] = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "p",
        "li", "td", "tr", "th", "dt", "dd", "option", "tbody", "html", "body",
    ];
    let (mut depth, mut deepest) = (0usize, 0usize);
    for tag in html.split('<').skip(1) {
        let (closes, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
        let end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
        let name = tag.get(..end).unwrap_or_default();
        if name.is_empty() || OPEN.iter().any(|open| open.eq_ignore_ascii_case(name)) {
            continue;
        }
        depth = if closes { depth.saturating_sub(1) } else { depth + 1 };
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_become_text() {
        let text = to_text("<h1>Hi</h1><p>one <b>two</b><br>three</p><ul><li>a<li>b</ul>", 40);
        assert!(text.contains("Hi") && text.contains("two") && text.contains("* a"), "{text}");
        assert_eq!(to_text("", 40).trim(), "");
    }

    #[test]
    fn hostile_pages_end() {
        for unit in ["<div>", "<b><p>", "<table><tr><td>", "<ul><li>", "<a>", "<", "<!--", "&", "<select><option>"] {
            let page = unit.repeat(MAX / unit.len() / 8);
            let _ = to_text(&page, 80);
        }
        assert!(to_text(&format!("{}deep", "<div>".repeat(10_000)), 80).contains("deep"));
        assert_eq!(depth("<div><br><p>x<b></b></div></i>"), 2);
    }
}
