#!/usr/bin/env python3
"""Measures the programs next to those that people have: the same job, from the same Dovecot or to the same Postfix, in turn; and
mail-serve next to Dovecot with a large folder and as an LMTP server, and what TLS adds to a program's start.

usage: peers.py DIR-OF-RELEASE-PROGRAMS [ROUNDS [fetching|sending|folder|lmtp|tls ...]]
Needs root, for servers with users of their own, and on Debian: dovecot-imapd dovecot-pop3d dovecot-lmtpd postfix mpop fetchmail isync
curl msmtp. The servers get a temporary directory and free ports of the loopback interface, and end with this program. Prints medians
of all rounds, and the ratio of the wall times; judges nothing. What each program does for safety differs: how often it calls fsync
or syncfs is printed, where strace is installed. All times hang on the disk and on who else uses it.
"""
import os
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time

BIN = os.path.abspath(sys.argv[1])
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
PARTS = sys.argv[3:] or ["fetching", "sending", "folder", "lmtp", "tls"]
HOME = tempfile.mkdtemp()
os.chmod(HOME, 0o755)
ENV = {"HOME": HOME, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin", "LC_ALL": "C.UTF-8"}
FETCHED, SENT, LARGE, MAIL = 1000, 500, 100_000, 8
BODY = ("x" * 71 + "\n") * 57


def letter(n):
    head = f"From: a@example.org\nTo: bob@example.org\nSubject: {n}\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <{n}@x>\n\n"
    return head + BODY


def write(name, text):
    path = os.path.join(HOME, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    return path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def start(arguments, ports):
    child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *arguments], env=ENV, process_group=0,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for port in ports:
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert child.poll() is None, arguments
                time.sleep(0.01)
    return child


def dovecot():
    imap, pop3, lmtp = free_port(), free_port(), free_port()
    path = write("dovecot/dovecot.conf", f"""
base_dir = {HOME}/dovecot/run
state_dir = {HOME}/dovecot/state
log_path = {HOME}/dovecot/log
protocols = imap pop3 lmtp
listen = 127.0.0.1
first_valid_uid = {MAIL}
mail_location = maildir:{HOME}/dovecot/mail/%u
auth_username_format = %Ln
disable_plaintext_auth = no
ssl = no
passdb {{
  driver = static
  args = password=x
}}
userdb {{
  driver = static
  args = uid={MAIL} gid={MAIL} home={HOME}/dovecot/mail/%u
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
}}
service lmtp {{
  chroot =
  user = mail
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
""")
    for n in range(FETCHED):
        write(f"dovecot/mail/bob/cur/{1_700_000_000 + n}.{n}.x:2,", letter(n))
    os.makedirs(f"{HOME}/dovecot/mail/bob/new")
    os.makedirs(f"{HOME}/dovecot/mail/bob/tmp")
    if "folder" in PARTS:
        large(f"{HOME}/dovecot/mail/large")
    subprocess.run(["chown", "-R", f"{MAIL}:{MAIL}", f"{HOME}/dovecot/mail"], check=True)
    os.chmod(f"{HOME}/dovecot", 0o755)
    return start(["/usr/sbin/dovecot", "-F", "-c", path], [imap, pop3, lmtp]), imap, pop3, lmtp


def large(maildir):
    """Messages of 1 KiB, as a mailing list has them."""
    for sub in ("cur", "new", "tmp"):
        os.makedirs(f"{maildir}/{sub}")
    body = ("x" * 71 + "\n") * 9
    for n in range(LARGE):
        text = f"Received: from mx.example.org by mail.example.org with ESMTPS id {n}; Sun, 22 Nov 2026 12:00:00 +0000\n"
        text += f'From: "Person {n % 977}" <p{n % 977}@example.org>\nTo: Bob <bob@example.org>, "A list" <list@example.org>\n'
        text += f"Subject: Re: [list] message {n} of day {n // 50}\nDate: Sun, 22 Nov 2026 12:{n // 60 % 60:02}:{n % 60:02} +0000\n"
        text += f"Message-ID: <{n}@example.org>\nIn-Reply-To: <{n - 1}@example.org>\n"
        text += f"References: <{n - 2}@example.org> <{n - 1}@example.org>\n\n{body}"
        size, flags = len(text), "S" if n % 3 else ""
        name = f"{1_700_000_000 + n}.M{n}P1.mail,S={size},W={size + text.count(chr(10))}:2,{flags}"
        with open(f"{maildir}/cur/{name}", "w") as f:
            f.write(text)


def postfix():
    smtp, at = free_port(), f"{HOME}/postfix"
    write("postfix/main.cf", f"""
compatibility_level = 3.6
queue_directory = {at}/spool
data_directory = {at}/data
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
mynetworks =
alias_maps =
maillog_file = {at}/log
maillog_file_prefixes = {at}
relay_domains = example.org
relay_transport = discard
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
""")
    master = f"127.0.0.1:{smtp} inet n - n - - smtpd\n"
    for line in ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
                 "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce",
                 "error unix - - n - - error", "retry unix - - n - - error", "discard unix - - n - - discard",
                 "anvil unix - - n - 1 anvil", "proxymap unix - - n - - proxymap",
                 "postlog unix-dgram n - n - 1 postlogd"]:
        master += line + "\n"
    write("postfix/master.cf", master)
    os.chmod(at, 0o755)
    for sub in ("spool", "data"):
        os.makedirs(f"{at}/{sub}")
    subprocess.run(["chown", "postfix", f"{at}/data"], check=True)
    subprocess.run(["postfix", "-c", at, "check"], check=True, env=ENV)
    return start(["/usr/lib/postfix/sbin/master", "-c", at, "-d"], [smtp]), smtp


