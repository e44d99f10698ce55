#!/usr/bin/env python3
"""Measures imap-fetch next to mbsync, curl and Python's imaplib: the same mail from the same Dovecot, by turns.

usage: pulling.py DIR-OF-RELEASE-PROGRAMS [--quick] [--rounds N] [trips|many|maildir|large|slow ...]

--quick takes few rounds of few messages, and is for finding out whether all of it works. Needs root and Debian's dovecot-imapd; a peer
that is not installed is left out. What the figures mean is told in bench.py.
"""
import ctypes
import os
import random
import socket
import subprocess
import sys
import threading
import time

from bench import HOME, MAIL, Far, Job, afresh, compare, dovecot, end, flags, has, known, mailbox, measure, peak, rounds, run, write


def ours(user, port, target, more="--new", folder="INBOX"):
    url = f"imap+plain://{user}@127.0.0.1:{port}/{folder}"
    return afresh(f"exec env XDG_STATE_HOME={HOME}/state imap-fetch -q {more} --password-file pw {url} {target}")


def mbsync(user, port, sync="yes"):
    """Into a Maildir of its own, made anew or as it was."""
    at = f"{HOME}/got/{user}"
    write(f"mbsyncrc-{user}-{port}-{sync}", f"""FSync {sync}
IMAPStore far
Host 127.0.0.1
Port {port}
User {user}
Pass x
SSLType None
AuthMechs LOGIN

MaildirStore near
Path {at}/
Inbox {at}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns INBOX
Sync Pull
Create Near
SyncState *
""")
    return f"mkdir -p {at} && exec mbsync -q -c mbsyncrc-{user}-{port}-{sync} all"


def imaplib(user, port, batch=500):
    text = (f"import imaplib\nm = imaplib.IMAP4('127.0.0.1', {port})\nm.login('{user}', 'x')\nm.select('INBOX', readonly=True)\n"
            f"n = int(m.untagged_responses.get('EXISTS', [0])[0]) or len(m.uid('SEARCH', 'ALL')[1][0].split())\n"
            f"with open('got/all', 'wb') as f:\n  for at in range(1, n + 1, {batch}):\n"
            f"    for row in m.fetch('%d:%d' % (at, min(at + {batch} - 1, n)), '(UID BODY.PEEK[])')[1]:\n"
            "      if isinstance(row, tuple): f.write(row[1])\nm.logout()\n")
    path = write(f"imaplib-get-{user}-{port}.py", text)
    return afresh(f"exec {sys.executable} {path}")


def curl(user, port, count):
    """It has no way to ask for several: a URL each, over one connection."""
    return afresh(f"exec curl -s -u {user}:x 'imap://127.0.0.1:{port}/INBOX;UID=[1-{count}]' -o got/all")


RAW = """import socket
s = socket.create_connection(('127.0.0.1', {port})); f = s.makefile('rb', 1 << 16)
f.readline(); s.sendall(b'a LOGIN {user} x\\r\\nb EXAMINE INBOX\\r\\nc UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])\\r\\nd LOGOUT\\r\\n')
while s.recv(1 << 18): pass
"""


def raw(user, port):
    """Reading all of it, and doing nothing with it."""
    return [sys.executable, write(f"raw-{user}-{port}.py", RAW.format(user=user, port=port))]


def some(jobs):
    always = ("raw", "imaplib")
    return [job for job in jobs if job[0].split(",")[0].split()[0] in always or has(job[0].split(",")[0].split()[0])]


def trips():
    """Over 50 ms: everything new, and nothing new."""
    count = 20 if flags.quick else 200
    mailbox("far", count, 3000)
    child, port = dovecot("imap")
    far = Far(port)
    run(raw("far", port))
    waits = lambda: f", {far.waits} flights behind the greeting"
    compare(f"{count} new over 50 ms", rounds(3), some([
        ("imap-fetch", ours("far", far.port, "--into mbox:got/mbox")),
        ("imap-fetch, mirror", ours("far", far.port, "--into maildir:got", "--mirror", "")),
        ("mbsync", afresh(mbsync("far", far.port))),
        ("imaplib", imaplib("far", far.port)),
        ("curl", curl("far", far.port, count)),
    ]), waits)
    # What the last run has left stays.
    same = lambda more, target, folder="INBOX": [
        "sh", "-c", f"exec env XDG_STATE_HOME={HOME}/state-same imap-fetch -q {more} --password-file pw "
        f"imap+plain://far@127.0.0.1:{far.port}/{folder} {target}"]
    jobs = [("imap-fetch", same("--new", "--into mbox:same")), ("imap-fetch, mirror", same("--mirror", "--into maildir:same-mirror", ""))]
    if has("mbsync"):
        jobs.append(("mbsync", ["sh", "-c", mbsync("far", far.port).replace("/got/", "/same-got/")]))
        path = f"{HOME}/mbsyncrc-far-{far.port}-yes"
        with open(path) as f:
            text = f.read().replace("/got/", "/same-got/")
        write(os.path.basename(path), text)
    compare("nothing new over 50 ms", rounds(3), jobs, waits)
    end(child)


def many():
    count = 300 if flags.quick else 10_000
    mailbox("bob", count, 3000)
    child, port = dovecot("imap")
    # Dovecot reads all of a mailbox that it has no index of.
    run(raw("bob", port))
    what = f"{count} of 3 kB"
    compare(what, rounds(5), some([
        ("imap-fetch, stdout", ours("bob", port, "--mbox > got/all", "")),
        ("raw read", raw("bob", port)),
        ("imaplib", imaplib("bob", port)),
        ("curl", curl("bob", port, count)),
    ]))
    compare(what, rounds(5), some([
        ("imap-fetch, mbox", ours("bob", port, "--into mbox:got/mbox", "")),
        ("imap-fetch --new, mbox", ours("bob", port, "--into mbox:got/mbox")),
        ("raw read", raw("bob", port)),
        ("imaplib", imaplib("bob", port)),
    ]))
    end(child)


