"""Messages as others may write them, among good ones: each bad one becomes a dead letter with its own bytes, and no good
one is lost or out of order."""
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "tests", "brokers"))
from kafka_case import HEADERS, KEY_FIELD, LOGIN, LOGIN_BODY, framed, headers, kafka_test, number, produce, \
    start_worker, take_all                                  # noqa: E402
from harness import SCHEMAS, main                           # noqa: E402

DLQ = ("dlq_reason", "dlq_class", "dlq_topic", "dlq_position", "dlq_group", "dlq_receiver", "dlq_attempts", "dlq_first",
       "dlq_last")


def login_schema():
    with open(os.path.join(SCHEMAS, f"{LOGIN}.avsc"), encoding="utf-8") as file:
        return file.read()


def registered(site):
    """The ids that good messages have, and those of foreign schemas."""
    subject = site.full("a") + "-x"
    foreign = {"name": "Foreign", "type": "record", "fields": [{"name": "n", "type": "long"}]}
    return {"value": site.register(subject, login_schema()),
            "foreign": site.register(subject + "f", json.dumps(foreign)),
            "key": site.register(subject + "k", '{"name": "username", "type": "string"}')}


def bad_messages(ids):
    """What is wrong: the message."""
    body, good, key = LOGIN_BODY, ids["value"], framed(ids["key"], b"\x02k")
    return {
        "unframed": {"key": key, "value": body.hex(), "headers": headers()},
        "magic byte 1": {"key": key, "value": "01" + framed(good, body)[2:], "headers": headers()},
        "a frame cut short": {"key": key, "value": "000000", "headers": headers()},
        "nothing behind the frame": {"key": key, "value": framed(good, b""), "headers": headers()},
        "a body cut short": {"key": key, "value": framed(good, body[:9]), "headers": headers()},
        "more than a body": {"key": key, "value": framed(good, body + b"\0"), "headers": headers()},
        "a foreign schema": {"key": key, "value": framed(ids["foreign"], b"\x02"), "headers": headers()},
        "an unknown schema": {"key": key, "value": framed(1999999999, body), "headers": headers()},
        "an impossible schema": {"key": key, "value": framed(0xffffffff, body), "headers": headers()},
        "empty": {"key": key, "value": "", "headers": headers()},
        "no value": {"key": key, "value": None, "headers": headers()},
        "no headers": {"key": key, "value": framed(good, body), "headers": []},
        "no id": {"key": key, "value": framed(good, body), "headers": headers(ce_id=None)},
        "an id twice": {"key": key, "value": framed(good, body), "headers": headers(ce_id=["a", "b"])},
        "a type twice": {"key": key, "value": framed(good, body), "headers": headers(ce_type=[LOGIN, LOGIN])},
        "no type": {"key": key, "value": framed(good, body), "headers": headers(ce_type=None)},
        "an unknown type": {"key": key, "value": framed(good, body), "headers": headers(ce_type="org.example.x.v1")},
        "a time that is none": {"key": key, "value": framed(good, body), "headers": headers(ce_time="yesterday")},
    }


def good_ones(ids):
    """What is odd, and good all the same."""
    body, good, key = LOGIN_BODY, ids["value"], framed(ids["key"], b"\x02k")
    return {
        "as it should be": {"key": key, "value": framed(good, body), "headers": headers()},
        "no key": {"key": None, "value": framed(good, body), "headers": headers()},
        "no source": {"key": key, "value": framed(good, body), "headers": headers(ce_source=None)},
        "no version of CloudEvents": {"key": key, "value": framed(good, body), "headers": headers(ce_specversion=None)},
        "more headers": {"key": key, "value": framed(good, body), "headers": headers() + [["x", "00ff"], ["x", None]]},
    }


