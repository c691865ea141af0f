"""tests/brokers/certificates.py - a CA of the tests' own, and what it has signed: made by the openssl command."""
import os
import subprocess

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class Authority:
    """ca.pem in the folder, and NAME.pem and NAME.key for each name that asks."""

    def __init__(self, folder, name="eventbus tests"):
        self.folder = folder
        self._openssl("req", "-x509", *KEY, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
                      "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")

    def path(self, file):
        return os.path.join(self.folder, file)

    @property
    def ca(self):
        return self.path("ca.pem")

    def sign(self, name, names="IP:127.0.0.1,DNS:localhost", password=None):
        """A certificate for these names; answers the paths of it and of its key (PKCS 8), encrypted where a password is
        given."""
        guard = ("-passout", f"pass:{password}") if password else ("-nodes",)
        with open(self.path(f"{name}.names"), "w", encoding="utf-8") as file:
            file.write(f"subjectAltName={names}\n")
        self._openssl("req", "-new", *KEY, *guard, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                      "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", "2", "-extfile", f"{name}.names", "-out", f"{name}.pem")
        return self.path(f"{name}.pem"), self.path(f"{name}.key")

    def _openssl(self, *words):
        ran = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise RuntimeError(f"openssl {' '.join(words)}:\n{ran.stderr}")