def run(arguments, stdin=None):
    """Wall and CPU seconds of one run, its children's too."""
    before = os.times()
    begun = time.perf_counter()
    # subprocess.DEVNULL is open for reading too, which looks like a stdout that was closed.
    with open(stdin or os.devnull, "rb") as f, open(os.devnull, "wb") as out:
        ran = subprocess.run(arguments, env=ENV, cwd=HOME, stdin=f, stdout=out, stderr=subprocess.PIPE)
    wall = time.perf_counter() - begun
    assert ran.returncode == 0, (arguments, ran)
    after = os.times()
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def syncs(arguments, stdin=None):
    """How often it asks for stable storage."""
    trace = f"{HOME}/strace"
    run(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs,sync", "-o", trace, *arguments], stdin)
    with open(trace) as f:
        return sum(1 for line in f if re.search(r"sync\w*\(", line))


def compare(what, jobs):
    """`jobs`: name, arguments, a directory or file of its own that is emptied before each run, and perhaps a file for stdin."""
    def fresh(place):
        for name in place:
            path = f"{HOME}/{name}"
            shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.unlink(path)

    times = {name: [] for name, *_ in jobs}
    counts = {}
    for _ in range(ROUNDS):
        for name, arguments, place, *stdin in jobs:
            fresh(place)
            times[name].append(run(arguments, *stdin))
    for name, arguments, place, *stdin in jobs:
        fresh(place)
        counts[name] = syncs(arguments, *stdin) if shutil.which("strace") else "?"
    first = None
    for name, *_ in jobs:
        wall, cpu = (statistics.median(r[i] for r in times[name]) for i in range(2))
        first = first or wall
        print(f"{what}: {name:34} {wall:7.3f} s, {cpu:6.3f} s CPU, {counts[name]:>5} syncs, {wall / first:6.2f} of the first")


def fetching(imap, pop3):
    pw = ["--password-file", write("pw", "x\n")]
    write("mpoprc", f"account x\nhost 127.0.0.1\nport {pop3}\ntls off\nauth user\nuser bob\npassword x\nkeep on\n"
          f"received_header off\nuidls_file {HOME}/mpop.uidls\ndelivery maildir {HOME}/mpop\n")
    write("fetchmailrc", f"poll 127.0.0.1 service {pop3} proto pop3 uidl auth password user bob password x keep fetchall sslproto \"\" "
          f"mda \"cat >> {HOME}/fetchmail.mbox\"\n")
    write("mbsyncrc", f"IMAPAccount x\nHost 127.0.0.1\nPort {imap}\nUser bob\nPass x\nSSLType None\nAuthMechs LOGIN\n\n"
          f"IMAPStore far\nAccount x\n\nMaildirStore near\nInbox {HOME}/mbsync/\n\n"
          f"Channel x\nFar :far:\nNear :near:\nSync Pull\nSyncState *\n")
    pop3_url, imap_url = f"pop3+plain://bob@127.0.0.1:{pop3}", f"imap+plain://bob@127.0.0.1:{imap}/INBOX"

    maildir = "mkdir -p mpop/cur mpop/new mpop/tmp; exec mpop -q -C mpoprc x"
    state = ".local"
    compare(f"POP3, {FETCHED} messages of 4 KiB", [
        ("pop3-fetch --into maildir:", ["pop3-fetch", *pw, pop3_url, "--into", "maildir:P"], ["P", state]),
        ("pop3-fetch --into mbox:", ["pop3-fetch", *pw, pop3_url, "--into", "mbox:PM"], ["PM", state]),
        ("mpop, maildir", ["sh", "-c", maildir], ["mpop", "mpop.uidls"]),
        ("fetchmail, mda cat (no sync)", ["fetchmail", "-s", "-f", "fetchmailrc", "--nodetach", "-i", "fetchids"],
         ["fetchmail.mbox", "fetchids"]),
    ])
    compare(f"IMAP, {FETCHED} messages of 4 KiB", [
        ("imap-fetch --into maildir:", ["imap-fetch", *pw, imap_url, "--into", "maildir:I"], ["I", state]),
        ("imap-fetch --into mbox:", ["imap-fetch", *pw, imap_url, "--into", "mbox:IM"], ["IM", state]),
        ("mbsync, maildir", ["sh", "-c", "mkdir -p mbsync; exec mbsync -q -c mbsyncrc x"], ["mbsync"]),
        ("curl, files (no sync)", ["sh", "-c", f"mkdir -p C; exec curl -s -u bob:x 'imap://127.0.0.1:{imap}/INBOX;UID=[1-{FETCHED}]' -o 'C/#1'"], ["C"]),
    ])


def sending(smtp):
    mbox = "".join(f"From a@example.org Sun Nov 22 12:00:00 2026\n{letter(n)}\n" for n in range(SENT))
    write("mbox", mbox)
    for n in range(SENT):
        write(f"letters/{n}", letter(n))
    one = "for f in letters/*; do %s < $f || exit 1; done"
    url = f"smtp+plain://127.0.0.1:{smtp}"
    msmtp = f"msmtp --host=127.0.0.1 --port={smtp} --tls=off --from=a@example.org bob@example.org"
    compare(f"SMTP, {SENT} messages of 4 KiB", [
        ("smtp-send --mbox", ["smtp-send", "--mbox", "-a", url, "-f", "a@example.org", "bob@example.org"], [], f"{HOME}/mbox"),
        ("smtp-send, one by one", ["sh", "-c", one % f"smtp-send -a {url} -f a@example.org bob@example.org"], []),
        ("msmtp, one by one", ["sh", "-c", one % msmtp], []),
    ])


def serve(root):
    """mail-serve, its ports by protocol, and its key's pin."""
    arguments = ["mail-serve", "--root", root, "--create", "--any-password", "--connections-per-address", "1000"]
    for name in ("smtp", "pop3", "imap", "lmtp"):
        arguments += [f"--{name}-port", "0"]
    child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *arguments], env=ENV, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
    ports = {}
    for line in child.stdout:
        name, at = line.split()[:2]
        if name == "pin":
            return child, ports, at
        ports[name] = int(at.rsplit(":", 1)[1])
    raise SystemExit("mail-serve does not start")


