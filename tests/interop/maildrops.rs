//! Courier's and Cyrus' POP3 and IMAP servers, which `tests/interop/maildrops.sh` has unpacked, each with a configuration of its own.

use super::common::Home;
use super::servers::{MAIL, PASSWORD, await_port, can_run, end, free_port, open_dir, start};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;

const UNPACKED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/maildrops");
const CYRUS: &str = "/usr/lib/cyrus/bin";

/// Whether the tests can run here.
pub(crate) fn ready() -> bool {
    let there = ["/usr/sbin/couriertcpd", "/usr/sbin/makeuserdb", "/usr/lib/cyrus/bin/master", "/usr/bin/db5.3_load"];
    can_run(&[&[format!("{UNPACKED}/complete").as_str()], &there[..]].concat())
}

/// A running server, with bob and carol, and how messages get into bob's maildrop.
pub(crate) struct Maildrop {
    child: Child,
    dir: PathBuf,
    /// STLS is offered.
    pub(crate) pop3: u16,
    /// TLS from the first byte.
    pub(crate) pop3s: u16,
    /// STARTTLS is offered.
    pub(crate) imap: u16,
    /// TLS from the first byte.
    pub(crate) imaps: u16,
    /// LMTP, where that is the way.
    pub(crate) lmtp: Option<u16>,
}

/// Courier looks for its users and for authdaemond at fixed places: they are others in a name space of its own.
const COURIER: &str = r#"set -eu
trap 'kill $started' TERM
mount --bind "$1/etc" /etc/courier
mount --bind "$1/run" /run/courier
makeuserdb
/usr/lib/courier/courier-authlib/authdaemond &
started=$!
until [ -S /run/courier/authdaemon/socket ]; do sleep 0.02; done
export TLS_CERTFILE="$1/cert.pem" TLS_PROTOCOL=TLSv1.2+ TLS_STARTTLS_PROTOCOL=TLSv1.2+ COURIERTLS=/usr/bin/couriertls POP3AUTH="PLAIN LOGIN" POP3AUTH_TLS="PLAIN LOGIN"
export POP3_STARTTLS=YES POP3_TLS_REQUIRED=0
# It leaves the process group.
listen() { couriertcpd -address=127.0.0.1 -nodnslookup -noidentlookup -maxprocs=40 -maxperip=40 "$@" & started="$started $!"; }
listen "$4" /usr/bin/couriertls -server -tcpd "$2/courierpop3login" "$2/courierpop3d" Maildir
listen "$3" "$2/courierpop3login" "$2/courierpop3d" Maildir
export IMAP_CAPABILITY="IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"
export IMAP_CAPABILITY_TLS="$IMAP_CAPABILITY AUTH=PLAIN" IMAP_KEYWORDS=1 IMAP_ACL=1 IMAP_USELOCKS=1 IMAP_IDLE_TIMEOUT=1
export IMAP_CHECK_ALL_FOLDERS=0 IMAP_OBSOLETE_CLIENT=0 IMAP_UMASK=022 IMAP_ENHANCEDIDLE=0 IMAP_EMPTYTRASH= IMAP_TRASHFOLDERNAME=Trash
export IMAP_STARTTLS=YES IMAP_TLS_REQUIRED=0
listen "$5" "$2/imaplogin" "$2/imapd" Maildir
export IMAP_TLS=1
listen "$6" /usr/bin/couriertls -server -tcpd "$2/imaplogin" "$2/imapd" Maildir
wait
"#;

