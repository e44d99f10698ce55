#!/usr/bin/env python3
"""Measures smtp-send next to msmtp, curl, swaks, Postfix's smtp-source and Python's smtplib: the same job to the same server, by turns.

usage: sending.py DIR-OF-RELEASE-PROGRAMS [--quick] [--rounds N] [trips|one|login|many|large|huge|queue ...]

--quick takes a few rounds of small messages, and is for finding out whether all of it works. Needs smtp-sink and smtp-source (of
Postfix); a peer that is not installed is left out; `login` needs root and Debian's postfix and dovecot-imapd. Everything is on the
loopback interface. What the figures mean is told in bench.py.
"""
import os
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading

from bench import ENV, HOME, Far, children, compare, end, flags, free_port, has, known, measure, peak, rounds, run, start, write

FROM, TO, LINE = "a@localhost", "bob@localhost", "x" * 71 + "\n"


def letter(n, size):
    head = f"From: {FROM}\nTo: {TO}\nSubject: {n}\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <{n}@x>\n\n"
    return head + LINE * ((size - len(head)) // len(LINE)) + "\n"


def sink(*arguments):
    """Postfix's smtp-sink, which throws everything away."""
    port = free_port()
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    return start(["smtp-sink", *user, *arguments, f"127.0.0.1:{port}", "1000"], [port]), port


class Sink(threading.Thread):
    """A server on a thread that reads a message in large pieces, in clear or under TLS; its STARTTLS is at once."""

    def __init__(self, certificate=None):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.tls = certificate and ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.tls:
            self.tls.load_cert_chain(certificate)
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            connection.sendall(b"220 sink\r\n")
            self.commands(connection)
        except OSError:
            pass
        connection.close()

    def commands(self, connection):
        waiting = b""
        piece = memoryview(bytearray(1 << 17))
        while True:
            while b"\r\n" not in waiting:
                n = connection.recv_into(piece)
                if not n:
                    return
                waiting += piece[:n]
            line, waiting = waiting.split(b"\r\n", 1)
            verb = line[:4].upper()
            if verb == b"EHLO":
                connection.sendall(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
            elif verb == b"DATA":
                connection.sendall(b"354 go\r\n")
                tail = b"\r\n" + waiting
                while (at := tail.find(b"\r\n.\r\n")) < 0:
                    n = connection.recv_into(piece)
                    if not n:
                        return
                    tail = tail[-4:] + piece[:n] if n < 1000 else bytes(piece[n - 64:n])
                waiting = tail[at + 5:]
                connection.sendall(b"250 ok\r\n")
            elif verb == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"250 ok\r\n")


def ours(port, *more, scheme="smtp+plain", user=""):
    return ["smtp-send", *more, "-a", f"{scheme}://{user}127.0.0.1:{port}", "-f", FROM, TO]


def curl(port, path, *more, scheme="smtp"):
    return ["curl", "-s", "--crlf", *more, "--url", f"{scheme}://127.0.0.1:{port}", "--mail-from", FROM, "--mail-rcpt", TO, "-T", path]


def source(port, *more):
    return ["smtp-source", *more, "-f", FROM, "-t", TO, f"127.0.0.1:{port}"]


def msmtp(port):
    return ["msmtp", "--host=127.0.0.1", f"--port={port}", "--tls=off", f"--from={FROM}", TO]


def swaks(port, path):
    return ["swaks", "--server", f"127.0.0.1:{port}", "--pipeline", "--from", FROM, "--to", TO, "--data", f"@{path}"]


def smtplib(port, paths):
    text = f"import smtplib, sys\nwith smtplib.SMTP('127.0.0.1', {port}) as s:\n"
    text += f"  for path in sys.argv[1:]: s.sendmail({FROM!r}, [{TO!r}], open(path).read())\n"
    return [sys.executable, "-c", text, *paths]


def all_of(port, path):
    return known([
        ("smtp-send", ours(port), path),
        ("msmtp", msmtp(port), path),
        ("curl", curl(port, path)),
        ("swaks --pipeline", swaks(port, path)),
        ("smtp-source", source(port, "-l", "200")),
        ("smtplib", smtplib(port, [path])),
    ])


def trips():
    path = write("small", letter(1, 300))
    servers = [("smtp-sink", *sink("-h", "mail.example.org"))]
    if has("mail-serve"):
        child, ports = serve()
        servers.append(("mail-serve (CHUNKING)", child, ports["smtp"]))
    for name, child, port in servers:
        far = Far(port)
        # The greeting is waited for, too.
        compare(f"50 ms to {name}", rounds(3), all_of(far.port, path), lambda: f", {far.waits + 1} round trips")
        end(child)


def serve():
    """mail-serve, and its ports."""
    arguments = ["mail-serve", "--root", f"{HOME}/serve", "--create", "--any-password", "--smtp-port", "0"]
    child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *arguments], env=ENV, cwd=HOME, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, text=True)
    children.append(child)
    name, at = child.stdout.readline().split()[:2]
    return child, {name: int(at.rsplit(":", 1)[1])}


