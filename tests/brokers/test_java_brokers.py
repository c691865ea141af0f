"""The brokers in Java that other tests start: they keep what they must, are what was pinned, and end with their test."""
import os
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import java_program                                         # noqa: E402
from harness import main, test                              # noqa: E402
from kafka_case import MOCK, Mock, framed, headers, kafka_test, raw  # noqa: E402
from kafka_server import KafkaServer                        # noqa: E402
from registry_server import RegistryServer                  # noqa: E402

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kafka_server.py")


@kafka_test(own_kafka=True)
def kafka_has_its_data_and_its_port_again_after_kill_9(t, site):
    site.kafka.create(site.full("a"), 3)
    message = {"partition": 2, "key": "00ff", "value": None, "headers": [["x", "00"], ["x", None], ["", ""]]}
    t.equal(site.send("a", message), ["2:0"])
    before = site.kafka.bootstrap
    site.kafka.kill9()
    site.kafka.start()
    t.equal(site.kafka.bootstrap, before)
    got = site.dump("a")
    t.equal([{name: one[name] for name in message} for one in got], [message])


@kafka_test()
def a_key_has_one_partition(t, site):
    site.kafka.create(site.full("a"), 8)
    sent = [{"key": framed(1, bytes([n])), "value": framed(2, b"x"), "headers": headers()} for n in range(16)]
    first, second = site.send("a", *sent), site.send("a", *sent)
    t.equal([place.split(":")[0] for place in first], [place.split(":")[0] for place in second])
    t.check(len({place.split(":")[0] for place in first}) > 2, "all keys in hardly any partition")


@kafka_test(own_registry=lambda: RegistryServer(basic=("key", "secret")))
def the_registry_keeps_its_schemas_and_asks_for_the_password(t, site):
    schema = '{"name": "R", "type": "record", "fields": [{"name": "a", "type": "string"}]}'
    number = site.register("s", schema)
    t.equal(site.register("s", schema.replace(" ", "")), number, "white space makes no other schema")
    site.registry.kill9()
    site.registry.start()
    t.equal(site.registry.schemas("s"), {"s": [schema]})
    try:
        urllib.request.urlopen(site.registry.url + "/subjects")
        t.check(False, "it let somebody in")
    except urllib.error.HTTPError as error:
        t.equal(error.code, 401)
    t.equal(site.registry.get("/config")["compatibilityLevel"], "BACKWARD")


@test
def what_is_not_as_pinned_is_not_used(t):
    os.makedirs(t.path("fetched"))
    t.write("fetched/a.jar", "changed")
    t.write("x.sha256", "0" * 64 + "  a.jar\n")
    here, java_program.HERE = java_program.HERE, t.folder
    run, subprocess.run = subprocess.run, lambda *_, **__: subprocess.CompletedProcess([], 0, "")
    try:
        java_program._fetch("x", t.path("fetched"))
        t.check(False, "it took a changed file")
    except RuntimeError as error:
        t.contains(str(error), "not the files of", "a.jar")
    finally:
        java_program.HERE, subprocess.run = here, run


@kafka_test()
def kafka_dies_with_the_test_that_is_killed(t, site):
    del site
    program = subprocess.Popen([sys.executable, SCRIPT], stdout=subprocess.PIPE, text=True)
    port = int(program.stdout.readline().split()[0].rpartition(":")[2])
    program.kill()
    program.wait()

    def gone():
        listening = f":{port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as file:
            lines = [line.split() for line in file]
        return not any(words[1].endswith(listening) and words[3] == "0A" for words in lines[1:])

    t.until(gone, what="the server's end")


@test
def the_mock_cluster_does_as_it_is_told(t):
    with Mock(t, 2) as mock:
        mock("topic", "a", 2)
        told = raw("send", mock.bootstrap, stdin='{"topic": "a", "partition": 1, "key": null, "value": "00"}\n')
        t.equal(told, [{"partition": 1, "offset": 0}])
        t.equal([one["value"] for one in raw("dump", mock.bootstrap, "a")], ["00"])
    t.check(os.path.exists(MOCK), "it is built")


main()
