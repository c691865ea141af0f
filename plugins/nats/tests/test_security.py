"""TLS with a CA, host name and client certificates; tokens, users and credentials files; what is refused, and what the message
says. Each needs a server of its own."""
import os
import shutil
import subprocess
import sys
import tempfile

import nats_server
from nats_test import EVENT, check, data_lines, run_one, site

EVENTS = data_lines([("ada", 1)])


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def certificate(folder, name, subject, names=""):
    with open(os.path.join(folder, f"{name}.ext"), "w", encoding="ascii") as file:
        file.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", f"{name}.pem", "-extfile", f"{name}.ext")


def make_certificates(folder):
    for ca in ("ca", "other"):
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-days", "2",
                "-subj", f"/CN={ca}")
    certificate(folder, "server", "server", "DNS:localhost,DNS:nats.example.org")
    certificate(folder, "strange", "strange", "DNS:elsewhere.example.org")
    certificate(folder, "client", "client")


def tls(folder, name="server", verify=False):
    more = f'ca_file: "{folder}/ca.pem", verify: true' if verify else ""
    return f'tls {{ cert_file: "{folder}/{name}.pem", key_file: "{folder}/{name}.key", timeout: 5, {more} }}\n'


class Case:
    def __init__(self, program):
        self.program = program

    def works(self, config, options, scheme="nats"):
        with nats_server.running(self.program, config, scheme) as server, site(server, options) as s:
            s.run("produce", "--signal", EVENT, "-", stdin=EVENTS)
            check(EVENT in s.run("consume", "-t", "user-login", "-g", "g", "--exit-at-end", "-q").stdout, "no event came back")
            check([row for row in s.rows("topics") if row["topic"] == "user-login"], "the topic is not listed")

    def refused(self, config, options, text, scheme="nats", secret=None):
        with nats_server.running(self.program, config, scheme) as server:
            for seconds in (1, 4, 16, 60):      # in which the refusal comes; a machine that is busy needs more
                with site(server, [*options, f"connect_timeout = {seconds}s"]) as s:
                    done = s.run("produce", "--signal", EVENT, "-", stdin=EVENTS, status=None)
                check(done.returncode != 0, "it was sent all the same")
                check(not secret or secret not in done.stderr, f"the secret is shown: {done.stderr}")
                if text.lower() in done.stderr.lower():
                    return
            check(False, f"expected {text!r} in: {done.stderr}")


def run(program, folder):
    case = Case(program)
    ca, mutual = f"tls_ca = {folder}/ca.pem", (f"tls_cert = {folder}/client.pem", f"tls_key = {folder}/client.key")
    token, user = "authorization { token: topsecret }\n", "authorization { user: ada, password: topsecret }\n"
    creds = os.path.join(folder, "none.creds")
    shutil.copy(os.path.join(folder, "ca.key"), creds)
    steps = [
        ("tls_with_a_ca_works", case.works, (tls(folder), [ca], "tls")),
        ("another_name_of_the_server_can_be_expected", case.works, (tls(folder), [ca, "tls_server_name = nats.example.org"], "tls")),
        ("client_certificates_work", case.works, (tls(folder, verify=True), [ca, *mutual], "tls")),
        ("a_token_works", case.works, (token, ["token = topsecret"])),
        ("a_user_with_a_password_works", case.works, (user, ["user = ada", "password = topsecret"])),
        ("a_certificate_of_another_ca_is_refused", case.refused, (tls(folder), [f"tls_ca = {folder}/other.pem"], "certificate", "tls")),
        ("a_certificate_for_another_host_is_refused", case.refused, (tls(folder, "strange"), [ca], "hostname mismatch", "tls")),
        ("without_a_client_certificate_the_server_refuses", case.refused, (tls(folder, verify=True), [ca], "cannot use NATS", "tls")),
        ("a_wrong_token_is_refused_and_not_shown", case.refused, (token, ["token = wrongsecret"], "authorization", "nats", "wrongsecret")),
        ("a_wrong_password_is_refused_and_not_shown", case.refused,
         (user, ["user = ada", "password = wrongsecret"], "authorization", "nats", "wrongsecret")),
        ("a_server_without_tls_is_refused_with_tls", case.refused, ("", [ca], "cannot use NATS", "tls")),
        ("a_ca_that_is_not_there_is_named", case.refused, (tls(folder), ["tls_ca = /nowhere/ca.pem"], "/nowhere/ca.pem", "tls")),
        ("a_credentials_file_that_is_none_is_refused", case.refused, ("", [f"credentials = {creds}"], "none.creds")),
        ("two_logins_exclude_each_other", case.refused, ("", ["token = a", "user = b"], "token: excludes user")),
        ("a_server_without_jetstream_is_named", lambda: without_jetstream(case), ()),
    ]
    return [run_one(f"{name} with nats-server {nats_server.version(program)}", step, *args) for name, step, args in steps]


def without_jetstream(case):
    """An account without JetStream: as a server without it."""
    config = "accounts { A { users: [ { user: a, password: b } ] } }\n"
    case.refused(config, ["user = a", "password = b"], "JetStream")


def main():
    programs = nats_server.servers()
    if not programs:
        sys.exit(1 if os.environ.get("CI") or os.environ.get("EB_CI") else 77)
    folder = tempfile.mkdtemp(prefix="nats-tls-")
    try:
        make_certificates(folder)
        results = [good for program in programs for good in run(program, folder)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if all(results) else 1)


main()