def one():
    child, port = sink("-h", "mail.example.org")
    compare("one to smtp-sink", rounds(40), all_of(port, write("small", letter(1, 300))))
    end(child)


def many():
    count = 50 if flags.quick else 1000
    paths = [write(f"letters/{n}", letter(n, 3000)) for n in range(count)]
    write("mbox", "".join(f"From {FROM} Sun Nov 22 12:00:00 2026\n{letter(n, 3000)}\n" for n in range(count)))
    child, port = sink("-h", "mail.example.org")
    # One block for each message: curl keeps its connection.
    write("curlrc", "next\n".join(f"silent\ncrlf\nurl = smtp://127.0.0.1:{port}\nmail-from = {FROM}\nmail-rcpt = {TO}\n"
                                  f"upload-file = {path}\n" for path in paths))
    compare(f"{count} of 3 kB", rounds(7), known([
        ("smtp-send --mbox", ours(port, "--mbox"), f"{HOME}/mbox"),
        ("smtp-send --mbox --jobs 2", ours(port, "--mbox", "--jobs", "2"), f"{HOME}/mbox"),
        ("smtp-source -d", source(port, "-d", "-m", str(count), "-l", "3000")),
        ("curl", ["curl", "-K", f"{HOME}/curlrc"]),
        ("smtplib", smtplib(port, paths)),
    ]))
    end(child)


def certificate():
    """A new one for 127.0.0.1."""
    at = f"{HOME}/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{HOME}/key.pem", "-out", at, "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"],
                   check=True, capture_output=True)
    with open(at) as cert, open(f"{HOME}/key.pem") as key:
        write("both.pem", key.read() + cert.read())
    der = subprocess.run(f"openssl x509 -in {at} -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64",
                         shell=True, check=True, capture_output=True, text=True)
    return at, f"sha256:{der.stdout.strip()}"


def large():
    size = 1_000_000 if flags.quick else 25_000_000
    path = write("large", letter(1, size))
    child, port = sink("-h", "mail.example.org")
    compare(f"{size // 1_000_000} MB", rounds(10), known([
        ("smtp-send", ours(port), path),
        ("curl --crlf", curl(port, path)),
        ("smtp-source", source(port, "-l", str(size))),
    ]))
    end(child)
    cert, pin = certificate()
    port = Sink(f"{HOME}/both.pem").port
    compare(f"{size // 1_000_000} MB under TLS", rounds(10), known([
        ("smtp-send", ours(port, "--pin", pin, scheme="smtps"), path),
        ("curl --crlf", curl(port, path, "--cacert", cert, scheme="smtps")),
    ]))


