"""tests/test_security.py - TLS with the check of CA and host name, tokens, certificates, for all three roles."""
from harness import Bus, check, contains, equal, events, test

OPEN = {"topic_wait": "200ms"}


def secure(server, **options):
    given = {"url": server.tls_url, "admin_url": server.tls_admin_url, "tls_ca": server.authority.ca, **OPEN, **options}
    return Bus(**{name: value for name, value in given.items() if value is not None})


def works(bus, topic):
    bus.run("topics", "create", "-t", topic)
    bus.produce(topic, events(5, 5))
    equal(len(bus.consume(topic, "g")), 5, "the events")
    equal(bus.groups(topic, "g")[0]["lag"], 0, "the lag")
    equal(len(bus.run("consume", "-t", topic, "--exit-at-end").lines()), 5, "the events that a look shows")


def attempt(bus, words, command):
    """Runs a command that has to fail. A broker that has not refused within 5 s, since the machine is busy, gets a minute."""
    for within in ("5s", "60s"):
        done = bus.run("-o", f"eventbus.delivery_timeout={within}", "-o", f"broker.main.connect_timeout={within}", *command, status=None)
        check(done.status != 0, f"{command[0]} ended with 0:\n{done.err}")
        if any(word in done.err for word in words):
            break
    return done


def refused(bus, *words, secret=None):
    """Producer, consumer and admin each end with an error that has one of the words."""
    for command in (("topics",), ("produce", "--signal", "org.example.counted.v1", "--topic", "closed", "--data",
                                  '{"item": {"key": "k", "n": 1, "text": ""}}'),
                    ("consume", "-t", "closed", "-g", "g", "--exit-at-end")):
        done = attempt(bus, words, command)
        check(any(word in done.err for word in words), f"{command[0]}: expected one of {words} in:\n{done.err}")
        check(not secret or secret not in done.err + done.out, "the token is shown")


@test
def a_token_logs_in_over_tls(server):
    works(secure(server, token=server.token("admin")), "token-inline")


@test
def a_token_comes_from_a_file_and_is_read_anew(server):
    bus = secure(server)
    path = bus.write("token", server.token("nobody"))
    options = {"url": server.tls_url, "admin_url": server.tls_admin_url, "tls_ca": server.authority.ca, **OPEN}
    bus.configure(token_file=path, **options)
    refused(bus, "rights", "permission", "authoriz", "Authoriz")
    bus.write("token", server.token("admin") + "\n")
    works(bus, "token-file")


@test
def a_token_comes_from_the_environment(server):
    bus = secure(server, token_env="PULSAR_TEST_TOKEN")
    bus.environment["PULSAR_TEST_TOKEN"] = server.token("admin")
    works(bus, "token-env")


@test
def a_certificate_logs_in(server):
    certificate, key = server.authority.sign("admin")
    works(secure(server, tls_cert=certificate, tls_key=key), "certificate")


@test
def who_has_no_rights_is_refused(server):
    token = server.token("nobody")
    refused(secure(server, token=token), "rights", "permission", "authoriz", "Authoriz", secret=token)
    certificate, key = server.authority.sign("nobody")
    refused(secure(server, tls_cert=certificate, tls_key=key), "rights", "permission", "authoriz", "Authoriz")


@test
def who_does_not_log_in_is_refused(server):
    refused(secure(server), "not authenticated", "refuses the token")
    refused(secure(server, token="a.b.c"), "not authenticated", "refuses the token", secret="a.b.c")


@test
def a_wrong_host_name_is_refused(server):
    token = server.token("admin")
    bus = secure(server, url=server.tls_url.replace("localhost", "127.0.0.1"),
                 admin_url=server.tls_admin_url.replace("localhost", "127.0.0.1"), token=token)
    refused(bus, "host name", secret=token)
    contains(bus.run("topics", status=None).err, "127.0.0.1")


@test
def a_ca_that_is_not_known_is_refused(server):
    token = server.token("admin")
    refused(secure(server, tls_ca=None, token=token), "tls_ca", "local issuer", secret=token)
