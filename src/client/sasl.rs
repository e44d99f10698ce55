//! The login of all three protocols: which mechanism is taken, what may go out by it, and the challenges.
//!
//! A login that is refused is over: neither is it said again, nor by a mechanism that shows the password.

use super::login::{Login, Proof};
use crate::error::{Error, Exit, Result};
use crate::net::Wire;
use crate::proto::sasl::{self, Client, Failure, Mechanism, Who};
use crate::secret::Secret;

/// What a server says within a login.
pub(super) enum Said {
    /// It wants an answer to this, which is base64 yet.
    Challenge(Vec<u8>),
    Accepted,
    Refused(Error),
}

/// How a protocol carries the login.
pub(super) trait Carrier {
    fn wire(&mut self) -> &mut Wire;

    /// How long a response (base64) may be that goes out with the command.
    fn room(&self, mechanism: Mechanism) -> Option<usize>;

    /// The command, with that response (base64).
    fn begin(&mut self, mechanism: Mechanism, initial: Option<&Secret>) -> Result<Said>;

    /// A response (base64) on a line of its own.
    fn respond(&mut self, response: &Secret) -> Result<Said>;
}

/// Of the words of a server the mechanism to take.
///
/// # Errors
/// 77: there is none in common, or none by which the secret may go out.
pub(super) fn choose(wire: &Wire, login: &Login, offered: &[Mechanism]) -> Result<Mechanism> {
    let fits = |mechanism: Mechanism| match login.proof {
        // A list of mechanisms may have both.
        Proof::Password(_) if mechanism == Mechanism::External => login.mechanisms.contains(&mechanism),
        Proof::Password(_) => mechanism.takes_password(),
        Proof::Token(_) => mechanism.takes_token(),
        Proof::Connection => mechanism == Mechanism::External,
    };
    let binds = |mechanism| !matches!(mechanism, Mechanism::Scram { plus: true, .. }) || !wire.bindings().is_empty();
    let open = login.allowed || wire.is_verified();
    // What shows no secret may go out to anybody, but it lets them guess: only where the account wants it so.
    let may_go = |mechanism: Mechanism| open || !mechanism.shows_secret() && login.mechanisms.contains(&mechanism);
    let usable = |mechanism| fits(mechanism) && binds(mechanism) && may_go(mechanism);
    if let Some(mechanism) = sasl::choose(offered, &login.mechanisms, usable) {
        return Ok(mechanism);
    }
    if !open && !matches!(login.proof, Proof::Connection) {
        // Says why.
        login.secret(false)?;
    }
    let names = |list: &[Mechanism]| list.iter().map(|m| m.name().to_ascii_lowercase()).collect::<Vec<_>>().join(", ");
    let what = match login.proof {
        Proof::Password(_) => "",
        Proof::Token(_) => " with a token",
        Proof::Connection => " without a password",
    };
    let error = if login.mechanisms.is_empty() {
        Error::auth(format!("the server offers no login that we know{what}"))
    } else {
        Error::auth(format!("the server does not offer a login{what} by {}", names(&login.mechanisms)))
    };
    let weak: Vec<Mechanism> = offered.iter().copied().filter(|m| m.must_be_named() && fits(*m)).collect();
    Err(match (weak.first(), login.mechanisms.is_empty()) {
        (Some(first), true) => error.advise(format!(
            "it offers {}, which is taken only if asked for: --auth {}",
            names(&weak),
            first.name().to_ascii_lowercase()
        )),
        _ if !offered.is_empty() => error.advise(format!("it offers {}", names(offered))),
        _ => error,
    })
}

/// Logs in by this mechanism.
///
/// # Errors
/// 75, 77: the server refuses for now or for good; 76: it breaks the mechanism's rules or does not prove that it knows the password.
pub(super) fn log_in(
    carrier: &mut dyn Carrier,
    login: &Login,
    mechanism: Mechanism,
    offered: &[Mechanism],
) -> Result<()> {
    let peer = carrier.wire().peer().to_owned();
    let secret = login.known();
    // It goes out in base64, or as something else; a server's words may hold it as it is.
    carrier.wire().hides(secret);
    let nonce = (login.nonce)()?;
    let who = Who {
        user: &login.user,
        secret,
        nonce: &nonce,
        bindings: carrier.wire().bindings(),
        binds: offered.iter().any(|m| matches!(m, Mechanism::Scram { plus: true, .. })),
        server: login.server.as_ref().map(|(host, port)| (host.as_str(), *port)),
    };
    let failed = |failure: Failure| match failure {
        Failure::Server(why) => Error::protocol(why).at(&peer),
        Failure::Refused(why) => Error::auth(why).at(&peer),
        Failure::Ours(why) => Error::usage(why),
    };
    let mut client = Client::new(mechanism, &who).map_err(failed)?;
    let encoded = |response: &Secret| Secret::new(sasl::base64(response.expose()).into_bytes());
    let room = carrier.room(mechanism).filter(|room| client.initial_size().is_some_and(|n| n.div_ceil(3) * 4 <= *room));
    let initial = room.and_then(|_| client.initial()).map(|initial| encoded(&initial));
    let mut said = carrier.begin(mechanism, initial.as_ref())?;
    loop {
        match said {
            Said::Accepted => return client.accepted().map_err(failed),
            Said::Refused(e) => {
                let e = match client.told() {
                    Some(told) => Error::new(e.exit(), format!("{e} ({told})")),
                    None => e,
                };
                return Err(match mechanism.unbound() {
                    // Cyrus offers it under TLS 1.3 too, and knows only the binding of TLS 1.2. What refuses may as well be somebody
                    // in the middle, so it is not said again by itself.
                    Some(without) if e.exit() == Exit::Auth => e.advise(format!(
                        "if the password is right, the server may not know how to bind the login to TLS: auth = \"{}\"",
                        without.name().to_ascii_lowercase()
                    )),
                    _ => e,
                });
            }
            Said::Challenge(text) => {
                let challenge = sasl::unbase64(text.trim_ascii());
                let response = match (challenge, mechanism.prompts()) {
                    (Some(challenge), _) => client.respond(&challenge),
                    // What a prompt says does not matter, and some servers say it as it is.
                    (None, true) => client.respond(b""),
                    (None, false) => Err(Failure::Server("a challenge that is not base64".to_owned())),
                };
                said = carrier.respond(&encoded(&response.map_err(failed)?))?;
            }
        }
    }
}