@kafka_test()
def bad_messages_among_good_ones(t, site):
    ids = registered(site)
    bad, good, sent = bad_messages(ids), good_ones(ids), []
    for n, (what, message) in enumerate(bad.items()):
        sent.append((what, message, False))
        odd = list(good.items())[n % len(good)]
        sent.append((*odd, True))
    places = site.send("a", *({"partition": 0, **message} for _, message, _ in sent))
    got = take_all(t, "a", site.group(), status=1)
    wanted = [place for place, (_, _, is_good) in zip(places, sent) if is_good]
    t.equal(sorted(event["position"] for event in got), sorted(wanted), "the good ones")
    keyed = [place for place, (_, message, is_good) in zip(places, sent) if is_good and message["key"]]
    t.equal([event["position"] for event in got if "partitionkey" in event], keyed, "those with a key, in order")
    letters = {bytes.fromhex(dict(one["headers"])["dlq_position"]).decode(): one for one in site.dump("a.dlq")}
    t.equal(sorted(letters), sorted(place for place in places if place not in wanted), "dead letters")
    for place, (what, message, is_good) in zip(places, sent):
        if is_good:
            continue
        letter = letters[place]
        t.equal(letter["value"], message["value"], f"{what}: the value")
        t.equal(letter["key"], message["key"], f"{what}: the key")
        own = [pair for pair in letter["headers"] if pair[0] not in DLQ]
        for pair in message["headers"]:
            t.check(pair in own, f"{what}: header {pair} is gone: {own}")
        told = {name for name, _ in letter["headers"]}
        t.equal([name for name in DLQ if name not in told and name != "dlq_receiver"], [], f"{what}: its story")
    row = site.groups(site.group())[site.full("a"), 0]
    t.equal(row["lag"], 0)
    print(f"# {len(bad)} kinds of bad messages, {len(wanted)} good ones between them")


@kafka_test()
def a_bad_message_names_what_is_wrong_and_no_personal_data(t, site):
    ids = registered(site)
    for what, says in (("unframed", "frame"), ("a frame cut short", "frame"), ("an unknown schema", "1999999999"),
                       ("an impossible schema", "4294967295"), ("no id", "ce_id"), ("an id twice", "ce_id"),
                       ("no type", "type"), ("an unknown type", "org.example.x.v1")):
        site.send("b", {"partition": 0, **bad_messages(ids)[what]})
        done = t.run("consume", "-t", "b", "-g", site.group(), "--exit-at-end", status=1)
        t.contains(done.err, says)
        t.lacks(done.err, "foobob", "bob@foo.example")


@kafka_test()
def a_registry_at_a_wrong_address_makes_no_message_bad(t, site):
    """Nothing becomes a dead letter for a wrong address."""
    site.send("c", {"partition": 0, **good_ones(registered(site))["as it should be"]})
    text = t.read("eventbus.ini").replace(site.registry.url, site.registry.url + "/no/such/path")
    right = t.read("eventbus.ini")
    t.write("eventbus.ini", text)
    worker = start_worker(t, "c", site.group())
    worker.until("is this its address?")
    t.equal(worker.json(), [])
    worker.send(15)
    worker.wait(None)
    t.write("eventbus.ini", right)
    t.equal(len(take_all(t, "c", site.group())), 1)


@kafka_test()
def an_event_with_more_fields_or_fewer_is_read_by_its_own_schema(t, site):
    newer = json.loads(login_schema())
    newer["fields"].append({"name": "extra", "type": ["null", "string"], "default": None})
    subject = site.full("d") + "-x"
    number_of_newer = site.register(subject, json.dumps(newer))
    body = LOGIN_BODY + b"\x02\x0ahello"
    site.send("d", {"partition": 0, "key": None, "value": framed(number_of_newer, body), "headers": headers()})
    got = take_all(t, "d", site.group())
    t.equal([number(event) for event in got], [123])
    t.lacks(json.dumps(got), "hello")


@kafka_test()
def what_we_send_has_the_headers_of_the_contract(t, site):
    produce(t, "e", 0, 1)
    message = site.dump("e")[0]
    t.equal([name for name, _ in message["headers"]], list(HEADERS))
    t.equal((message["key"][:2], message["value"][:2]), ("00", "00"))


