"""Usage: corpus.py DIRECTORY [MESSAGES]

A corpus of mail with what a correct reader must find in it: DIRECTORY/mbox (mboxrd), DIRECTORY/maildir and DIRECTORY/truth.jsonl, a line
a message: subject, date, malformed, and of each attachment its name and SHA-256. The same numbers give the same corpus.
"""
import base64
import hashlib
import json
import os
import quopri
import random
import sys

KINDS = (("plain", 50), ("alternative", 26), ("mixed", 8), ("nested", 3), ("quoted", 5), ("related", 3), ("report", 2), ("forwarded", 3))
WORDS = ("the mail queue of a server holds what could not be delivered yet and tries again later while the sender is told only when "
         "it has given up Grüße from Zürich and Kraków über naïve façade the reader sees from time to time a line that begins with "
         "it is quoted and unquoted again without loss").split()
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Maker:
    def __init__(self, seed=7):
        self.r = random.Random(seed)
        self.bytes = self.r.randbytes(1 << 20)
        lines = []
        while sum(map(len, lines)) < 1 << 18:
            line = " ".join(self.r.choices(WORDS, k=self.r.randint(4, 12)))
            lines.append("From " + line if self.r.random() < 0.003 else line)
        self.lines = lines

    def text(self, size):
        at, out, n = self.r.randrange(len(self.lines)), [], 0
        while n < size:
            line = self.lines[at % len(self.lines)]
            out.append(line)
            n, at = n + len(line) + 1, at + 1
        return "\n".join(out) + "\n"

    def size(self, usual):
        return int(usual * self.r.lognormvariate(0, 0.8))

    def word(self, name, value):
        """A field, with encoded words where they are needed."""
        if value.isascii():
            return f"{name}: {value}\n"
        words = []
        for at in range(0, len(value), 12):
            piece = value[at:at + 12].encode()
            words.append("=?utf-8?B?" + base64.b64encode(piece).decode() + "?=")
        return f"{name}: " + "\n ".join(words) + "\n"

    def base64(self, data, line=76):
        text = base64.b64encode(data).decode()
        return "\n".join(text[at:at + line] for at in range(0, len(text), line)) + "\n"

    def plain(self, size, charset="utf-8"):
        text = self.text(size).encode(charset, "replace")
        if self.r.random() < 0.5:
            return f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: 8bit\n\n".encode() + text
        head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: quoted-printable\n\n"
        return head.encode() + quopri.encodestring(text)

    def html(self, size):
        body = "".join(f"<p>{line}</p>\n" for line in self.text(size).splitlines())
        head = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
        return head.encode() + quopri.encodestring(f"<html><body>\n{body}</body></html>\n".encode())

    def attachment(self, found):
        n = self.r.randrange(1 << 30)
        name = self.r.choice((f"report-{n}.pdf", f"Rechnung {n}.pdf", f"Übersicht {n}.png", f"notes{n}.txt", f"長い名前 {n} " + "x" * 60 + ".bin"))
        at, size = self.r.randrange(1 << 19), min(self.size(10_000), 1 << 19)
        data = self.bytes[at:at + size]
        if name.endswith(".txt"):
            data = self.text(size % 5000).encode("ascii", "replace")
        # A text's line ends belong to its bytes in this form.
        found.append({"name": name, "sha256": hashlib.sha256(data).hexdigest()})
        kind = {"pdf": "application/pdf", "png": "image/png", "txt": "text/plain", "bin": "application/octet-stream"}[name.rsplit(".", 1)[1]]
        if name.isascii():
            how = f'Content-Disposition: attachment; filename="{name}"\n'
        elif self.r.random() < 0.3:
            how = "Content-Disposition: attachment;\n filename=\"=?utf-8?B?" + base64.b64encode(name.encode()).decode() + "?=\"\n"
        else:
            coded = "".join(chr(b) if chr(b).isalnum() and b < 128 or b in b".-" else f"%{b:02X}" for b in name.encode())
            cuts = []
            while coded:
                end = 60
                while end < len(coded) and "%" in coded[end - 2:end]:
                    end -= 1
                cuts.append(coded[:end])
                coded = coded[end:]
            if len(cuts) == 1:
                how = f"Content-Disposition: attachment; filename*=utf-8''{cuts[0]}\n"
            else:
                parts = [f" filename*{n}*={chr(39).join(('utf-8', '', cut)) if n == 0 else cut}" for n, cut in enumerate(cuts)]
                how = "Content-Disposition: attachment;\n" + ";\n".join(parts) + "\n"
        if name.endswith(".txt"):
            return f"Content-Type: {kind}\n{how}\n".encode() + data
        return f"Content-Type: {kind}\n{how}Content-Transfer-Encoding: base64\n\n".encode() + self.base64(data).encode()

    def multipart(self, kind, parts, close=True):
        # In quotes, as some boundaries have to be.
        boundary = f"=_{self.r.randrange(1 << 60):015x}"
        out = f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n'.encode()
        for part in parts:
            out += f"--{boundary}\n".encode() + part + b"\n"
        return out + (f"--{boundary}--\n".encode() if close else b"")

    def message(self, n):
        subject = " ".join(self.r.choices(WORDS, k=self.r.randint(2, 8)))
        stamp = (self.r.randint(2010, 2026), self.r.randint(1, 12), self.r.randint(1, 28), self.r.randint(0, 23), self.r.randint(0, 59), self.r.randint(0, 59))
        year, month, day, hour, minute, second = stamp
        date = f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"
        head = "".join(f"Received: from relay{k}.example.org by mx.example.org with ESMTPS id {self.r.randrange(1 << 40):x};\n\tMon, 1 Jan 2024 00:00:00 +0000\n" for k in range(3))
        head += self.word("From", f"Someone {n} <someone{n % 977}@example.org>") + f"To: you@example.com, team{n % 31}@example.com\n"
        head += self.word("Subject", subject)
        head += f"Date: {day} {MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} +0000\nMessage-ID: <{n}.{self.r.randrange(1 << 40):x}@example.org>\nMIME-Version: 1.0\n"
        kind = self.r.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
        found, malformed = [], False
        if kind == "plain":
            body = self.plain(self.size(4500), self.r.choice(("utf-8", "utf-8", "iso-8859-1")))
        elif kind == "quoted":
            body = self.plain(self.size(9000))
        elif kind == "alternative":
            body = self.multipart("alternative", [self.plain(self.size(3000)), self.html(self.size(5000))])
        elif kind == "mixed":
            count = self.r.randint(1, 2)
            malformed = self.r.random() < 0.1
            body = self.multipart("mixed", [self.plain(2000)] + [self.attachment(found) for _ in range(count)], not malformed)
        elif kind == "nested":
            inner = self.multipart("alternative", [self.plain(1500), self.multipart("related", [self.html(3000), self.attachment(found)])])
            body = self.multipart("mixed", [inner, self.attachment(found)])
        elif kind == "related":
            body = self.multipart("related", [self.html(6000), self.attachment(found)])
        elif kind == "report":
            status = b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.1.1\n"
            body = self.multipart("report", [self.plain(800), status, b"Content-Type: text/rfc822-headers\n\nSubject: x\n"])
        else:
            inner = b"From: a@b\nSubject: inner\nMIME-Version: 1.0\n" + self.plain(self.size(4000))
            body = self.multipart("mixed", [self.plain(500), b"Content-Type: message/rfc822\n\n" + inner])
        return head.encode() + body, {"subject": subject, "date": date, "malformed": malformed, "attachments": found}


def mboxrd(message):
    out = []
    for line in message.split(b"\n"):
        out.append(b">" + line if line.lstrip(b">").startswith(b"From ") else line)
    text = b"\n".join(out)
    return b"From mail@example.org Sun Nov 22 12:00:00 2026\n" + text + (b"" if text.endswith(b"\n") else b"\n") + b"\n"


def make(at, count):
    maker = Maker()
    for sub in ("new", "cur", "tmp"):
        os.makedirs(f"{at}/maildir/{sub}", exist_ok=True)
    with open(f"{at}/mbox", "wb") as mbox, open(f"{at}/truth.jsonl", "w") as truth:
        for n in range(count):
            message, facts = maker.message(n)
            mbox.write(mboxrd(message))
            with open(f"{at}/maildir/cur/{1_700_000_000 + n}.{n:06}.x:2,S", "wb") as f:
                f.write(message)
            truth.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20_000)
