#!/usr/bin/env python3
"""Measures pop3-fetch next to mpop, fetchmail, getmail6, curl and Python's poplib: the same mail from the same Dovecot, by turns.

usage: fetching.py DIR-OF-RELEASE-PROGRAMS [--quick] [--rounds N] [trips|many|maildir|large|remembered ...]

--quick takes few rounds of few messages, and is for finding out whether all of it works. Needs root and Debian's dovecot-pop3d; a peer
that is not installed is left out. What the figures mean is told in bench.py.
"""
import os
import shutil
import subprocess
import sys

from bench import HOME, Far, afresh, compare, dovecot, end, flags, has, known, mailbox, measure, peak, rounds, run, write


def ours(user, port, target, more="--keep"):
    pop3 = f"pop3+plain://{user}@127.0.0.1:{port}"
    return afresh(f"exec env XDG_STATE_HOME={HOME}/state pop3-fetch -q {more} --password-file pw {pop3} {target}")


def mpop(user, port, target, keep="on"):
    text = f"account x\nhost 127.0.0.1\nport {port}\ntls off\nauth user\nuser {user}\npassword x\nkeep {keep}\n"
    write(f"mpoprc-{user}-{port}-{keep}", text + f"received_header off\nuidls_file {HOME}/ids\n")
    return afresh(f"exec mpop -q -C mpoprc-{user}-{port}-{keep} --delivery={target} x")


def fetchmail(user, port, keep="keep"):
    text = f"poll 127.0.0.1 service {port} proto pop3 uidl auth password user {user} password x {keep} fetchall sslproto \"\" "
    write(f"fetchmailrc-{user}-{port}-{keep}", text + f"mda \"cat >> {HOME}/got/mbox\"\n")
    return afresh(f"exec fetchmail -s -f fetchmailrc-{user}-{port}-{keep} --nodetach -i ids --pidfile got/pid")


def getmail(user, port, kind):
    at = f"getmail-{user}-{port}-{kind}"
    path = f"{HOME}/got/" if kind == "Maildir" else f"{HOME}/got/mbox"
    write(f"{at}/rc", f"[retriever]\ntype = SimplePOP3Retriever\nserver = 127.0.0.1\nport = {port}\nusername = {user}\npassword = x\n"
          f"[destination]\ntype = {kind}\npath = {path}\nuser = mail\n"
          f"[options]\ndelete = false\nread_all = false\nverbose = 0\nreceived = false\ndelivered_to = false\n")
    # It delivers nothing as root.
    return afresh(f"rm -f {at}/oldmail*; : > got/mbox; chown -R mail got; exec getmail --getmaildir={HOME}/{at} --rcfile=rc -q")


def poplib(user, port):
    text = f"import poplib\np = poplib.POP3('127.0.0.1', {port}); p.user('{user}'); p.pass_('x')\nwith open('got/all', 'wb') as f:\n"
    text += "  for n in range(1, p.stat()[0] + 1):\n    f.write(b'\\n'.join(p.retr(n)[1]) + b'\\n')\n"
    write("poplib-get.py", text + "p.quit()\n")
    return afresh(f"exec {sys.executable} poplib-get.py")


def curl(user, port, count):
    return afresh(f"exec curl -s -u {user}:x 'pop3://127.0.0.1:{port}/[1-{count}]' -o got/all")


RAW = """import socket, sys
s = socket.create_connection(('127.0.0.1', {port})); f = s.makefile('rb', 1 << 16)
f.readline(); s.sendall(b'USER {user}\\r\\nPASS x\\r\\nSTAT\\r\\n'); f.readline(); f.readline(); count = int(f.readline().split()[1])
s.sendall(b''.join(b'RETR %d\\r\\n' % n for n in range(1, count + 1)) + b'QUIT\\r\\n')
while s.recv(1 << 18): pass
"""


def raw(user, port):
    """Reading all of it, and doing nothing with it."""
    return [sys.executable, write(f"raw-{user}.py", RAW.format(user=user, port=port))]


def some(jobs):
    return [job for job in jobs if job[0].split(",")[0].split()[0] in ("raw", "poplib") or has(job[0].split(",")[0].split()[0])]


def trips():
    count = 20 if flags.quick else 200
    mailbox("far", count, 3000)
    child, port = dovecot("pop3")
    far = Far(port)
    waits = lambda: f", {far.waits + 1} round trips"
    compare(f"keep {count} over 50 ms", rounds(3), some([
        ("pop3-fetch", ours("far", far.port, "--into mbox:got/mbox")),
        ("mpop", mpop("far", far.port, f"mbox,{HOME}/got/mbox")),
        ("fetchmail", fetchmail("far", far.port)),
    ]), waits)
    # What deletes needs the mail anew each time.
    for name, job in [("pop3-fetch", ours("gone", far.port, "--into mbox:got/mbox", "--delete")),
                      ("mpop", mpop("gone", far.port, f"mbox,{HOME}/got/mbox", "off")), ("fetchmail", fetchmail("gone", far.port, "nokeep"))]:
        if has(name):
            shutil.rmtree(f"{HOME}/dovecot/mail/gone", ignore_errors=True)
            mailbox("gone", count, 3000)
            wall, _ = run(job)
            left = sum(len(files) for at, _, files in os.walk(f"{HOME}/dovecot/mail/gone") if at.endswith(("cur", "new")))
            print(f"delete {count} over 50 ms: {name:20} {wall * 1000:8.1f} ms{waits()}, {left} left", flush=True)
    end(child)


