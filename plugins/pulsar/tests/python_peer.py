"""tests/python_peer.py - a program with Pulsar's own Python client, as another service may be; run by the Python of pulsar_files.

    python_peer.py send URL TOPIC               sends the lines of standard input: {"payload": hex, "properties", "key"}
    python_peer.py receive URL TOPIC GROUP N    prints N messages of a new group, from the oldest on: the same, and "event_time"
"""
import json
import sys

import pulsar

PATIENCE_MS = 240000


def send(client, topic):
    producer = client.create_producer(topic, batching_enabled=True, batching_type=pulsar.BatchingType.KeyBased)
    for line in sys.stdin:
        message = json.loads(line)
        producer.send_async(bytes.fromhex(message["payload"]), lambda result, _: result == pulsar.Result.Ok or print(result),
                            properties=message["properties"], partition_key=message.get("key"))
    producer.flush()


def receive(client, topic, group, count):
    consumer = client.subscribe(topic, group, consumer_type=pulsar.ConsumerType.Shared,
                                initial_position=pulsar.InitialPosition.Earliest)
    for _ in range(int(count)):
        message = consumer.receive(PATIENCE_MS)
        print(json.dumps({"payload": message.data().hex(), "properties": message.properties(), "key": message.partition_key(),
                          "event_time": message.event_timestamp()}), flush=True)
        consumer.acknowledge(message)


def main():
    verb, url, *rest = sys.argv[1:]
    client = pulsar.Client(url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Error))
    {"send": send, "receive": receive}[verb](client, *rest)
    client.close()


main()