def huge():
    size = 20_000_000 if flags.quick else 1_000_000_000
    path = f"{HOME}/huge"
    block = LINE * (1_000_000 // len(LINE))
    with open(path, "w") as f:
        f.write(letter(1, 300))
        for _ in range(size // len(block)):
            f.write(block)
    child, port = sink("-h", "mail.example.org")
    jobs = known([("smtp-send", ours(port), path), ("curl --crlf", curl(port, path))])
    compare(f"{size // 1_000_000} MB", rounds(3), jobs)
    for name, arguments, *stdin in jobs:
        print(f"{size // 1_000_000} MB: {name:26} {peak(arguments, *(stdin or [os.devnull])):8.1f} MiB resident at most")
    end(child)
    os.unlink(path)


def login():
    """STARTTLS and AUTH PLAIN with a Postfix that asks a Dovecot."""
    if os.getuid() or not (has("postfix") and has("dovecot")):
        print("login: skipped; it needs root, postfix and dovecot-imapd")
        return
    cert, pin = certificate()
    auth = free_port()
    at = write("dovecot/dovecot.conf", f"""
base_dir = {HOME}/dovecot/run
state_dir = {HOME}/dovecot/state
log_path = {HOME}/dovecot/log
protocols =
ssl = no
auth_mechanisms = plain
auth_username_format = %Ln
passdb {{
  driver = static
  args = password=x
}}
service anvil {{
  chroot =
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {auth}
  }}
}}
""")
    dovecot = start(["/usr/sbin/dovecot", "-F", "-c", at], [auth])
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
relay_domains = localhost
relay_transport = discard
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {HOME}/key.pem
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_relay_restrictions = permit_sasl_authenticated, reject
""")
    master = f"127.0.0.1:{smtp} inet n - n - - smtpd\n"
    for line in ["cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite",
                 "tlsmgr unix - - n 1000? 1 tlsmgr", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
                 "trace unix - - n - 0 bounce", "error unix - - n - - error", "retry unix - - n - - error",
                 "discard unix - - n - - discard", "anvil unix - - n - 1 anvil", "proxymap unix - - n - - proxymap",
                 "postlog unix-dgram n - n - 1 postlogd"]:
        master += line + "\n"
    write("postfix/master.cf", master)
    os.chmod(at, 0o755)
    for sub in ("spool", "data"):
        os.makedirs(f"{at}/{sub}")
    subprocess.run(["chown", "postfix", f"{at}/data"], check=True)
    subprocess.run(["postfix", "-c", at, "check"], check=True, env=ENV)
    postfix = start(["/usr/lib/postfix/sbin/master", "-c", at, "-d"], [smtp])
    path, pw = write("small", letter(1, 300)), write("pw", "x\n")
    compare("STARTTLS and AUTH to Postfix", rounds(30), known([
        ("smtp-send", ours(smtp, "--password-file", pw, "--pin", pin, scheme="smtp+starttls", user="bob@"), path),
        ("smtp-send --ca-file", ours(smtp, "--password-file", pw, "--ca-file", cert, scheme="smtp+starttls", user="bob@"), path),
        ("curl", curl(smtp, path, "--ssl-reqd", "--cacert", cert, "-u", "bob:x")),
        ("msmtp", ["msmtp", "--host=127.0.0.1", f"--port={smtp}", "--tls=on", f"--tls-trust-file={cert}", "--auth=plain", "--user=bob",
                   f"--passwordeval=cat {pw}", f"--from={FROM}", TO], path),
    ]))
    end(postfix)
    end(dovecot)


def queue():
    """The same into an empty queue and into one with many entries, and the first line of the list."""
    entries = 1000 if flags.quick else 100_000
    path = write("small", letter(1, 300))
    state = {name: f"{HOME}/state-{name}" for name in ("empty", "full")}
    # Nothing is delivered: nobody runs the queue.
    put = {name: ["env", f"XDG_STATE_HOME={at}", "smtp-send", "--queue", "-a", "smtp+plain://127.0.0.1:9", "-f", FROM, TO]
           for name, at in state.items()}
    for name in put:
        run(put[name], path)
    clone(f"{state['full']}/pipepost", entries)
    first = [(f"ls | head -1, {entries} entries", ["env", f"XDG_STATE_HOME={state['full']}", "sh", "-c", "smtp-queue ls | head -1"])]
    compare("queue", rounds(20), [(f"smtp-send --queue, {entries} in it", put["full"], path), ("smtp-send --queue, empty", put["empty"], path)])
    compare("queue", rounds(10), first)


def clone(at, entries):
    """Makes many of the one entry of a queue."""
    db = sqlite3.connect(f"{at}/queue.sqlite")
    columns = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in ("entry", "recipient")}
    (source,) = [row[0] for row in db.execute("SELECT id FROM entry")]
    names = [f"{source[:-8]}{n:08x}" for n in range(entries)]
    for table, key in (("entry", "id"), ("recipient", "entry")):
        others = ", ".join(column for column in columns[table] if column != key)
        db.executemany(f"INSERT INTO {table} ({key}, {others}) SELECT ?, {others} FROM {table} WHERE {key} = ?",
                       [(name, source) for name in names if name != source])
    db.commit()
    db.close()
    for name in names:
        if name != source:
            shutil.copy(f"{at}/queue/{source}", f"{at}/queue/{name}")


measure([trips, one, login, many, large, huge, queue])
