#!/usr/bin/env python3
"""Measures the imap programs next to Python's imaplib and curl: the same mailbox of the same Dovecot, by turns.

usage: imap.py DIR-OF-RELEASE-PROGRAMS [--quick] [--rounds N] [trips|listing ...]

--quick takes few rounds of few messages, and is for finding out whether all of it works. Needs root and Debian's dovecot-imapd; a peer
that is not installed (himalaya by cargo) is left out. What the figures mean is told in bench.py.
"""
import os
import subprocess
import sys
import time

from bench import ENV, HOME, MAIL, Far, compare, dovecot, end, flags, has, measure, peak, rounds, run, write

NAMES = ["Bob Smith", "=?utf-8?q?Zo=C3=AB_Mei=C3=9Fner?=", "ci", "Anna-Maria van der Berg (work)"]
SUBJECTS = ["Re: [list] the build of last night", "=?utf-8?b?R3LDvMOfZSBhdXMgS8O2bG4=?=", "nightly job 4711: 3 of 1200 tests failed",
            "a longer subject that says what is in the message, and a few words more"]


def mailbox(user, count):
    """An mbox of messages of about a kilobyte."""
    at = f"{HOME}/dovecot/mail/{user}"
    if os.path.exists(at):
        return
    os.makedirs(at)
    with open(f"{at}/inbox", "w") as f:
        for n in range(count):
            date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(1_700_000_000 + 60 * n))
            f.write(f"From a@example.org Sun Nov 22 12:00:00 2026\nFrom: {NAMES[n % 4]} <sender{n % 97}@example.org>\n"
                    f"To: bob@example.org, list@example.net\nSubject: {SUBJECTS[n // 4 % 4]}\nDate: {date}\n"
                    f"Message-ID: <{n}.{n * 7919}@mail.example.org>\n\n{'x' * 71}\n\n")
    subprocess.run(["chown", "-R", f"{MAIL}:{MAIL}", at], check=True)


ITEMS = "(UID FLAGS RFC822.SIZE ENVELOPE)"


def ours(user, port, *more):
    return ["imap-ls", "--password-file", "pw", f"imap+plain://{user}@127.0.0.1:{port}/INBOX", *more]


def imaplib(user, port, items=ITEMS):
    """Reads and shows the rows as they came: it parses nothing."""
    text = (f"import imaplib, sys\nm = imaplib.IMAP4('127.0.0.1', {port})\nm.login('{user}', 'x')\nm.select('INBOX', readonly=True)\n"
            f"for row in m.uid('FETCH', '1:*', '{items}')[1]:\n"
            "    sys.stdout.buffer.write((b''.join(row) if isinstance(row, tuple) else row) + b'\\n')\nm.logout()\n")
    return [sys.executable, write(f"imaplib-{user}-{port}.py", text)]


def curl(user, port, items=ITEMS):
    # It may give up in the middle (see the rows), and says so by its status.
    return ["sh", "-c", f"curl -s -u {user}:x 'imap://127.0.0.1:{port}/INBOX' -X 'UID FETCH 1:* {items}' || true"]


RAW = """import socket
s = socket.create_connection(('127.0.0.1', {port})); f = s.makefile('rb', 1 << 16)
f.readline(); s.sendall(b'a LOGIN {user} x\\r\\nb EXAMINE INBOX\\r\\nc UID FETCH 1:* {items}\\r\\nd LOGOUT\\r\\n')
while s.recv(1 << 18): pass
"""


def raw(user, port):
    """Reading all of it, and doing nothing with it."""
    return [sys.executable, write(f"raw-{user}.py", RAW.format(user=user, port=port, items=ITEMS))]


def himalaya(user, port):
    """Its own listing, as a table of all of them."""
    path = write(f"himalaya-{user}-{port}.toml", f"""[accounts.far]
default = true
imap.server = "imap://127.0.0.1:{port}"
imap.sasl.plain.username = "{user}"
imap.sasl.plain.password.raw = "x"
""")
    return ["himalaya", "-c", path, "envelope", "list", "-s", "1000000"]


def rows(arguments):
    """How many lines a job prints, and when the first one came."""
    begun = time.perf_counter()
    with subprocess.Popen(arguments, env=ENV, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        child.stdout.readline()
        first = time.perf_counter() - begun
        return 1 + sum(1 for _ in child.stdout), first


def listing():
    count = 2000 if flags.quick else 100_000
    mailbox("bob", count)
    child, port = dovecot("imap", "mbox")
    # Dovecot reads all of a mailbox that it has no index of.
    run(raw("bob", port))
    jobs = [("imap-ls", ours("bob", port)), ("raw read", raw("bob", port)), ("imaplib, unparsed", imaplib("bob", port))]
    if has("curl"):
        jobs.append(("curl", curl("bob", port)))
    if has("himalaya"):
        jobs.append(("himalaya", himalaya("bob", port)))
    compare(f"{count} listed", rounds(5), jobs)
    # Alone, as Dovecot puts its cache in another order for them.
    more = [("imap-ls --json", ours("bob", port, "--json")), ("imap-ls --refs", ours("bob", port, "--refs")),
            ("imap-ls --sort subject", ours("bob", port, "--sort", "subject")), ("imap-ls --thread", ours("bob", port, "--thread"))]
    compare(f"{count} listed", rounds(5), more)
    for name, arguments in jobs + more:
        if name != "raw read":
            lines, first = rows(arguments)
            most = peak(arguments, os.devnull)
            print(f"{count} listed: {name:26} {lines} rows, the first after {first * 1000:.1f} ms, {most:.1f} MiB resident at most", flush=True)
    end(child)


def trips():
    count = 200
    mailbox("far", count)
    child, port = dovecot("imap", "mbox")
    far = Far(port)
    run(raw("far", port))
    # imap-ls waits for no answer to LOGOUT, and may be gone before it is counted.
    waits = lambda: f", {far.waits} flights behind the greeting, LOGOUT among them"
    jobs = [("imap-ls", ours("far", far.port)), ("imap-ls --where", ours("far", far.port, "--where", "from:ci")),
            ("imap-ls --sort", ours("far", far.port, "--sort", "-date")), ("imap-ls --count", ours("far", far.port, "--count")),
            ("imap-ls, folders", ["imap-ls", "-l", "--password-file", "pw", f"imap+plain://far@127.0.0.1:{far.port}/"]),
            ("imaplib", imaplib("far", far.port))]
    if has("curl"):
        jobs.append(("curl", curl("far", far.port)))
    compare(f"{count} listed over 50 ms", rounds(3), jobs, waits)
    end(child)


write("pw", "x\n")
measure([trips, listing])
