"""tests/certificates.py - a CA of the tests' own, and the certificates that it signs, made by the openssl command; tokens."""
import base64
import hashlib
import hmac
import json
import os
import subprocess

_KEY = ("-newkey", "rsa:2048", "-nodes")


class Authority:
    """ca.pem in the folder; NAME.pem and NAME.key for each name that is signed."""

    def __init__(self, folder):
        self.folder = folder
        self._openssl("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj",
                      "/CN=tests of eventbus-pulsar", "-addext", "basicConstraints=critical,CA:TRUE")

    @property
    def ca(self):
        return os.path.join(self.folder, "ca.pem")

    def sign(self, name, names="DNS:localhost"):
        """A certificate with CN = NAME for these host names: the paths of it and of its key (PKCS 8)."""
        with open(os.path.join(self.folder, f"{name}.names"), "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={names}\n")
        self._openssl("req", "-new", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                      "2", "-extfile", f"{name}.names", "-out", f"{name}.pem")
        return os.path.join(self.folder, f"{name}.pem"), os.path.join(self.folder, f"{name}.key")

    def _openssl(self, *words):
        ran = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"openssl {' '.join(words)}:\n{ran.stderr}")


def token(secret, role):
    """A JSON web token that says who its bearer is, signed with the bytes of `secret`."""
    def text(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = text(json.dumps({"alg": "HS256"}).encode()) + b"." + text(json.dumps({"sub": role}).encode())
    return (signed + b"." + text(hmac.new(secret, signed, hashlib.sha256).digest())).decode()