def end(child):
    child.send_signal(signal.SIGTERM)
    child.wait()


class Imap:
    """A client that reads answers and throws them away."""

    def __init__(self, port, user):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb", 1 << 20)
        self.file.readline()
        self.seconds(f"LOGIN {user} x")

    def seconds(self, command):
        begun = time.perf_counter()
        self.socket.sendall(f"a {command}\r\n".encode())
        while not (line := self.file.readline()).startswith(b"a "):
            assert line
        assert line.startswith(b"a OK"), line
        return time.perf_counter() - begun

    def leave(self):
        self.seconds("LOGOUT")
        self.socket.close()


ENVELOPES = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"


def folder(dovecot_port):
    """SELECT and FETCH of a large folder: at first, then in new sessions, then in a new process of mail-serve."""
    large(f"{HOME}/serve/large")
    found = {}

    def session(port, name, again=False):
        client = Imap(port, "large")
        found.setdefault((name, "SELECT"), []).append(client.seconds("SELECT INBOX"))
        found.setdefault((name, "envelopes"), []).append(client.seconds(ENVELOPES))
        if again:
            for what in ("SORT (SUBJECT) UTF-8 ALL", 'SEARCH SUBJECT "day 77"'):
                found.setdefault((name, what), []).append(client.seconds(what))
        client.leave()

    for _ in range(ROUNDS):
        subprocess.run(f"rm -f {HOME}/dovecot/mail/large/dovecot* {HOME}/serve/large/pipepost*", shell=True, check=True)
        child, ports, _ = serve(f"{HOME}/serve")
        # A directory that has just changed is nothing to rely on.
        time.sleep(3)
        for turn in ("first", "second"):
            session(dovecot_port, f"Dovecot, {turn}", turn == "second")
            session(ports["imap"], f"mail-serve, {turn}", turn == "second")
        with open(f"/proc/{child.pid}/status") as f:
            memory = [line.split()[1] for line in f if line.startswith("VmHWM:")]
        end(child)
        child, ports, _ = serve(f"{HOME}/serve")
        session(ports["imap"], "mail-serve, new process")
        end(child)
    for (name, what), seconds in found.items():
        print(f"folder of {LARGE}: {name:24} {what:26} {statistics.median(seconds) * 1000:8.1f} ms (best {min(seconds) * 1000:.1f})")
    print(f"folder of {LARGE}: mail-serve's peak of memory {int(memory[0]) / 1024:.1f} MiB")


