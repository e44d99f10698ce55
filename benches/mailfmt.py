"""benches/mailfmt.py RELEASE_DIR [PART...] [--quick] [--rounds N]: mailfmt, mblaze, formail, reformime, ripmime, nmh and Python side by side.

Parts: streams (split, list, tree, decode from an mbox), files (into files), right (names and digests against the truth), large (memory), start.
"""
import hashlib
import json
import os
import subprocess
import sys
import time

import corpus
from bench import ENV, HOME, compare, flags, has, measure, peak, rounds, run, write

COUNT = 1000 if flags.quick else 20_000
AT = f"{HOME}/corpus"
MBOX, MAILDIR = f"{AT}/mbox", f"{AT}/maildir"
DISK = f"{HOME}/files"


def made():
    if not os.path.exists(AT):
        corpus.make(AT, COUNT)
        write("mblaze/profile", "")
        write(".mh_profile", f"Path: {HOME}/mh\n")
    size = os.path.getsize(MBOX)
    return size / 1e6


def known(jobs):
    """Those whose program is there: that which the name of the job begins with."""
    return [job for job in jobs if job[0].split()[0] == "Python" or has(job[0].split()[0].rstrip(","))]


def fresh(script):
    """A script with an empty directory of its own, `files`."""
    return ["sh", "-c", f"rm -rf {DISK}; mkdir -p {DISK}/cur {DISK}/new {DISK}/tmp; {script}"]


PYTHON = """
import email, mailbox, sys
for message in mailbox.mbox(sys.argv[1]):
    if sys.argv[2] == "list":
        message["subject"]
    else:
        for part in message.walk():
            if not part.is_multipart():
                part.get_payload(decode=True)
"""


def python(what):
    return [sys.executable, write(f"python-{what}.py", PYTHON), MBOX, what]


def streams():
    size = made()
    print(f"{COUNT} messages, {size:.1f} MB", flush=True)
    find = f"find {MAILDIR}/cur -type f"
    compare("split into a stream", rounds(5), known([
        ("mailfmt convert --to-null", ["mailfmt", "convert", "--to-null", MBOX]),
        ("cat", ["cat", MBOX]),
        ("formail -s", ["sh", "-c", f"formail -s < {MBOX}"])]))
    compare("a line a message", rounds(5), known([
        ("mailfmt list, mbox", ["mailfmt", "list", MBOX]),
        ("mailfmt list, Maildir", ["mailfmt", "list", MAILDIR]),
        ("mscan, Maildir", ["sh", "-c", f"{find} | mscan"]),
        ("Python, mbox", python("list"))]))
    compare("the parts", rounds(5), known([
        ("mailfmt tree, mbox", ["mailfmt", "tree", MBOX]),
        ("mshow -t, Maildir", ["sh", "-c", f"{find} | xargs mshow -t"])]))
    compare("all decoded", rounds(3), known([
        ("mailfmt extract --all --tar", ["mailfmt", "extract", "--all", "--tar", "-q", MBOX]),
        ("Python", python("decode"))]))


def files():
    made()
    compare("an mbox into files", rounds(3), known([
        ("mailfmt split", fresh(f"mailfmt split -d {DISK}/new {MBOX}")),
        ("mailfmt convert, Maildir", fresh(f"mailfmt convert --into maildir:{DISK} {MBOX}")),
        ("mdeliver -M, Maildir", fresh(f"mdeliver -M {DISK} < {MBOX}"))]))
    few = f"{AT}/few"
    subprocess.run(["sh", "-c", f"head -c 25000000 {MBOX} > {few}"], check=True)
    compare("attachments of 25 MB into files", rounds(3), known([
        ("mailfmt extract", fresh(f"mailfmt extract -q -d {DISK} {few}")),
        ("mailfmt extract --all", fresh(f"mailfmt extract -q --all -d {DISK} {few}")),
        ("ripmime --mailbox", fresh(f"ripmime --mailbox -i {few} -d {DISK}"))]))


def digests(at):
    found = {}
    for directory, _, names in os.walk(at):
        for name in names:
            with open(os.path.join(directory, name), "rb") as f:
                found[hashlib.sha256(f.read()).hexdigest()] = name
    return found


