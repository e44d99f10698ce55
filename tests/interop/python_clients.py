#!/usr/bin/env python3
"""Python's smtplib, poplib and imaplib against a running mail-serve: clients that nobody here wrote.

usage: python_clients.py SMTP-PORT POP3-PORT IMAP-PORT
The server takes any password and creates users. Only the standard library is needed.
"""
import email
import email.policy
import imaplib
import poplib
import re
import smtplib
import ssl
import sys
import threading
import time
import zlib
from email.message import EmailMessage

SMTP, POP3, IMAP = (int(port) for port in sys.argv[1:4])
HOST = "127.0.0.1"


def letter(subject, body, size=0):
    message = EmailMessage()
    message["From"] = "Alice Liddell <alice@localhost>"
    message["To"] = "bob@localhost"
    message["Cc"] = "Jürgen <carol@localhost>"
    message["Subject"] = subject
    message["Date"] = "Sun, 22 Nov 2026 12:00:00 +0100"
    message.set_content(body)
    if size:
        message.add_attachment(b"\0\xff" * (size // 2), maintype="image", subtype="png", filename="a b.png")
    return message


def smtp():
    with smtplib.SMTP(HOST, SMTP) as client:
        code, _ = client.ehlo()
        assert code == 250
        for name in ("pipelining", "8bitmime", "size", "enhancedstatuscodes", "auth"):
            assert client.has_extn(name), name
        client.login("alice", "anything")
        assert client.send_message(letter("one", "hello\n.\n..dots\n.end\n")) == {}
        assert client.send_message(letter("Grüße", "zwei: äöü\n", 300_000)) == {}
        refused = client.sendmail("alice@localhost", ["bob@localhost", "x@example.org"], "Subject: three\r\n\r\nx")
        assert list(refused) == ["x@example.org"] and refused["x@example.org"][0] == 550, refused
        try:
            client.sendmail("alice@localhost", ["x@example.org"], "Subject: four\r\n\r\nx")
            raise AssertionError("a relay")
        except smtplib.SMTPRecipientsRefused:
            pass
        assert client.verify("bob")[0] == 252
        assert client.noop()[0] == 250 and client.rset()[0] == 250 and client.help()
        assert client.docmd("MAIL FROM:<a@localhost> SIZE=99999999999")[0] == 552


def pop3():
    client = poplib.POP3(HOST, POP3)
    assert "UIDL" in client.capa() and "TOP" in client.capa()
    client.user("bob")
    client.pass_("anything")
    count, size = client.stat()
    assert count == 3 and size > 400_000, (count, size)
    listing = [line.split() for line in client.list()[1]]
    assert [int(n) for n, _ in listing] == [1, 2, 3]
    assert sum(int(s) for _, s in listing) == size
    ids = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(ids)) == 3
    for number, octets in listing:
        _, lines, _ = client.retr(int(number))
        assert sum(len(line) + 2 for line in lines) == int(octets), (number, octets)
    one = email.message_from_bytes(b"\n".join(client.retr(1)[1]) + b"\n", policy=email.policy.default)
    assert one["Subject"] == "one" and one["Return-Path"] == "<alice@localhost>"
    assert one.get_content() == "hello\n.\n..dots\n.end\n", one.get_content()
    two = email.message_from_bytes(b"\r\n".join(client.retr(2)[1]), policy=email.policy.default)
    assert two["Subject"] == "Grüße"
    assert [part.get_filename() for part in two.iter_attachments()] == ["a b.png"]
    top = client.top(1, 1)[1]
    assert top[-1] == b"hello" and b"" in top
    other = poplib.POP3(HOST, POP3)
    other.user("bob")
    try:
        other.pass_("anything")
        raise AssertionError("two sessions")
    except poplib.error_proto as e:
        assert b"[IN-USE]" in e.args[0], e
    other.quit()
    client.dele(3)
    client.rset()
    client.dele(3)
    client.quit()
    client = poplib.POP3(HOST, POP3)
    client.user("bob")
    client.pass_("anything")
    assert client.stat()[0] == 2
    assert [line.split()[1] for line in client.uidl()[1]] == ids[:2]
    client.close()


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def imap():
    client = imaplib.IMAP4(HOST, IMAP)
    for name in ("IMAP4REV1", "IDLE", "UIDPLUS", "LITERAL-", "NAMESPACE", "SASL-IR"):
        assert name in client.capabilities, name
    ok(client.login("bob", 'any "thing" \\'))
    assert ok(client.namespace())
    assert ok(client.select("INBOX")) == [b"2"]
    assert ok(client.search(None, "ALL")) == [b"1 2"]
    assert ok(client.search(None, "SUBJECT", "one")) == [b"1"]
    assert ok(client.search("UTF-8", "SUBJECT", "Gr\u00fc\u00dfe".encode())) == [b"2"]
    assert ok(client.search(None, "BODY", "dots")) == [b"1"]
    assert ok(client.search(None, "SENTON", "22-Nov-2026", "NOT", "DELETED", "LARGER", "1000")) == [b"2"]
    assert ok(client.search(None, "OR", "FROM", "nobody", "CC", "carol")) == [b"1 2"]
    assert ok(client.sort("(REVERSE SUBJECT)", "UTF-8", "ALL")) == [b"1 2"]
    assert ok(client.uid("SORT", "(SIZE)", "UTF-8", "SUBJECT", "one")) == [b"1"]
    assert ok(client.thread("REFERENCES", "UTF-8", "ALL")) == [b"(1)(2)"]
    data = ok(client.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"))
    text = data[0] if isinstance(data[0], bytes) else b" ".join(data[0])
    assert b'ENVELOPE ("Sun, 22 Nov 2026 12:00:00 +0100" "one"' in text, text
    assert b'"TEXT" "PLAIN"' in text.upper(), text
    structure = ok(client.fetch("2", "(BODYSTRUCTURE)"))[0]
    structure = structure if isinstance(structure, bytes) else b"".join(structure)
    assert b'"MIXED"' in structure.upper() and b'a b.png' in structure, structure
    whole = ok(client.fetch("1", "(BODY.PEEK[])"))[0][1]
    message = email.message_from_bytes(whole, policy=email.policy.default)
    assert message.get_content().replace("\r\n", "\n") == "hello\n.\n..dots\n.end\n"
    size = int(re.search(rb"RFC822.SIZE (\d+)", ok(client.fetch("1", "(RFC822.SIZE)"))[0]).group(1))
    assert size == len(whole)
    assert ok(client.fetch("1", "(BODY.PEEK[]<5.10>)"))[0][1] == whole[5:15]
    assert ok(client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))[0][1] == b"Subject: one\r\n\r\n"
    assert ok(client.fetch("1", "(FLAGS)"))[0].find(b"\\Seen") < 0
    assert ok(client.fetch("2", "(BODY[1])"))[0][1].strip() in ("zwei: äöü".encode(), b"zwei: =C3=A4=C3=B6=C3=BC", b"endlaTogw6TDtsO8Cg==")
    assert b"\\Seen" in ok(client.fetch("2", "(FLAGS)"))[0]
    assert b"\\Flagged" in ok(client.store("1", "+FLAGS", "(\\Flagged $Forwarded)"))[0]
    assert ok(client.search(None, "KEYWORD", "$Forwarded")) == [b"1"]
    for name in ("Store", "Lists/rust", '"with space"', "&ZeVnLIqe-"):
        ok(client.create(name))
        ok(client.subscribe(name))
    names = b"\n".join(ok(client.list()))
    for name in (b"Store", b"Lists/rust", b"with space", b"&ZeVnLIqe-", b"INBOX"):
        assert name in names, (name, names)
    assert len(ok(client.lsub())) >= 4
    ok(client.copy("1:2", "Store"))
    assert b"MESSAGES 2" in ok(client.status("Store", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"))[0]
    big = letter("big", "x\n" * 1000, 3_000_000).as_bytes().replace(b"\n", b"\r\n")
    data = ok(client.append("Store", "(\\Seen)", imaplib.Time2Internaldate(1_700_000_000), big))
    assert b"APPENDUID" in data[0], data
    ok(client.rename("Store", "Old"))
    assert ok(client.select("Old")) == [b"3"]
    assert ok(client.fetch("3", "(BODY.PEEK[])"))[0][1] == big
    assert b"14-Nov-2023" in ok(client.fetch("3", "(INTERNALDATE)"))[0]
    ok(client.uid("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)"))
    ok(client.store("2", "+FLAGS", "\\Deleted"))
    ok(client.uid("EXPUNGE", "1"))
    assert client.response("EXPUNGE")[1] == [b"1"]
    assert ok(client.expunge()) == [b"1"]
    ok(client.close())
    ok(client.delete("Old"))
    status, _ = client.select("Old")
    assert status == "NO"
    ok(client.select("INBOX", readonly=True))
    status, _ = client.store("1", "+FLAGS", "\\Deleted")
    assert status == "NO", status
    idle(client)
    client.logout()
    client = imaplib.IMAP4(HOST, IMAP)
    ok(client.authenticate("PLAIN", lambda _: b"\0bob\0x"))
    client.logout()
    client = Compressed(HOST, IMAP)
    ok(client.login("bob", "x"))
    client.compress()
    ok(client.select("INBOX", readonly=True))
    assert ok(client.fetch("1", "(BODY.PEEK[])"))[0][1] == whole
    ok(client.append("Lists/rust", None, None, big))
    ok(client.select("Lists/rust", readonly=True))
    assert ok(client.fetch("1", "(BODY.PEEK[])"))[0][1] == big
    client.logout()


class Compressed(imaplib.IMAP4):
    """COMPRESS=DEFLATE (RFC 4978) by the zlib of Python."""

    deflate = None

    def compress(self):
        assert "COMPRESS=DEFLATE" in ok(self.capability())[0].decode()
        imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")
        ok(self._simple_command("COMPRESS", "DEFLATE"))
        self.deflate = zlib.compressobj(wbits=-15)
        self.inflate = zlib.decompressobj(wbits=-15)
        self.plain = b""

    def send(self, data):
        if self.deflate:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        super().send(data)

    def more(self):
        packed = self.sock.recv(65536)
        assert packed, "it hung up"
        self.plain += self.inflate.decompress(packed)

    def read(self, size):
        if not self.deflate:
            return super().read(size)
        while len(self.plain) < size:
            self.more()
        data, self.plain = self.plain[:size], self.plain[size:]
        return data

    def readline(self):
        if not self.deflate:
            return super().readline()
        while b"\n" not in self.plain:
            self.more()
        return self.read(self.plain.index(b"\n") + 1)


def idle(client):
    """A message that comes during IDLE is told; imaplib of this Python has no IDLE, so by hand."""
    ok(client.select("INBOX"))
    client.send(b"i1 IDLE\r\n")
    assert client.readline().startswith(b"+")

    def send():
        time.sleep(0.3)
        with smtplib.SMTP(HOST, SMTP) as sender:
            sender.sendmail("a@localhost", ["bob@localhost"], "Subject: idle\r\n\r\nx")

    thread = threading.Thread(target=send)
    thread.start()
    begun = time.monotonic()
    line = client.readline()
    while b"EXISTS" not in line:
        line = client.readline()
    assert time.monotonic() - begun < 10
    thread.join()
    client.send(b"DONE\r\n")
    while not client.readline().startswith(b"i1 OK"):
        pass


def insecure():
    """A context for the certificate that the server has made itself: whether it is the right one is not asked here."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def extensions():
    """STARTTLS everywhere, SMTPUTF8, MOVE, CONDSTORE, THREAD, UNSELECT."""
    with smtplib.SMTP(HOST, SMTP) as client:
        client.starttls(context=insecure())
        client.login("alice", "anything")
        message = letter("Ünï", "dora\n")
        assert client.send_message(message, "jürgen@localhost", ["dora@localhost"]) == {}
        assert client.send_message(letter("Re: Ünï", "again\n"), "a@localhost", ["dora@localhost"]) == {}
    client = poplib.POP3(HOST, POP3)
    client.stls(context=insecure())
    client.user("dora")
    client.pass_("anything")
    assert client.stat()[0] == 2
    client.quit()
    client = imaplib.IMAP4(HOST, IMAP)
    client.starttls(insecure())
    ok(client.login("dora", "anything"))
    for name in ("MOVE", "CONDSTORE", "THREAD=REFERENCES", "UNSELECT"):
        assert name in client.capabilities, name
    ok(client.enable("CONDSTORE"))
    ok(client.select("INBOX"))
    assert ok(client.thread("ORDEREDSUBJECT", "UTF-8", "ALL")) == [b"(1 2)"]
    before = int(re.search(rb"HIGHESTMODSEQ (\d+)", ok(client.status("INBOX", "(HIGHESTMODSEQ)"))[0]).group(1))
    ok(client.uid("STORE", "2", "+FLAGS.SILENT", "(\\Answered)"))
    changed = ok(client.uid("FETCH", "1:*", "(FLAGS)", f"(CHANGEDSINCE {before})"))
    assert len(changed) == 1 and b"UID 2 " in changed[0] and b"MODSEQ" in changed[0], changed
    ok(client.uid("MOVE", "1", "Archive"))
    assert b"MESSAGES 1" in ok(client.status("Archive", "(MESSAGES)"))[0]
    assert ok(client.search(None, "ALL")) == [b"1"]
    ok(client.unselect())
    client.logout()


smtp()
pop3()
imap()
extensions()
print("python: smtplib, poplib and imaplib are content")
