//! Argument groups: a flag has one meaning everywhere because it is defined once, here.

use crate::net::tls::Pin;
use crate::proto::sasl::Mechanism;
pub use crate::text::duration::duration;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What every program that talks to a server takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Common {
    /// Say nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,
    /// Tell the steps on stderr.
    #[arg(short, long)]
    pub verbose: bool,
    /// The whole operation ends after this time (30s, 5m, 1h) with status 75, or 79 after hand-over.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub timeout: Option<Duration>,
    /// Append the dialogue to FILE (created 0600; - is stderr), with every secret as *** (see pipepost-trace(5)).
    #[arg(long, value_name = "FILE")]
    pub trace: Option<OsString>,
    /// Show message bodies in the trace too.
    #[arg(long, requires = "trace")]
    pub trace_data: bool,
    /// The configuration (default: $PIPEPOST_CONFIG, ~/.config/pipepost/config.toml, /etc/pipepost/config.toml).
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read the password from the first line of FILE, which nobody else may read.
    #[arg(long, value_name = "FILE", group = "password")]
    pub password_file: Option<PathBuf>,
    /// Read the password from the first line that COMMAND prints; /bin/sh runs it.
    #[arg(long, value_name = "COMMAND", group = "password")]
    pub password_command: Option<String>,
    /// Read the password from the environment variable NAME.
    #[arg(long, value_name = "NAME", group = "password")]
    pub password_env: Option<String>,
    /// Read the password from the first line of the file descriptor N.
    #[arg(long, value_name = "N", group = "password")]
    pub password_fd: Option<u32>,
    /// Log in by the first of these that the server offers (default: the strongest; see pipepost-config(5)).
    #[arg(long, value_name = "MECHANISM,...", value_delimiter = ',')]
    pub auth: Vec<Mechanism>,
    /// Trust the certificate authorities in FILE (PEM) alone, and verify on loopback addresses too.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Trust Mozilla's certificate authorities (the default) or the system's, and verify on loopback addresses too.
    #[arg(long, value_name = "WHOSE", conflicts_with = "ca_file")]
    pub ca: Option<Authorities>,
    /// Trust the server with this public key alone (sha256:BASE64 or sha256:HEX), whatever its certificate says; may be repeated.
    #[arg(long, value_name = "PIN", conflicts_with_all = ["ca_file", "ca"])]
    pub pin: Vec<Pin>,
    /// Show this certificate to servers that ask for one: its chain and its key in one PEM file, which nobody else may read.
    #[arg(long, value_name = "FILE")]
    pub client_cert: Option<PathBuf>,
    /// Connect through this proxy: socks5://[USER@]HOST[:PORT], http://[USER@]HOST:PORT, or none.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Connect from this address of the machine.
    #[arg(long, value_name = "ADDRESS")]
    pub source_address: Option<IpAddr>,
    /// Connect to IPv4 addresses only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// Connect to IPv6 addresses only.
    #[arg(short = '6', long)]
    pub ipv6: bool,
}

/// Whose certificate authorities are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Authorities {
    /// Those that Mozilla trusts.
    Mozilla,
    /// The system's store.
    System,
}

/// What every listing takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Listing {
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// The columns, in this order.
    #[arg(short = 'o', long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// End records with NUL instead of a newline.
    #[arg(short = '0', long)]
    pub null: bool,
    /// End with status 1 if nothing is listed.
    #[arg(short, long)]
    pub exit_status: bool,
}
/// The number of a part of a message, like 2.1 (RFC 9051 6.4.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartNumber(pub Vec<u32>);

impl std::str::FromStr for PartNumber {
    type Err = String;

    fn from_str(text: &str) -> Result<PartNumber, String> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|n| n.parse().ok().filter(|n| *n > 0)).collect();
        numbers.map(PartNumber).ok_or_else(|| "not a part's number like 1 or 2.1".to_owned())
    }
}

impl std::fmt::Display for PartNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
    }
}