def right():
    made()
    with open(f"{AT}/truth.jsonl") as f:
        truth = [json.loads(line) for line in f]
    listed = subprocess.run(["mailfmt", "list", "--json", MBOX], env=ENV, capture_output=True, check=True).stdout.splitlines()
    rows = [json.loads(line) for line in listed]
    assert len(rows) == len(truth), (len(rows), len(truth))
    for what in ("subject", "date"):
        same = sum(row[what] == fact[what] for row, fact in zip(rows, truth))
        print(f"{what}: {same} of {len(truth)} right", flush=True)
    child = subprocess.run(["mailfmt", "extract", "--json", "-d", f"{HOME}/extracted", MBOX], env=ENV, capture_output=True)
    manifest = [json.loads(line) for line in child.stdout.splitlines()]
    by_message = {}
    for row in manifest:
        by_message.setdefault(row["message"], []).append((row["declared"], row["sha256"]))
    for malformed in (False, True):
        due = [(n + 1, a) for n, fact in enumerate(truth) if fact["malformed"] == malformed for a in fact["attachments"]]
        by_bytes = sum(any(sha == a["sha256"] for _, sha in by_message.get(n, [])) for n, a in due)
        by_name = sum(any(name == a["name"] for name, _ in by_message.get(n, [])) for n, a in due)
        kind = "malformed" if malformed else "well-formed"
        print(f"mailfmt extract: of {len(due)} attachments of {kind} messages {by_bytes} right by digest, {by_name} by name", flush=True)
    # The others on fewer, as one process for each message takes its time.
    some = [n for n, fact in enumerate(truth) if fact["attachments"]][:300]
    paths = sorted(os.listdir(f"{MAILDIR}/cur"))
    jobs = {"ripmime": "ripmime -i {0} -d {1}", "mshow -x": "cd {1} && mshow -B -x {0}", "munpack": "cd {1} && munpack -q -t {0}",
            "reformime -x": "reformime -s 1.2 -e < {0} > {1}/x"}
    for name, script in jobs.items():
        if not has(name.split()[0]):
            continue
        good = due = 0
        for n in some:
            at = f"{HOME}/peer/{n}"
            os.makedirs(at)
            subprocess.run(["sh", "-c", script.format(f"'{MAILDIR}/cur/{paths[n]}'", at)], env=ENV, capture_output=True)
            there = digests(at)
            due += len(truth[n]["attachments"])
            good += sum(a["sha256"] in there for a in truth[n]["attachments"])
            subprocess.run(["rm", "-rf", at], check=True)
        print(f"{name}: of {due} attachments {good} right by digest", flush=True)


def large():
    made()
    size = 20 if flags.quick else 315
    path = f"{AT}/large.eml"
    with open(path, "wb") as f:
        f.write(b"From: a@b\nSubject: large\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n"
                b"Content-Type: application/octet-stream; name=large.bin\nContent-Transfer-Encoding: base64\n\n")
        line = (b"QUJD" * 19 + b"\n") * 10_000
        for _ in range(size * 4 // 3 * 1_000_000 // len(line)):
            f.write(line)
        f.write(b"--b--\n")
    jobs = [("mailfmt extract", fresh(f"mailfmt extract -q -d {DISK} {path}")),
            ("mailfmt cat 2", ["mailfmt", "cat", "2", path]),
            ("ripmime", fresh(f"ripmime -i {path} -d {DISK}")),
            ("mshow -x", fresh(f"cd {DISK} && mshow -x {path}"))]
    compare(f"a message of {os.path.getsize(path) / 1e6:.0f} MB", rounds(3), known(jobs))
    for arguments in (["cat", "2"], ["tree"], ["list"], ["json"], ["lint"], ["extract", "-q", "-d", DISK]):
        run(["rm", "-rf", DISK])
        print(f"large: mailfmt {' '.join(arguments[:2])}: {peak(['mailfmt', *arguments, path], os.devnull):.1f} MiB resident at most", flush=True)
    # An mbox of 10 GB, which need not be anywhere.
    times = max(1, (100_000_000 if flags.quick else 10_000_000_000) // os.path.getsize(MBOX))
    for verb in ("list", "tree", "extract --all --tar -q"):
        begun = time.perf_counter()
        feed = subprocess.Popen(["sh", "-c", f"for n in $(seq {times}); do cat {MBOX}; done"], env=ENV, stdout=subprocess.PIPE)
        with open(os.devnull, "wb") as out:
            child = subprocess.Popen(["mailfmt", *verb.split()], env=ENV, stdin=feed.stdout, stdout=out, stderr=subprocess.DEVNULL)
        feed.stdout.close()
        most = 0
        while child.poll() is None:
            with open(f"/proc/{child.pid}/status") as status:
                most = max([most, *(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))])
            time.sleep(0.05)
        feed.wait()
        took, gone = time.perf_counter() - begun, times * os.path.getsize(MBOX)
        print(f"an mbox of {gone / 1e9:.1f} GB: mailfmt {verb}: {took:.1f} s, {gone / took / 1e6:.0f} MB/s, {most / 1024:.1f} MiB resident at most", flush=True)


def start():
    made()
    one = f"{MAILDIR}/cur/{sorted(os.listdir(MAILDIR + '/cur'))[0]}"
    loop = lambda script: ["sh", "-c", f"for n in 1 2 3 4 5 6 7 8 9 10; do {script} > /dev/null; done"]
    compare("ten times one message", rounds(20), known([
        ("mailfmt head", loop(f"mailfmt head subject < {one}")),
        ("true", loop("/bin/true")),
        ("formail -x", loop(f"formail -x Subject < {one}")),
        ("mhdr", loop(f"mhdr -h subject {one}"))]))


measure([streams, files, right, large, start])
