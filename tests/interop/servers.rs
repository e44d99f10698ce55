//! Real servers with a configuration of our own, on free ports of the loopback interface, under a temporary directory.

use super::common::Home;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Whose processes read and write the mailboxes: Debian's user and group `mail`. Dovecot takes no 0.
pub const MAIL: u32 = 8;

/// The password of everybody.
pub const PASSWORD: &str = "tulip";

/// Whether a test can run here. One that can't says so, and fails where `CI` is set.
pub fn can_run(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| !Path::new(program).exists()).collect();
    let why = match rustix::process::getuid().is_root() {
        _ if !missing.is_empty() => format!("{missing:?} not installed"),
        false => "only root can run these servers with users of their own".to_owned(),
        true => return true,
    };
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("skipped: {why}");
    false
}

/// A port on which nothing listens, and which nobody gets who asks for any port: a connection to it is in TIME_WAIT.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let client = TcpStream::connect(at).unwrap();
    drop(listener.accept().unwrap());
    drop(client);
    at.port()
}

/// Starts a server that ends with the test's thread, even if that is killed.
pub fn start(program: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", program]).args(arguments);
    // Postfix's master ends all of its process group, which is to be its own.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until somebody listens.
pub fn await_port(port: u16, child: &mut Child, log: &Path) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = child.try_wait().unwrap();
        let waited = start.elapsed() > Duration::from_secs(20);
        assert!(ended.is_none() && !waited, "{}", std::fs::read_to_string(log).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn end(child: &mut Child) {
    let _ = rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM);
    let _ = child.wait();
}

/// A directory in the home, and the way to it, open for other users.
pub fn open_dir(home: &Home, name: &str) -> PathBuf {
    let dir = home.path().join(name);
    std::fs::create_dir_all(&dir).unwrap();
    for path in [home.path(), &dir] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

/// A running Dovecot: IMAP, POP3, LMTP, and logins for Postfix.
pub struct Dovecot {
    child: Child,
    dir: PathBuf,
    pub imap: u16,
    pub imaps: u16,
    pub pop3: u16,
    pub pop3s: u16,
    pub lmtp: u16,
    auth: u16,
}

impl Dovecot {
    /// Starts one in `home` that shows this certificate (with its key, PEM).
    pub fn start(home: &Home, name: &str, certificate: &str) -> Dovecot {
        Dovecot::start_with(home, name, certificate, "")
    }

    /// The same, with more of a configuration, which comes last and wins.
    pub fn start_with(home: &Home, name: &str, certificate: &str, more: &str) -> Dovecot {
        let dir = open_dir(home, name);
        let at = dir.display();
        let [imap, imaps, pop3, pop3s, lmtp, auth] = std::array::from_fn(|_| free_port());
        std::fs::write(dir.join("cert.pem"), certificate).unwrap();
        let users: String =
            ["alice", "bob", "carol", "dave"].map(|user| format!("{user}:{{PLAIN}}{PASSWORD}\n")).concat();
        std::fs::write(dir.join("users"), users).unwrap();
        let mail = open_dir(home, &format!("{name}/mail"));
        chown(&mail, Some(MAIL), Some(MAIL)).unwrap();
        let config = format!(
            "base_dir = {at}/run\nstate_dir = {at}/state\nlog_path = {at}/log\n
protocols = imap pop3 lmtp\nlisten = 127.0.0.1\n
default_internal_user = dovecot\ndefault_login_user = dovenull\ndefault_internal_group = dovecot
default_vsz_limit = 0\nfirst_valid_uid = {MAIL}\nfirst_valid_gid = {MAIL}\nlast_valid_uid = 65534
mail_location = maildir:{at}/mail/%n\nauth_username_format = %n
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256\nauth_verbose = yes\nauth_failure_delay = 0\nauth_debug = yes
ssl = required\nssl_cert = <{at}/cert.pem\nssl_key = <{at}/cert.pem
passdb {{\n driver = passwd-file\n args = {at}/users\n}}
userdb {{\n driver = static\n args = uid={MAIL} gid={MAIL} home={at}/mail/%n allow_all_users=yes\n}}
mail_max_userip_connections = 1000\nmail_fsync = never\npop3_lock_session = yes
namespace inbox {{\n inbox = yes\n separator = /\n mailbox Sent {{\n special_use = \\Sent\n auto = create\n }}\n mailbox Trash {{\n special_use = \\Trash\n }}\n}}
service anvil {{\n chroot =\n unix_listener anvil-auth-penalty {{\n mode = 0\n }}\n}}
service imap-login {{\n chroot =\n unix_listener {at}/imap.sock {{\n mode = 0666\n }}\n inet_listener imap {{\n port = {imap}\n }}\n inet_listener imaps {{\n port = {imaps}\n ssl = yes\n }}\n}}
service pop3-login {{\n chroot =\n inet_listener pop3 {{\n port = {pop3}\n }}\n inet_listener pop3s {{\n port = {pop3s}\n ssl = yes\n }}\n}}
service lmtp {{\n inet_listener lmtp {{\n port = {lmtp}\n }}\n}}
service auth {{\n unix_listener {at}/auth.sock {{\n mode = 0666\n }}\n inet_listener {{\n port = {auth}\n }}\n}}\n{more}\n"
        );
        std::fs::write(dir.join("dovecot.conf"), config).unwrap();
        let mut child = start("/usr/sbin/dovecot", &["-F", "-c", &format!("{at}/dovecot.conf")]);
        for port in [imap, imaps, pop3, pop3s, lmtp, auth] {
            await_port(port, &mut child, &dir.join("log"));
        }
        Dovecot { child, dir, imap, imaps, pop3, pop3s, lmtp, auth }
    }

    /// Waits until nobody has this user's maildrop locked.
    ///
    /// Dovecot 2.3 forgets now and then that a client whose line was cut is gone, and keeps its maildrop for the ten
    /// minutes that RFC 1939 allows a client to be silent. Such a process is ended, as its session has.
    pub fn await_maildrop(&self, user: &str) {
        let lock = self.dir.join("mail").join(user).join("dovecot-pop3-session.lock");
        let start = Instant::now();
        let mut ended = false;
        while let Ok(owner) = std::fs::read_to_string(&lock) {
            let pid = owner.split(':').next().and_then(|pid| pid.parse().ok()).and_then(rustix::process::Pid::from_raw);
            if let (false, Some(pid), true) = (ended, pid, start.elapsed() > Duration::from_secs(5)) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                ended = true;
            }
            // The lock of a process that was ended stays; the next one that wants it sees that its owner is no more.
            if ended && pid.is_none_or(|pid| rustix::process::test_kill_process(pid).is_err()) {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "{owner} keeps the maildrop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Puts messages into somebody's INBOX, behind the server's back, as a Maildir allows.
    pub fn put(&self, user: &str, messages: &[Vec<u8>]) {
        self.put_into(user, "", messages);
    }

    /// Puts messages into a folder: `.` and its name in Maildir++'s words, or nothing for INBOX.
    pub fn put_into(&self, user: &str, folder: &str, messages: &[Vec<u8>]) {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let own = |path: &Path| {
            std::fs::create_dir_all(path).unwrap();
            chown(path, Some(MAIL), Some(MAIL)).unwrap();
        };
        let home = self.dir.join("mail").join(user);
        own(&home);
        let maildir = home.join(folder);
        own(&maildir);
        for sub in ["tmp", "new", "cur"] {
            own(&maildir.join(sub));
        }
        for message in messages {
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = maildir.join(format!("new/{}.{n:06}.test", 1_700_000_000 + n));
            std::fs::write(&path, message).unwrap();
            chown(&path, Some(MAIL), Some(MAIL)).unwrap();
        }
    }

    /// What somebody else does to the mailboxes meanwhile: `doveadm`, which must succeed.
    pub fn doveadm(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("/usr/bin/doveadm");
        let done = command.arg("-c").arg(self.configuration()).args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        done
    }

    /// The file of its configuration.
    pub fn configuration(&self) -> PathBuf {
        self.dir.join("dovecot.conf")
    }

    /// A Unix socket on which it speaks IMAP.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("imap.sock")
    }

    /// A Unix socket on which it takes logins for others.
    pub fn auth_socket(&self) -> PathBuf {
        self.dir.join("auth.sock")
    }

    /// The messages in somebody's INBOX, in order of their names.
    pub fn messages(&self, user: &str) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for sub in ["new", "cur"] {
            let dir = self.dir.join("mail").join(user).join(sub);
            all.extend(std::fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()));
        }
        all.sort();
        all.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A running Postfix that takes logins from a Dovecot and delivers to it, for alice, bob and carol at example.test.
pub struct Postfix {
    child: Child,
    dir: PathBuf,
    pub smtp: u16,
    pub smtps: u16,
    /// Under TLS from the first byte, without 8BITMIME.
    pub seven: u16,
    /// Under TLS from the first byte, without these extensions; the first lacks none, and takes three recipients at a time.
    pub without: Vec<(&'static str, u16)>,
}

/// What Postfix can leave out of its EHLO.
const LEFT_OUT: [&str; 8] = [
    "",
    "pipelining",
    "chunking",
    "dsn",
    "size",
    "enhancedstatuscodes",
    "smtputf8",
    "8bitmime,pipelining,chunking,dsn,size,enhancedstatuscodes,smtputf8",
];

/// What a message may have there.
pub const LIMIT: usize = 3_000_000;

impl Postfix {
    /// What Dovecot can't take at once it gets a second later.
    pub fn start(home: &Home, dovecot: &Dovecot, certificate: &str) -> Postfix {
        let dir = open_dir(home, "postfix");
        let at = dir.display();
        let [smtp, smtps, seven] = std::array::from_fn(|_| free_port());
        for sub in ["etc", "spool", "data"] {
            open_dir(home, &format!("postfix/{sub}"));
        }
        let postfix = std::fs::read_to_string("/etc/passwd").unwrap();
        let uid = postfix.lines().find_map(|l| l.strip_prefix("postfix:x:")?.split(':').next()?.parse().ok()).unwrap();
        chown(dir.join("data"), Some(uid), None).unwrap();
        std::fs::write(dir.join("etc/cert.pem"), certificate).unwrap();
        std::fs::set_permissions(dir.join("etc/cert.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let (lmtp, auth) = (dovecot.lmtp, dovecot.auth);
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {at}/spool\ndata_directory = {at}/data
command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop
inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmyhostname = mx.example.test\nmydestination =\nmynetworks =
relay_domains =\ndefault_transport = error:no\nalias_maps =\nlocal_recipient_maps =\nmaillog_file = {at}/log\nmaillog_file_prefixes = {at}
virtual_mailbox_domains = example.test\nvirtual_transport = lmtp:inet:127.0.0.1:{lmtp}
virtual_mailbox_maps = inline:{{alice@example.test=x, bob@example.test=x, carol@example.test=x, dave@example.test=x}}
smtp_dns_support_level = disabled\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s
queue_run_delay = 1s\ntransport_retry_time = 1s\nsmtpd_peername_lookup = no\nmessage_size_limit = {LIMIT}\nvirtual_mailbox_limit = 0
smtpd_tls_cert_file = {at}/etc/cert.pem\nsmtpd_tls_key_file = {at}/etc/cert.pem\nsmtpd_tls_security_level = encrypt\nsmtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_recipient_restrictions = permit_sasl_authenticated, reject\nsmtpd_relay_restrictions = permit_sasl_authenticated, reject\n"
        );
        std::fs::write(dir.join("etc/main.cf"), main).unwrap();
        let mut master = format!(
            "127.0.0.1:{smtp} inet n - n - - smtpd\n127.0.0.1:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{seven} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_discard_ehlo_keywords=8bitmime\n"
        );
        let without: Vec<(&str, u16)> = LEFT_OUT.iter().map(|keywords| (*keywords, free_port())).collect();
        for (keywords, port) in &without {
            let limit = if keywords.is_empty() { 3 } else { 1000 };
            master.push_str(&format!(
                "127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes -o smtpd_discard_ehlo_keywords={keywords} -o smtpd_recipient_limit={limit}\n"
            ));
        }
        for (name, kind, private, wakeup, max, command) in [
            ("cleanup", "unix", "n", "-", "0", "cleanup"),
            ("qmgr", "unix", "n", "300", "1", "qmgr"),
            ("tlsmgr", "unix", "-", "1000?", "1", "tlsmgr"),
            ("rewrite", "unix", "-", "-", "-", "trivial-rewrite"),
            ("bounce", "unix", "-", "-", "0", "bounce"),
            ("defer", "unix", "-", "-", "0", "bounce"),
            ("trace", "unix", "-", "-", "0", "bounce"),
            ("error", "unix", "-", "-", "-", "error"),
            ("retry", "unix", "-", "-", "-", "error"),
            ("lmtp", "unix", "-", "-", "-", "lmtp"),
            ("anvil", "unix", "-", "-", "1", "anvil"),
            ("scache", "unix", "-", "-", "1", "scache"),
            ("proxymap", "unix", "-", "-", "-", "proxymap"),
            ("postlog", "unix-dgram", "n", "-", "1", "postlogd"),
        ] {
            master.push_str(&format!("{name} {kind} {private} - n {wakeup} {max} {command}\n"));
        }
        std::fs::write(dir.join("etc/master.cf"), master).unwrap();
        let etc = dir.join("etc");
        let checked = Command::new("/usr/sbin/postfix").arg("-c").arg(&etc).arg("check").output().unwrap();
        assert!(checked.status.success(), "{checked:?}");
        let mut child = start("/usr/lib/postfix/sbin/master", &["-c", &etc.display().to_string(), "-d"]);
        for port in [smtp, smtps, seven].into_iter().chain(without.iter().map(|(_, port)| *port)) {
            await_port(port, &mut child, &dir.join("log"));
        }
        Postfix { child, dir, smtp, smtps, seven, without }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
