#!/usr/bin/env python3
"""Measures what is promised: start-up, memory with a large message, idle connections, rates, the CPU of
one send next to msmtp's (where that is installed), deliveries by smtp-source next to Postfix's own (where that is installed, and for
root, whom Postfix wants). Prints figures; judges nothing.

usage: measure.py DIR-OF-RELEASE-PROGRAMS [MEGABYTES | rates]

With the word rates, only the deliveries by smtp-source are measured.
"""
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BIN = os.path.abspath(sys.argv[1])
ONLY_RATES = sys.argv[2:] == ["rates"]
MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 and not ONLY_RATES else 400
HOME = tempfile.mkdtemp()
ENV = {"HOME": HOME, "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def run(arguments, stdin=None):
    """One run: wall seconds, CPU seconds."""
    begun = time.perf_counter()
    child = subprocess.Popen(arguments, env=ENV, cwd=HOME, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, (arguments, child.returncode)
    return wall, usage.ru_utime + usage.ru_stime


def peak(arguments, stdin=None):
    """Peak memory of one run in MiB, by GNU time, which is small itself (a child of ours begins with our own size)."""
    command = ["/usr/bin/time", "-o", f"{HOME}/time", "-f", "%M", *arguments]
    subprocess.run(command, env=ENV, cwd=HOME, stdin=stdin or subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return int(open(f"{HOME}/time").read()) / 1024


def rss(pid, field="VmRSS"):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0


class Server:
    def __init__(self):
        arguments = ["mail-serve", "--root", f"{HOME}/mail", "--create", "--any-password", "--connections", "4000"]
        arguments += ["--connections-per-address", "4000"]
        arguments += ["--smtp-port", "0", "--pop3-port", "0", "--imap-port", "0"]
        self.child = subprocess.Popen(arguments, env=ENV, cwd=HOME, stdout=subprocess.PIPE, text=True)
        lines = [self.child.stdout.readline().split() for _ in range(3)]
        self.port = {name: int(at.rsplit(":", 1)[1]) for name, at in lines}

    def stop(self):
        self.child.terminate()
        assert self.child.wait() == 0


def starting():
    for program in ["smtp-send", "pop3-ls", "pop3-fetch", "imap-ls", "imap-fetch", "mailfmt", "mail-serve"]:
        runs = [run([program, "--version"]) for _ in range(50)]
        print(f"start {program:11} {statistics.median(r[0] for r in runs) * 1000:.1f} ms, {peak([program, '--version']):.1f} MiB")
    runs = [run(["/bin/true"]) for _ in range(50)]
    print(f"start /bin/true   {statistics.median(r[0] for r in runs) * 1000:.1f} ms (the floor of this way to measure)")


def large(server):
    with open(f"{HOME}/big", "wb") as f:
        f.write(b"From: a@localhost\nTo: bob@localhost\nSubject: big\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <1@x>\n\n")
        line = b"x" * 76 + b"\n"
        for _ in range(MEGABYTES):
            f.write(line * (2**20 // len(line)))
    with open(f"{HOME}/pw", "w") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write("x\n")
    smtp, pop3, imap = (server.port[p] for p in ("smtp", "pop3", "imap"))
    pw = ["--password-file", "pw"]
    for name, arguments in [
        ("smtp-send", ["smtp-send", "-a", f"smtp+plain://127.0.0.1:{smtp}", "bob@localhost"]),
        ("pop3-fetch", ["pop3-fetch", *pw, f"pop3+plain://bob@127.0.0.1:{pop3}", "--into", "maildir:P"]),
        ("imap-fetch", ["imap-fetch", *pw, f"imap+plain://bob@127.0.0.1:{imap}/INBOX", "--into", "maildir:I"]),
        ("local: smtp-send", ["smtp-send", "bob@localhost"]),
        ("local: pop3-fetch", ["pop3-fetch", "local://bob", "--into", "maildir:LP"]),
        ("local: imap-fetch", ["imap-fetch", "local://bob/INBOX", "--into", "maildir:LI"]),
    ]:
        with open(f"{HOME}/big", "rb") as f:
            wall, cpu = run(arguments, stdin=f)
        # Once more for the memory; what was fetched is fetched again.
        again = [*arguments, "--state", "again"] if "pop3-fetch" in arguments else arguments
        with open(f"{HOME}/big", "rb") as f:
            most = peak(again, stdin=f)
        print(f"{MEGABYTES} MiB {name:17} {wall:6.2f} s, {cpu:5.2f} s CPU, {most:5.1f} MiB")
    print(f"{MEGABYTES} MiB mail-serve        peak {rss(server.child.pid, 'VmHWM'):5.1f} MiB")
    for name in ("P", "I", "LP", "LI"):
        shutil.rmtree(f"{HOME}/{name}")
    os.unlink(f"{HOME}/big")


def idle(server):
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, max(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    before = rss(server.child.pid)
    sockets = []
    for n in range(1000):
        s = socket.create_connection(("127.0.0.1", server.port[("smtp", "pop3", "imap")[n % 3]]))
        s.recv(1000)
        sockets.append(s)
    print(f"idle: 1000 connections, {rss(server.child.pid):.1f} MiB (before: {before:.1f})")
    for s in sockets:
        s.close()


def rate(server, count, threads, keep):
    message = b"From: a@localhost\r\nSubject: s\r\n\r\n" + (b"x" * 70 + b"\r\n") * 57

    def send(n):
        def connect():
            s = socket.create_connection(("127.0.0.1", server.port["smtp"]))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            f = s.makefile("rb")
            f.readline()
            s.sendall(b"HELO x\r\n")
            f.readline()
            return s, f

        s = None
        for _ in range(n):
            if s is None:
                s, f = connect()
            s.sendall(b"MAIL FROM:<a@localhost>\r\nRCPT TO:<rate@localhost>\r\nDATA\r\n")
            for _ in range(3):
                f.readline()
            s.sendall(message + b".\r\n")
            assert f.readline().startswith(b"250")
            if not keep:
                s.sendall(b"QUIT\r\n")
                f.readline()
                f.close()
                s.close()
                s = None

    begun = time.perf_counter()
    workers = [threading.Thread(target=send, args=(count // threads,)) for _ in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    took = time.perf_counter() - begun
    how = "kept" if keep else "new each"
    print(f"rate: {count / took:6.0f} messages/s of 4 KiB into one Maildir, synced, {threads} connections, {how}")


POSTFIX = """
compatibility_level = 3.6
queue_directory = {home}/postfix/spool
data_directory = {home}/postfix/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = localhost
virtual_transport = {transport}
virtual_mailbox_base = {home}/postfix/mail
virtual_mailbox_maps = static:bench/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
maillog_file = /dev/stdout
"""


class Postfix:
    """Postfix with its own configuration and queue; it discards what it has taken, so that only the taking is measured."""

    def __init__(self):
        import pwd

        self.port = free_port()
        etc = f"{HOME}/postfix/etc"
        os.chmod(HOME, 0o755)
        for name in ("etc", "spool", "data", "mail"):
            os.makedirs(f"{HOME}/postfix/{name}")
        user = pwd.getpwnam("postfix")
        for name in ("data", "mail"):
            os.chown(f"{HOME}/postfix/{name}", user.pw_uid, user.pw_gid)
        with open(f"{etc}/main.cf", "w") as f:
            f.write(POSTFIX.format(home=HOME, transport="discard:", uid=user.pw_uid, gid=user.pw_gid))
        with open("/etc/postfix/master.cf") as f, open(f"{etc}/master.cf", "w") as out:
            for line in f:
                words = line.split()
                if words[:2] == ["smtp", "inet"]:
                    line = f"127.0.0.1:{self.port} inet n - n - - smtpd\n"
                elif len(words) > 7 and words[1].startswith("unix") and words[4] == "y":
                    line = " ".join([*words[:4], "n", *words[5:]]) + "\n"
                out.write(line)
        self.etc = etc
        subprocess.run(["postfix", "-c", etc, "start"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.port)

    def stop(self):
        subprocess.run(["postfix", "-c", self.etc, "stop"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def smtp_source(port, kept):
    """2000 messages of 4 KiB to one mailbox over ten connections: messages a second."""
    how = ["-d"] if kept else []
    arguments = ["smtp-source", *how, "-s", "10", "-l", "4096", "-f", "a@localhost", "-t", "bench@localhost"]
    subprocess.run([*arguments, "-m", "100", f"127.0.0.1:{port}"], check=True)
    begun = time.perf_counter()
    subprocess.run([*arguments, "-m", "2000", f"127.0.0.1:{port}"], check=True)
    return 2000 / (time.perf_counter() - begun)


def rates(server, rounds=5):
    """In turn, so that what else the machine does meets all of them."""
    if not shutil.which("smtp-source"):
        print("source: skipped, smtp-source (of Postfix) is not installed")
        return
    ports = {"mail-serve": server.port["smtp"]}
    postfix = Postfix() if shutil.which("postfix") and os.getuid() == 0 and os.path.exists("/etc/postfix/master.cf") else None
    if postfix:
        ports["Postfix"] = postfix.port
    try:
        for kept in (False, True):
            found = {name: [] for name in ports}
            for _ in range(rounds):
                for name, port in ports.items():
                    found[name].append(smtp_source(port, kept))
            for name, runs in found.items():
                line = f"source: {name:10} {statistics.median(runs):6.0f} messages/s (best {max(runs):.0f}), connections "
                line += "kept" if kept else "new each"
                if postfix and name != "Postfix":
                    line += f", {statistics.median(a / b for a, b in zip(runs, found['Postfix'])):.2f} times Postfix"
                print(line, flush=True)
    finally:
        if postfix:
            postfix.stop()


def one_send():
    """The CPU of one message to a sink, next to msmtp's."""
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True)
    port = int(sink.stdout.readline())
    with open(f"{HOME}/one", "w") as f:
        f.write("From: a@localhost\nTo: b@localhost\nSubject: s\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <1@x>\n\nhello\n")
    jobs = {"smtp-send": ["smtp-send", "-a", f"smtp+plain://127.0.0.1:{port}", "b@localhost"]}
    if shutil.which("msmtp"):
        jobs["msmtp"] = ["msmtp", "--host=127.0.0.1", f"--port={port}", "--from=a@localhost", "b@localhost"]
    runs = {name: [] for name in jobs}
    for _ in range(100):
        for name, arguments in jobs.items():
            with open(f"{HOME}/one", "rb") as f:
                runs[name].append(run(arguments, stdin=f))
    for name, all_runs in runs.items():
        wall, cpu = (statistics.median(r[i] for r in all_runs) for i in range(2))
        print(f"send: {name:9} {wall * 1000:5.1f} ms, {cpu * 1000:4.1f} ms CPU (medians of 100, in turn)")
    sink.kill()
    sink.wait()


SINK = """
import socket, threading
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
def serve(c):
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    f = c.makefile("rb"); say = c.sendall; data = False
    say(b"220 sink\\r\\n")
    for line in f:
        if data:
            if line == b".\\r\\n": data = False; say(b"250 ok\\r\\n")
            continue
        verb = line[:4].upper()
        if verb == b"EHLO": say(b"250-sink\\r\\n250-PIPELINING\\r\\n250-8BITMIME\\r\\n250 SIZE\\r\\n")
        elif verb == b"DATA": data = True; say(b"354 go\\r\\n")
        elif verb == b"QUIT": say(b"221 bye\\r\\n"); break
        else: say(b"250 ok\\r\\n")
    c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""

try:
    if ONLY_RATES:
        server = Server()
        rates(server)
        server.stop()
        sys.exit()
    starting()
    one_send()
    server = Server()
    idle(server)
    large(server)
    rate(server, 2000, 10, True)
    rate(server, 1000, 10, False)
    rates(server)
    server.stop()
finally:
    shutil.rmtree(HOME, ignore_errors=True)