@kafka_test()
def a_dead_letter_and_what_is_sent_again_keep_their_key(t, site):
    """A key that another program wrote, not framed, is kept byte by byte; ours has its schema where a route names the field."""
    produce(t, "a", 0, 1)
    first = site.dump("a")[0]
    body, described = first["value"], [[name, value] for name, value in first["headers"] if name != "ce_id"]
    keys = [first["key"], b"\xff\x00raw".hex(), "", None]
    for n, key in enumerate(keys[1:]):
        site.send("a", {"partition": 0, "key": key, "value": body, "headers": [
            *described, ["ce_id", f"11111111-1111-11f1-8111-11111111111{n}".encode().hex()]]})
    t.run("consume", "-t", "a", "-g", site.group(), "--exit-at-end", "--exec", "exit 65", status=1)
    letters = {bytes.fromhex(dict(one["headers"])["dlq_position"]).decode(): one["key"] for one in site.dump("a.dlq")}
    t.equal(letters, {f"0:{n}": key for n, key in enumerate(keys)}, "keys of the dead letters")
    lines = "".join(json.dumps(one) + "\n" for one in t.run("consume", "-t", "a", "--exit-at-end").json()[:1])
    t.run("produce", "--topic", "b", "-", stdin=lines)
    t.equal(site.dump("b")[0]["key"], b"key0".hex(), "no schema is known")
    t.configure(f"[route a]\nevent = {LOGIN}\ntopic = a\nkey_field = {KEY_FIELD}\nenabled = no\n")
    t.run("produce", "--topic", "a", "-", stdin=lines)
    t.run("produce", "--topic", "a", "-", stdin=lines.replace('"key0"', '"other"', 1))
    t.equal([one["key"] for one in site.dump("a")[-2:]], [first["key"], b"other".hex()], "the route's schema; another key")


def just_fitting(t, ids):
    """An event that a cluster with its usual settings, up to 1,048,588 bytes with their batch, takes just about."""
    name = "n" * (1048588 - 550)
    data = {"user": {"id": 1, "is_active": True, "pii": {"username": "u", "email": "e", "name": name}}}
    body = t.run("schema", "encode", "--signal", LOGIN, "--hex", stdin=json.dumps(data)).out.strip()
    return {"partition": 0, "key": framed(ids["key"], b"\x02k"), "value": framed(ids["value"], bytes.fromhex(body)),
            "headers": headers()}


def give_up_all(t, site):
    return t.run("consume", "-t", "a", "-g", site.group(), "--exit-at-end", "--exec", "exit 65", status=1)


@kafka_test()
def an_event_that_just_fits_is_a_whole_dead_letter(t, site):
    event = just_fitting(t, registered(site))
    site.send("a", event)
    give_up_all(t, site)
    letter, = site.dump("a.dlq")
    t.equal((letter["key"], letter["value"][10:]), (event["key"], event["value"][10:]), "key, and data behind the frame")
    t.lacks(str(letter["headers"]), "dlq_truncated")


@kafka_test()
def where_a_dead_letter_does_not_fit_it_goes_without_the_data(t, site):
    ids = registered(site)
    event = just_fitting(t, ids)
    site.send("a.dlq", {"partition": 0, "key": None, "value": "00", "headers": []})    # made with the cluster's limit
    place, = site.send("a", event)
    site.send("a", {**event, "value": framed(ids["value"], LOGIN_BODY), "headers": headers()})
    done = give_up_all(t, site)
    t.contains(done.err, "is refused; retrying without its data")
    t.lacks(done.err, "the worker stops")
    _, letter, other = site.dump("a.dlq")
    told = {name: bytes.fromhex(value).decode() for name, value in letter["headers"] if name.startswith("dlq_")}
    payload = bytes.fromhex(event["value"][10:])
    t.equal((told["dlq_truncated"], told["dlq_size"], told["dlq_sha256"], told["dlq_topic"], told["dlq_position"]),
            ("headers, data", str(len(payload)), hashlib.sha256(payload).hexdigest(), "a", place))
    t.equal((letter["key"], letter["value"]), (event["key"], None))
    t.equal(other["value"][10:], LOGIN_BODY.hex(), "the next one is whole")
    looked = t.run("consume", "-t", "a.dlq", "--exit-at-end", status=1)
    t.contains(looked.err, f"the original is at a {place}, {len(payload)} bytes", told["dlq_sha256"])
    t.run("consume", "-t", "a.dlq", "-g", site.group("again"), "--exit-at-end", "--exec", "exit 65", status=1)
    again = {name: bytes.fromhex(value).decode() for name, value in site.dump("a.dlq.dlq")[1]["headers"]}
    t.equal((again["dlq_topic"], again["dlq_position"], again["dlq_sha256"]), ("a", place, told["dlq_sha256"]),
            "where the original is, is told on")


main()