def lmtp(dovecot_port):
    """2000 messages of 4 KiB to one mailbox over ten connections, each on stable storage before its answer."""
    child, ports, _ = serve(f"{HOME}/lmtp")
    servers = {"mail-serve": ports["lmtp"], "Dovecot": dovecot_port}
    for kept in (False, True):
        found = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, port in servers.items():
                arguments = ["smtp-source", "-L", *(["-d"] if kept else []), "-s", "10", "-l", "4096", "-m", "2000",
                             "-f", "a@localhost", "-t", "lmtp@localhost", f"127.0.0.1:{port}"]
                found[name].append(2000 / run(arguments)[0])
        for name, rates in found.items():
            how = "kept" if kept else "new each"
            print(f"LMTP: {name:10} {statistics.median(rates):6.0f} messages/s (best {max(rates):.0f}), connections {how}")
    end(child)


def tls():
    """One program's run on a clear line and on one under TLS, beside a bare handshake."""
    child, ports, pin = serve(f"{HOME}/tls")
    password = ["--password-file", write("pw", "x\n")]
    run(["smtp-send", "-a", f"smtp+plain://127.0.0.1:{ports['smtp']}", "-s", "x", "bob@localhost"])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def handshake():
        with socket.create_connection(("127.0.0.1", ports["imaps"])) as s:
            begun = time.perf_counter()
            context.wrap_socket(s).close()
            return time.perf_counter() - begun

    bare = statistics.median(handshake() for _ in range(50))
    for program, scheme, path in [("imap-ls", "imap", "/INBOX"), ("pop3-ls", "pop3", ""), ("smtp-send", "smtp", "")]:
        last = ["-s", "x", "bob@localhost"] if scheme == "smtp" else []
        option = ["-a"] if scheme == "smtp" else []
        login = [] if scheme == "smtp" else password
        user = "" if scheme == "smtp" else "bob@"
        clear = [program, *option, f"{scheme}+plain://{user}127.0.0.1:{ports[scheme]}{path}", *login, *last]
        under = [program, *option, f"{scheme}s://{user}127.0.0.1:{ports[scheme + 's']}{path}", "--pin", pin, *login, *last]
        pairs = [(run(clear)[0], run(under)[0]) for _ in range(20 * ROUNDS)]
        a, b = (statistics.median(pair[i] for pair in pairs) * 1000 for i in range(2))
        print(f"TLS: {program:10} {a:5.1f} ms clear, {b:5.1f} ms under TLS: {b - a:4.1f} more; a handshake of Python's {bare * 1000:.1f}")
    end(child)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
children = []
try:
    child, imap_port, pop3_port, lmtp_port = dovecot()
    children.append(child)
    if "sending" in PARTS:
        child, smtp_port = postfix()
        children.append(child)
        sending(smtp_port)
    if "fetching" in PARTS:
        fetching(imap_port, pop3_port)
    if "folder" in PARTS:
        folder(imap_port)
    if "lmtp" in PARTS:
        lmtp(lmtp_port)
    if "tls" in PARTS:
        tls()
finally:
    for child in children:
        child.send_signal(signal.SIGTERM)
        child.wait()
    shutil.rmtree(HOME, ignore_errors=True)
