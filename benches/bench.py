"""What the measurements side by side share: the same job to the same server, by turns.

Everything is on the loopback interface, under a temporary directory, and ends with the program. Times are medians of all rounds.
Behind a peer stands the median of the time of ours over that peer's in the same round, and the least and the most of these ratios:
below 1 ours is faster. CPU is that of the program, not of the server. Judges nothing.
"""
import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import __main__

flags = argparse.ArgumentParser(usage=__main__.__doc__)
flags.add_argument("programs")
flags.add_argument("parts", nargs="*", default=[])
flags.add_argument("--quick", action="store_true")
flags.add_argument("--rounds", type=int)
flags = flags.parse_args()
BIN = os.path.abspath(flags.programs)
HOME = tempfile.mkdtemp()
os.chmod(HOME, 0o755)
ENV = {"HOME": HOME, "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin", "LC_ALL": "C.UTF-8", "LOGNAME": "a"}
for name, value in {"XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}.items():
    ENV[name] = f"{HOME}/{value}"
    os.mkdir(ENV[name])
# One way, in seconds: a link of 50 ms.
DELAY = 0.025


def rounds(usual):
    return flags.rounds or (2 if flags.quick else usual)


def has(tool):
    return shutil.which(tool, path=ENV["PATH"])


def write(name, text, mode=0o600):
    path = os.path.join(HOME, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", opener=lambda p, how: os.open(p, how, mode)) as f:
        f.write(text)
    return path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


children = []


def start(arguments, ports):
    child = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *arguments], env=ENV, cwd=HOME, process_group=0,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children.append(child)
    for port in ports:
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert child.poll() is None, arguments
                time.sleep(0.01)
    return child


def end(child):
    children.remove(child)
    child.send_signal(signal.SIGTERM)
    child.wait()


# Debian's user of that name, who may own mailboxes.
MAIL, LINE = 8, "x" * 71 + "\n"


def letter(n, size):
    head = f"From: a@example.org\nTo: bob@example.org\nSubject: {n}\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <{n}@x>\n\n"
    return head + LINE * ((size - len(head)) // len(LINE))


def dovecot(protocol, kind="maildir", more=""):
    """One with a mailbox for every user, whose password is x, and `more` in its configuration. The server and its port."""
    port = free_port()
    path = write("dovecot/dovecot.conf", f"""
base_dir = {HOME}/dovecot/run
state_dir = {HOME}/dovecot/state
log_path = {HOME}/dovecot/log
protocols = {protocol}
listen = 127.0.0.1
first_valid_uid = {MAIL}
mail_location = {kind}:{HOME}/dovecot/mail/%u
auth_username_format = %Ln
auth_cache_size = 1M
disable_plaintext_auth = no
ssl = no
mail_max_userip_connections = 100
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
service {protocol}-login {{
  chroot =
  inet_listener {protocol} {{
    port = {port}
  }}
}}
{more}
""")
    os.makedirs(f"{HOME}/dovecot/mail", exist_ok=True)
    os.chmod(f"{HOME}/dovecot", 0o755)
    subprocess.run(["chown", "-R", f"{MAIL}:{MAIL}", f"{HOME}/dovecot/mail"], check=True)
    return start(["/usr/sbin/dovecot", "-F", "-c", path], [port]), port


def mailbox(user, count, size):
    at = f"{HOME}/dovecot/mail/{user}"
    if not os.path.exists(at):
        for sub in ("cur", "new", "tmp"):
            os.makedirs(f"{at}/{sub}")
        for n in range(count):
            text = letter(n, size)
            name = f"{1_700_000_000 + n}.M{n}P1.mail,S={len(text)},W={len(text) + text.count(chr(10))}:2,"
            with open(f"{at}/cur/{name}", "w") as f:
                f.write(text)
        subprocess.run(["chown", "-R", f"{MAIL}:{MAIL}", at], check=True)


class Far(threading.Thread):
    """A way of 50 ms to a server. It counts how often the client has waited: for the greeting, and for the answer to each flight."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.waits, self.heard = 0, True
        self.start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            self.waits, self.heard = 0, True
            threading.Thread(target=self.connect, args=(near,), daemon=True).start()

    def connect(self, near):
        far = socket.create_connection(("127.0.0.1", self.to))
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # SYN and its answer are instant here; the greeting comes after one way, as behind a real link.
        threading.Thread(target=self.carry, args=(near, far, True), daemon=True).start()
        self.carry(far, near, False)

    def carry(self, one, other, of_client):
        queue, more = [], threading.Condition()

        def deliver():
            while True:
                with more:
                    while not queue:
                        more.wait()
                    at, piece = queue.pop(0)
                time.sleep(max(0, at - time.monotonic()))
                try:
                    if not piece:
                        other.shutdown(socket.SHUT_WR)
                        return
                    if not of_client:
                        self.heard = True
                    other.sendall(piece)
                except OSError:
                    return

        threading.Thread(target=deliver, daemon=True).start()
        piece = True
        while piece:
            try:
                piece = one.recv(1 << 16)
            except OSError:
                piece = b""
            if piece and of_client and self.heard:
                self.waits, self.heard = self.waits + 1, False
            with more:
                queue.append((time.monotonic() + DELAY, piece))
                more.notify()


class Job(list):
    """Arguments, and what is done before each run, which is not measured."""

    def __init__(self, arguments, before):
        super().__init__(arguments)
        self.before = before


def afresh(script):
    """A job that begins without what the last one has left: neither files nor what is on its way to the disk."""
    # Not removed: for some seconds ext4 looks at every inode that has become free, before it takes another.
    clean = f"cd {HOME} && mkdir -p got old && mv got $(mktemp -d old/XXXXXX) && rm -rf ids state && mkdir -p got/cur got/new got/tmp && sync"
    return Job(["sh", "-c", script], lambda: subprocess.run(["sh", "-c", clean], check=True))


def run(arguments, stdin=None):
    """Wall and CPU seconds of one run."""
    if isinstance(arguments, Job):
        arguments.before()
    with open(stdin or os.devnull, "rb") as f, open(os.devnull, "wb") as out, open(f"{HOME}/said", "w+") as said:
        begun = time.perf_counter()
        child = subprocess.Popen(arguments, env=ENV, cwd=HOME, stdin=f, stdout=out, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert child.returncode == 0, (arguments, child.returncode, said.read())
    return wall, usage.ru_utime + usage.ru_stime


def peak(arguments, stdin):
    """Peak memory in MiB, by a look at the process from time to time (what wait4 says begins with the size of this program)."""
    most = 0
    # As a shell opens it: subprocess.DEVNULL is open for reading too.
    with open(stdin, "rb") as f, open(os.devnull, "wb") as out:
        child = subprocess.Popen(arguments, env=ENV, cwd=HOME, stdin=f, stdout=out)
        while child.poll() is None:
            try:
                with open(f"/proc/{child.pid}/status") as status:
                    most = max([most, *(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))])
            except OSError:
                pass
            time.sleep(0.01)
    return most / 1024


def ratio(ours, theirs):
    each = [a / b if b else 1.0 for a, b in zip(ours, theirs)]
    return f"{statistics.median(each):5.2f} ({min(each):.2f} to {max(each):.2f})"


def compare(what, count, jobs, note=lambda: ""):
    """`jobs`: name, arguments, and perhaps a file for stdin; the first is ours. `note` says more of the last run."""
    times, notes = {name: [] for name, *_ in jobs}, {}
    for turn in range(count + 1):
        for name, arguments, *stdin in jobs:
            took = run(arguments, *stdin)
            notes[name] = note()
            # The first one finds cold caches.
            if turn:
                times[name].append(took)
    first, ours = times[jobs[0][0]], jobs[0][0].split()[0]
    for name, took in times.items():
        wall, cpu = ([r[i] for r in took] for i in range(2))
        line = f"{what}: {name:26} {statistics.median(wall) * 1000:8.1f} ms (best {min(wall) * 1000:.1f}), "
        line += f"{statistics.median(cpu) * 1000:7.1f} ms CPU{notes[name]}"
        if took is not first:
            line += f"; {ours}: wall " + ratio([r[0] for r in first], wall) + ", CPU " + ratio([r[1] for r in first], cpu)
        print(line, flush=True)


def known(jobs):
    return [job for job in jobs if has(job[1][0])]


def measure(parts):
    """Runs those parts that are asked for, or all."""
    named = {f.__name__: f for f in parts}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        for part in flags.parts or [f.__name__ for f in parts]:
            named[part]()
    finally:
        for child in children[:]:
            end(child)
        shutil.rmtree(HOME, ignore_errors=True)