impl Maildrop {
    /// Courier with bob's Maildir, where the messages are put.
    pub(crate) fn courier(home: &Home, certificate: &str, messages: &[Vec<u8>]) -> Maildrop {
        let dir = open_dir(home, "courier");
        let ports: [u16; 4] = std::array::from_fn(|_| free_port());
        for name in ["etc", "run/authdaemon"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        for (user, sub) in ["bob", "carol"].into_iter().flat_map(|user| ["cur", "new", "tmp"].map(|sub| (user, sub))) {
            std::fs::create_dir_all(dir.join(user).join("Maildir").join(sub)).unwrap();
        }
        // For STLS another user reads it.
        std::fs::write(dir.join("cert.pem"), certificate).unwrap();
        let rc = "authmodulelist=authuserdb\nauthmodulelistorig=authuserdb\ndaemons=2\nDEBUG_LOGIN=0\nDEFAULTOPTIONS=\nLOGGEROPTS=\n";
        secret(&dir.join("etc/authdaemonrc"), &format!("{rc}authdaemonvar=/run/courier/authdaemon\n"));
        let crypted = home.sh(&format!("openssl passwd -6 {PASSWORD}")).ends(0).out;
        let user = |name: &str| {
            let (dir, crypted) = (dir.display(), crypted.trim());
            format!("{name}\tuid={MAIL}|gid={MAIL}|home={dir}/{name}|systempw={crypted}\n")
        };
        secret(&dir.join("etc/userdb"), &["bob", "carol"].map(user).concat());
        for (n, message) in messages.iter().enumerate() {
            std::fs::write(dir.join(format!("bob/Maildir/new/{}.{n}.test", 1_700_000_000 + n)), message).unwrap();
        }
        home.sh(&format!("chown -R {MAIL}:{MAIL} courier/bob courier/carol")).ends(0);
        let at = dir.display().to_string();
        let mut words = ["-m", "sh", "-c", COURIER, "sh", &at, UNPACKED].map(str::to_owned).to_vec();
        words.extend(ports.iter().map(u16::to_string));
        let child = start("unshare", &words.iter().map(String::as_str).collect::<Vec<_>>());
        let [pop3, pop3s, imap, imaps] = ports;
        Maildrop { child, dir, pop3, pop3s, imap, imaps, lmtp: None }.listening()
    }

    /// Cyrus, which makes a mailbox for whom LMTP brings something.
    pub(crate) fn cyrus(home: &Home, certificate: &str) -> Maildrop {
        let dir = open_dir(home, "cyrus");
        let at = dir.display();
        let [pop3, pop3s, imap, imaps, lmtp] = std::array::from_fn(|_| free_port());
        for name in ["db", "socket", "log", "proc", "lock", "spool"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        let config = format!(
            "configdirectory: {at}\npartition-default: {at}/spool\nproc_path: {at}/proc\nmboxname_lockpath: {at}/lock
sasl_pwcheck_method: auxprop\nsasl_auxprop_plugin: sasldb\nsasl_sasldb_path: {at}/sasldb2\nservername: localhost
sasl_mech_list: PLAIN SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5\nallowplaintext: no\nautocreate_quota: 0\nautocreate_post: yes
imapidlepoll: 1\nduplicatesuppression: no\ntls_server_cert: {at}/cert.pem\ntls_server_key: {at}/cert.pem\n"
        );
        std::fs::write(dir.join("imapd.conf"), config).unwrap();
        let service = |name: &str, program: &str, port: u16| {
            format!("{name} cmd=\"{program} -C {at}/imapd.conf\" listen=\"127.0.0.1:{port}\" prefork=0\n")
        };
        let services = [
            service("pop3", &format!("{UNPACKED}/pop3d"), pop3),
            service("pop3s", &format!("{UNPACKED}/pop3d -s"), pop3s),
            service("imap", &format!("{UNPACKED}/cyrus-imapd"), imap),
            service("imaps", &format!("{UNPACKED}/cyrus-imapd -s"), imaps),
            service("lmtp", &format!("{CYRUS}/lmtpd -a"), lmtp),
        ]
        .concat();
        let start_up = format!("recover cmd=\"{CYRUS}/ctl_cyrusdb -C {at}/imapd.conf -r\"\n");
        std::fs::write(dir.join("cyrus.conf"), format!("START {{\n{start_up}}}\nSERVICES {{\n{services}}}\n")).unwrap();
        secret(&dir.join("cert.pem"), certificate);
        // As saslpasswd2(8) writes it.
        let user = |name: &str| format!(r"{name}\\00localhost\\00userPassword\n{PASSWORD}\n");
        let users = ["bob", "carol"].map(user).concat();
        let loaded = format!("printf '{users}' | db5.3_load -T -t hash cyrus/sasldb2");
        home.sh(&format!("{loaded}; chown -R cyrus:mail cyrus")).ends(0);
        let (imapd, cyrus) = (format!("{at}/imapd.conf"), format!("{at}/cyrus.conf"));
        let child = start(
            &format!("{CYRUS}/master"),
            &["-C", &imapd, "-M", &cyrus, "-p", &format!("{at}/pid"), "-L", &format!("{at}/log/master")],
        );
        Maildrop { child, dir, pop3, pop3s, imap, imaps, lmtp: Some(lmtp) }.listening()
    }

    fn listening(mut self) -> Maildrop {
        for port in
            [Some(self.pop3), Some(self.pop3s), Some(self.imap), Some(self.imaps), self.lmtp].into_iter().flatten()
        {
            await_port(port, &mut self.child, &self.dir.join("log/master"));
        }
        self
    }
}

/// A file for its owner alone.
fn secret(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

impl Drop for Maildrop {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}