def maildir():
    count = 300 if flags.quick else 10_000
    mailbox("bob", count, 3000)
    child, port = dovecot("imap")
    run(raw("bob", port))
    what = f"{count} of 3 kB"
    compare(what, rounds(5), some([
        ("imap-fetch --new, Maildir", ours("bob", port, "--into maildir:got")),
        ("imap-fetch --mirror", ours("bob", port, "--into maildir:got", "--mirror")),
        ("mbsync, no sync", afresh(mbsync("bob", port, "no"))),
        ("mbsync", afresh(mbsync("bob", port))),
    ]))
    end(child)


def large():
    for size in [20_000_000] if flags.quick else [25_000_000, 400_000_000]:
        user = f"large{size // 1_000_000}"
        mailbox(user, 1, size)
        child, port = dovecot("imap")
        run(raw(user, port))
        url = f"imap+plain://{user}@127.0.0.1:{port}/INBOX"
        jobs = known([("imap-fetch", ["imap-fetch", "-q", "--password-file", "pw", url, "1", "--into", "mbox:large"]),
                      ("curl", ["curl", "-s", "-u", f"{user}:x", f"imap://127.0.0.1:{port}/INBOX;UID=1", "-o", "curled"]),
                      ("imap-fetch, stdout", ["sh", "-c", f"exec imap-fetch -q --password-file pw {url} 1 > large-out"])])
        what = f"{size // 1_000_000} MB"
        shorten = lambda: subprocess.run(["rm", "-f", f"{HOME}/large"], check=True)
        compare(what, rounds(5 if size < 100_000_000 else 2), [(name, Job(job, shorten)) for name, job in jobs])
        for name, arguments in jobs:
            print(f"{what}: {name:20} {peak(arguments, os.devnull):8.1f} MiB resident at most", flush=True)
        end(child)


# A network of our own, with an address that is none of the loopback's: nobody compresses what goes to that.
ADDRESS, RATE = "192.0.2.1", 250_000
WORDS = ["".join(random.Random(n).choices("etaoinshrdlucmfwypvbgk", k=2 + n % 9)) for n in range(3000)]


class Slow(threading.Thread):
    """A link of so many bytes a second to a server. It counts them."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to, self.count = port, 0
        self.listener = socket.create_server((ADDRESS, 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            self.count = 0
            far = socket.create_connection(("127.0.0.1", self.to))
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    def carry(self, one, other):
        while True:
            try:
                piece = one.recv(1 << 12)
                self.count += len(piece)
                time.sleep(len(piece) / RATE)
                if not piece:
                    return other.shutdown(socket.SHUT_WR)
                other.sendall(piece)
            except OSError:
                return


def prose(user, count, size):
    """Messages of words, as people write them: half of what a text of these is can be packed away."""
    mailbox(user, count, size)
    at = f"{HOME}/dovecot/mail/{user}/cur"
    for n, name in enumerate(sorted(os.listdir(at))):
        words = random.Random(n)
        with open(f"{at}/{name}") as f:
            head = f.read().split("\n\n")[0]
        text, size = head + "\n\n", os.path.getsize(f"{at}/{name}")
        while len(text) < size - 80:
            text += " ".join(words.choices(WORDS, k=10)) + "\n"
        text = text[:size - 1].ljust(size - 1, "x") + "\n"
        names = name.split(",W=")[0] + f",W={len(text) + text.count(chr(10))}:2,"
        os.remove(f"{at}/{name}")
        with open(f"{at}/{names}", "w") as f:
            f.write(text)
    subprocess.run(["chown", "-R", f"{MAIL}:{MAIL}", at], check=True)


def slow():
    """A first pull over a slow link: how long, and how many bytes both ways. It leaves the network, so it is the last."""
    count = 50 if flags.quick else 500
    if ctypes.CDLL(None).unshare(0x40000000):
        return print("slow: no network of our own to be had")
    subprocess.run(["sh", "-c", f"ip link set lo up && ip address add {ADDRESS}/32 dev lo"], check=True)
    prose("slow", count, 3000)
    child, port = dovecot("imap", more="protocol imap {\n  mail_plugins = imap_zlib\n}")
    link = Slow(port)
    run(raw("slow", port))
    write(".config/pipepost/config.toml",
          f'[slow]\nimap = "imap+plain://slow@{ADDRESS}:{link.port}"\ncleartext-login = true\npassword = {{ file = "{HOME}/pw" }}\n')
    waits = lambda: f", {link.count} bytes"
    elsewhere = lambda job: Job([word.replace("127.0.0.1", ADDRESS) for word in job], job.before)
    job = imaplib("slow", link.port)
    for path in (f"imaplib-get-slow-{link.port}.py",):
        with open(f"{HOME}/{path}") as f:
            write(path, f.read().replace("127.0.0.1", ADDRESS))
    synced = mbsync("slow", link.port)
    with open(f"{HOME}/mbsyncrc-slow-{link.port}-yes") as f:
        write(f"mbsyncrc-slow-{link.port}-yes", f.read().replace("127.0.0.1", ADDRESS))
    compare(f"{count} of 3 kB over {RATE // 1000} kB/s", rounds(3), some([
        ("imap-fetch", afresh(f"exec env XDG_STATE_HOME={HOME}/state imap-fetch -q --new slow:INBOX --into maildir:got")),
        ("mbsync", afresh(synced)),
        ("imaplib", job),
        ("curl", elsewhere(curl("slow", link.port, count))),
    ]), waits)
    end(child)


write("pw", "x\n")
measure([trips, many, maildir, large, slow])
