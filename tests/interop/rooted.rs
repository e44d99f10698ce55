//! Debian's Exim and OpenSMTPD, each in a root directory of its own that `tests/interop/mtas.sh` has made a model of.

use super::common::Home;
use super::servers::{PASSWORD, await_port, can_run, end, free_port, start};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Where the model is.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/mtas");
/// Exim's user in the model, and that of OpenSMTPD's queue.
const EXIM: u32 = 900;
const SMTPQ: u32 = 902;
/// What a message may have there.
pub const LIMIT: usize = 3_000_000;
/// Whom they know.
pub const KNOWN: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Whether the tests can run here.
pub fn ready() -> bool {
    can_run(&[&format!("{MODEL}/ready"), "/usr/sbin/chroot"])
}

/// A copy of the model in a home.
fn root(home: &Home, name: &str) -> PathBuf {
    let root = home.path().join(name);
    let copied = Command::new("cp").args(["-a", MODEL]).arg(&root).status().unwrap();
    assert!(copied.success());
    std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    root
}

fn own_dir(path: &Path, uid: u32, gid: u32, mode: u32) {
    std::fs::create_dir_all(path).unwrap();
    chown(path, Some(uid), Some(gid)).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn secret(path: &Path, text: &str, owner: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    chown(path, Some(owner), None).unwrap();
}

/// A running server, which keeps what it takes for alice, bob, carol and dave at example.test as Maildirs.
pub struct Mta {
    child: Child,
    pub root: PathBuf,
    /// STARTTLS, if it is offered.
    pub smtp: u16,
    /// TLS from the first byte.
    pub smtps: u16,
}

impl Mta {
    /// Exim, with further options in its main section. All the mechanisms that it can do itself are offered, only under TLS; and
    /// those of a Dovecot whose socket is `auth`. Mail from those who have not logged in is taken too if `open`.
    pub fn exim(
        home: &Home,
        name: &str,
        certificate: &str,
        ca: &str,
        options: &str,
        auth: Option<&Path>,
        open: bool,
    ) -> Mta {
        let root = root(home, name);
        let [smtp, smtps] = std::array::from_fn(|_| free_port());
        for dir in ["var/spool/exim4", "var/log/exim", "var/mail"] {
            own_dir(&root.join(dir), EXIM, EXIM, 0o755);
        }
        secret(&root.join("etc/cert.pem"), certificate, EXIM);
        std::fs::write(root.join("etc/ca.pem"), ca).unwrap();
        let mut scram = String::new();
        if let Some(socket) = auth {
            // The socket itself, by a name in the other root.
            std::fs::hard_link(socket, root.join("var/run/auth")).unwrap();
            for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256"] {
                scram.push_str(&format!(
                    "{}:\n driver = dovecot\n public_name = {mechanism}\n server_socket = /var/run/auth\n server_set_id = $auth1\n",
                    mechanism.replace('-', "")
                ));
            }
        }
        let rest = if open { "accept" } else { "deny message = 5.7.1 log in first" };
        let config = format!(
            "daemon_smtp_ports = {smtp} : {smtps}\ntls_on_connect_ports = {smtps}\nlocal_interfaces = 127.0.0.1
primary_hostname = exim.example.test\nspool_directory = /var/spool/exim4\nlog_file_path = /var/log/exim/%s\nkeep_environment =
timezone = UTC\nhost_lookup =\nrfc1413_query_timeout = 0s\nmessage_size_limit = {LIMIT}\nacl_smtp_rcpt = rcpt\nacl_smtp_mail = accept
helo_allow_chars = _\nsmtp_accept_max = 0\nsmtp_accept_queue_per_connection = 0\nsmtp_enforce_sync = true
tls_certificate = /etc/cert.pem\ntls_privatekey = /etc/cert.pem\ntls_verify_certificates = /etc/ca.pem\ntls_try_verify_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}\n{options}\n
begin acl\nrcpt:\n deny local_parts = nobody\n  message = 5.1.1 no such user\n defer local_parts = later\n  message = 4.2.0 busy
 accept authenticated = *\n {rest}\n
begin routers\nall:\n driver = accept\n local_parts = {}\n transport = box\n
begin transports\nbox:\n driver = appendfile\n directory = /var/mail/$local_part_data\n maildir_format\n user = {EXIM}\n group = {EXIM}\n
begin authenticators
plain:\n driver = plaintext\n public_name = PLAIN\n server_prompts = :\n server_set_id = $auth2
 server_condition = ${{if and{{{{eq{{$auth2}}{{bob}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
login:\n driver = plaintext\n public_name = LOGIN\n server_prompts = Username:: : Password::\n server_set_id = $auth1
 server_condition = ${{if and{{{{eq{{$auth1}}{{bob}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
cram:\n driver = cram_md5\n public_name = CRAM-MD5\n server_secret = ${{if eq{{$auth1}}{{bob}}{{{PASSWORD}}}fail}}\n server_set_id = $auth1
external:\n driver = external\n public_name = EXTERNAL\n server_advertise_condition = $tls_in_certificate_verified
 server_param2 = ${{certextract{{subject,CN}}{{$tls_in_peercert}}}}\n server_condition = ${{if eq{{$auth1}}{{$auth2}}}}\n server_set_id = $auth1
{scram}",
            KNOWN.join(" : ")
        );
        std::fs::write(root.join("etc/exim.conf"), config).unwrap();
        let at = root.display().to_string();
        let mut child = start("/usr/sbin/chroot", &[&at, "/usr/sbin/exim4", "-C", "/etc/exim.conf", "-bdf"]);
        for port in [smtp, smtps] {
            await_port(port, &mut child, &root.join("var/log/exim/main"));
        }
        Mta { child, root, smtp, smtps }
    }

    /// OpenSMTPD, with further words for its listener with STARTTLS and further lines.
    pub fn opensmtpd(home: &Home, name: &str, certificate: &str, listener: &str, lines: &str) -> Mta {
        let root = root(home, name);
        let [smtp, smtps] = std::array::from_fn(|_| free_port());
        own_dir(&root.join("var/mail"), 8, 8, 0o755);
        for (dir, uid, gid, mode) in [
            ("", 0, 0, 0o711),
            ("/queue", SMTPQ, 0, 0o700),
            ("/incoming", SMTPQ, 0, 0o700),
            ("/temporary", SMTPQ, 0, 0o700),
            ("/corrupt", SMTPQ, 0, 0o700),
            ("/purge", SMTPQ, 0, 0o700),
            ("/offline", 0, SMTPQ, 0o770),
        ] {
            own_dir(&root.join(format!("var/spool/smtpd{dir}")), uid, gid, mode);
        }
        own_dir(&root.join("var/lib/opensmtpd/empty"), 0, 0, 0o711);
        secret(&root.join("etc/cert.pem"), certificate, 0);
        let at = root.display().to_string();
        let hash = Command::new("chroot").args([&at, "/usr/libexec/opensmtpd/encrypt", PASSWORD]).output().unwrap();
        std::fs::write(root.join("etc/users"), format!("bob {}", String::from_utf8(hash.stdout).unwrap())).unwrap();
        let known: String = KNOWN.map(|user| format!("{user}@example.test mail\n")).concat();
        std::fs::write(root.join("etc/known"), known).unwrap();
        let config = format!(
            "pki x cert \"/etc/cert.pem\"\npki x key \"/etc/cert.pem\"\ntable users file:/etc/users\ntable known file:/etc/known
smtp max-message-size \"{LIMIT}\"\n{lines}
listen on 127.0.0.1 port {smtp} hostname smtpd.example.test {listener}
listen on 127.0.0.1 port {smtps} hostname smtpd.example.test smtps pki x auth <users>
action box maildir \"/var/mail/%{{rcpt.user}}\" virtual <known>
match auth from any for domain example.test action box\nmatch from any for domain example.test action box\n"
        );
        std::fs::write(root.join("etc/smtpd.conf"), config).unwrap();
        let mut child = start("/usr/sbin/chroot", &[&at, "/usr/sbin/smtpd", "-d"]);
        for port in [smtp, smtps] {
            await_port(port, &mut child, &root.join("log"));
        }
        Mta { child, root, smtp, smtps }
    }

    /// The messages of somebody, in order of their names.
    pub fn messages(&self, user: &str) -> Vec<Vec<u8>> {
        let dir = self.root.join("var/mail").join(user).join("new");
        let mut all: Vec<_> = std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        all.sort();
        all.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// Removes them.
    pub fn forget(&self, user: &str) {
        let _ = std::fs::remove_dir_all(self.root.join("var/mail").join(user));
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.root.join("var/log/exim/main")).unwrap_or_default()
    }
}

impl Drop for Mta {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