def many():
    count = 300 if flags.quick else 10_000
    mailbox("bob", count, 3000)
    child, port = dovecot("pop3")
    # Dovecot reads all of a mailbox that it has no index of.
    run(raw("bob", port))
    what = f"{count} of 3 kB"
    compare(what, rounds(5), some([
        ("pop3-fetch, stdout", ours("bob", port, "--mbox > got/all")),
        ("raw read", raw("bob", port)),
        ("curl", curl("bob", port, count)),
        ("poplib", poplib("bob", port)),
    ]))
    compare(what, rounds(5), some([
        ("pop3-fetch, mbox", ours("bob", port, "--into mbox:got/mbox")),
        ("raw read", raw("bob", port)),
        ("mpop, mbox", mpop("bob", port, f"mbox,{HOME}/got/mbox")),
        ("curl", curl("bob", port, count)),
    ]))
    end(child)


def maildir():
    count = 300 if flags.quick else 10_000
    mailbox("bob", count, 3000)
    child, port = dovecot("pop3")
    run(raw("bob", port))
    what = f"{count} of 3 kB"
    compare(what, rounds(5), some([
        ("pop3-fetch, Maildir", ours("bob", port, "--into maildir:got")),
        ("mpop, Maildir", mpop("bob", port, f"maildir,{HOME}/got")),
    ]))
    compare(what, rounds(1), some([
        ("pop3-fetch, Maildir", ours("bob", port, "--into maildir:got")),
        ("fetchmail, mda cat", fetchmail("bob", port)),
        ("getmail, Maildir", getmail("bob", port, "Maildir")),
    ]))
    end(child)


def large():
    size = 20_000_000 if flags.quick else 400_000_000
    mailbox("large", 1, size)
    child, port = dovecot("pop3")
    pop3 = f"pop3+plain://large@127.0.0.1:{port}"
    jobs = known([("pop3-fetch", ["pop3-fetch", "-q", "--all", "--password-file", "pw", pop3, "--into", "mbox:got/large"]),
                  ("curl", ["curl", "-s", "-u", "large:x", f"pop3://127.0.0.1:{port}/1", "-o", "got/curl"])])
    os.makedirs(f"{HOME}/got", exist_ok=True)
    compare(f"{size // 1_000_000} MB", rounds(2), jobs)
    for name, arguments in jobs:
        print(f"{size // 1_000_000} MB: {name:20} {peak(arguments, os.devnull):8.1f} MiB resident at most", flush=True)
    end(child)


class Listing:
    """A server with many messages, all of them known: it costs no time of its own."""

    def __init__(self, count):
        self.listing = b"+OK\r\n" + b"".join(b"%d 3000\r\n" % n for n in range(1, count + 1)) + b".\r\n"
        self.uidls = b"+OK\r\n" + b"".join(b"%d %08x5fb3a6d1\r\n" % (n, n) for n in range(1, count + 1)) + b".\r\n"
        text = (f"import socket\na={self.listing!r}\nb={self.uidls!r}\ns=socket.create_server(('127.0.0.1', 0))\n"
                "print(s.getsockname()[1], flush=True)\n"
                "while True:\n  c,_=s.accept(); f=c.makefile('rb'); c.sendall(b'+OK\\r\\n')\n  for line in f:\n"
                "    v=line.split()[0].upper()\n"
                "    c.sendall(b'+OK\\r\\nUIDL\\r\\nUSER\\r\\nPIPELINING\\r\\n.\\r\\n' if v==b'CAPA' else a if v==b'LIST' else b if v==b'UIDL' else b'+OK\\r\\n')\n"
                "    if v==b'QUIT': break\n  c.close(); f.close()\n")
        path = write("listing.py", text)
        self.child = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, text=True)
        self.port = int(self.child.stdout.readline())


def remembered():
    """Nothing new among many that are remembered."""
    count = 1000 if flags.quick else 100_000
    server = Listing(count)
    pop3 = f"pop3+plain://bob@127.0.0.1:{server.port}"
    shared = ["pop3-fetch", "-q", "--password-file", "pw", pop3, "--state", "x", "--into", "mbox:none"]
    run([*shared, "--mark-fetched"])
    with open(f"{HOME}/ids-known", "w") as f:
        f.writelines(f"{n:08x}5fb3a6d1\n" for n in range(1, count + 1))
    compare(f"nothing new of {count}", rounds(20), [("pop3-fetch", shared)])
    server.child.kill()
    server.child.wait()


write("pw", "x\n")
measure([trips, many, maildir, large, remembered])
