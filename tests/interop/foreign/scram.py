"""SCRAM bound to a TLS connection, by Python's hashes and OpenSSL's exporter: scram.py HOST:PORT USER PASSWORD, at an IMAP server."""

import base64
import hashlib
import hmac
import ssl
import subprocess
import sys


class Line:
    """A connection made by openssl s_client, which tells its exporter's value and the server's certificate."""

    def __init__(self, server):
        words = ["openssl", "s_client", "-connect", server, "-tls1_3", "-ign_eof"]
        words += ["-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.exporter, certificate, inside = None, "", False
        while True:
            line = self.hear()
            inside |= line.startswith("-----BEGIN CERTIFICATE")
            if inside:
                certificate += line + "\n"
            inside &= not line.startswith("-----END CERTIFICATE")
            if line.strip().startswith("Keying material:") and "export" not in line:
                self.exporter = bytes.fromhex(line.split(":")[1].strip())
            if line.startswith("* OK"):
                break
        self.end_point = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).digest()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the connection ended")
        return line.decode().rstrip("\r\n")

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\r\n")
        self.process.stdin.flush()


def b64(data):
    return base64.b64encode(data).decode()


def login(server, user, password, name, hash, binding):
    line = Line(server)
    data = {"tls-exporter": line.exporter, "tls-server-end-point": line.end_point, "wrong": bytes(32)}[binding]
    head = "p=%s,," % ("tls-exporter" if binding == "wrong" else binding)
    bare = "n=%s,r=rOprNGfwEbeRWgbNEkqO" % user
    line.say("a AUTHENTICATE %s %s" % (name, b64((head + bare).encode())))
    answer = line.hear()
    first = base64.b64decode(answer[2:]).decode()
    nonce, salt, count = [field[2:] for field in first.split(",")]
    salted = hashlib.pbkdf2_hmac(hash, password.encode(), base64.b64decode(salt), int(count))
    mac = lambda key, text: hmac.new(key, text, hash).digest()
    client = mac(salted, b"Client Key")
    without = "c=%s,r=%s" % (b64(head.encode() + data), nonce)
    message = ",".join([bare, first, without]).encode()
    proof = bytes(a ^ b for a, b in zip(client, mac(hashlib.new(hash, client).digest(), message)))
    line.say(b64(("%s,p=%s" % (without, b64(proof))).encode()))
    answer = line.hear()
    if answer.startswith("+ "):
        expected = "v=" + b64(mac(mac(salted, b"Server Key"), message))
        if base64.b64decode(answer[2:]).decode() != expected:
            sys.exit("%s: not the server's signature: %s" % (name, answer))
        line.say("")
        answer = line.hear()
    line.process.kill()
    line.process.wait()
    return answer.startswith("a OK")


server, user, password = sys.argv[1:]
for name, hash in [("SCRAM-SHA-256-PLUS", "sha256"), ("SCRAM-SHA-1-PLUS", "sha1")]:
    for binding, right in [("tls-exporter", True), ("tls-server-end-point", True), ("wrong", False)]:
        if login(server, user, password, name, hash, binding) != right:
            sys.exit("%s by %s: %s expected" % (name, binding, right))
