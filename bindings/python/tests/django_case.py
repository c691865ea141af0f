"""bindings/python/tests/django_case.py - a Django site with openedx-events in it, made by the test in its folder."""
from python_case import environment, made               # first: it finds the harness
from harness import BUILD, SCHEMAS, json_lines

# The app of the site. Its receivers print what they get, and fail when they are told to.
APP = '''
import json, os, sys
from django.apps import AppConfig

class SiteConfig(AppConfig):
    name = "site_app"

    def ready(self):
        from openedx_events.tooling import OpenEdxPublicSignal, load_all_signals
        load_all_signals()
        for signal in OpenEdxPublicSignal.all_events():
            signal.connect(receiver, weak=False)

def say(**what):
    sys.stdout.write(json.dumps(what, default=str) + "\\n")
    sys.stdout.flush()

def receiver(signal, metadata, from_event_bus, **rest):
    from openedx_events.event_bus.avro.serializer import AvroSignalSerializer
    if not from_event_bus:
        return
    data = {name: rest[name] for name in signal.init_data}
    say(type=signal.event_type, metadata=metadata.to_json_data(), data=AvroSignalSerializer(signal).to_dict(data), seen=repr(data))
    if os.path.exists("fail"):
        with open("fail") as file:
            raise __import__("builtins").__dict__.get(file.read().strip(), ValueError)("about ada@example.org")
'''
# For a site without an INI file: the bus that it finds installed is the one of this build.
INSTALLED = f'''
import eventbus.openedx.consumer, eventbus.openedx.producer
def read(really=eventbus.openedx.producer.read):
    configuration = really()
    configuration.defaults.update({{"eventbus.plugin_path": "{BUILD}/.libs", "eventbus.schema_path": "{SCHEMAS}"}})
    return configuration
eventbus.openedx.consumer.read = eventbus.openedx.producer.read = read
'''
# What a script finds defined: login(N) is the data of an event, send(N) sends one as a service does.
BEGIN = '''
import json, logging, os, sys, threading, time
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site_settings")
import django
django.setup()
from site_app import say
from openedx_events.learning.data import UserData, UserPersonalData
from openedx_events.learning.signals import SESSION_LOGIN_COMPLETED
from openedx_events.event_bus import get_producer, make_single_consumer
def login(number, name="ada"):
    return UserData(id=number, is_active=True, pii=UserPersonalData(username=name, email="ada@example.org", name="Ada"))
def send(number, **more):
    return SESSION_LOGIN_COMPLETED.send_event(user=login(number), **more)
'''
# Sends what stands on its input, as tests/interop/peer.py takes it, to the topic of its second argument.
SEND = """
sys.path.insert(0, sys.argv[1])
from peer import key_field_of, metadata_of, of_json
from openedx_events.tooling import OpenEdxPublicSignal
for line in sys.stdin:
    event = json.loads(line)
    signal = OpenEdxPublicSignal.get_signal_by_type(event["event_type"])
    data = {name: of_json(kind, event["data"][name]) for name, kind in signal.init_data.items()}
    get_producer().send(signal=signal, topic=sys.argv[2], event_key_field=key_field_of(signal), event_data=data,
                        event_metadata=metadata_of(signal, event["metadata"]))
"""
LOGIN = "org.openedx.learning.auth.session.login.completed.v1"
ROUTES = {LOGIN: {"logins": {"event_key_field": "user.pii.username", "enabled": True}}}


def site(t, **settings):
    """Makes the site. Its INI file says where this build's plugins and schemas are; EVENT_BUS_INI=None leaves it out."""
    chosen = {"SECRET_KEY": "no secret", "USE_TZ": True, "INSTALLED_APPS": ["openedx_events", "site_app.SiteConfig"],
              "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": t.path("site.sqlite3")}},
              "EVENTS_SERVICE_NAME": "lms", "EVENT_BUS_PRODUCER": "eventbus.openedx.create_producer",
              "EVENT_BUS_CONSUMER": "eventbus.openedx.EventBusConsumer", "EVENT_BUS_PRODUCER_CONFIG": ROUTES,
              "LOGGING": {"version": 1, "disable_existing_loggers": False,
                          "handlers": {"all": {"class": "logging.StreamHandler", "formatter": "short"}},
                          "formatters": {"short": {"format": "%(levelname)s %(name)s: %(message)s"}},
                          "root": {"handlers": ["all"], "level": "INFO"}}}
    chosen["EVENT_BUS_INI"] = t.write("site.ini", f"[eventbus]\nplugin_path = {BUILD}/.libs\nschema_path = {SCHEMAS}\n")
    chosen.update(settings)
    t.write("site_settings.py", "".join(f"{name} = {value!r}\n" for name, value in chosen.items() if value is not None))
    t.write("site_app.py", APP + ("" if chosen.get("EVENT_BUS_INI") else INSTALLED))
    t.write("manage.py", "import os, sys\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site_settings'\n"
            "from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n")


def sqlite_site(t, **settings):
    """A site on the embedded broker; the `eventbus` command of the test uses the same file."""
    site(t, **settings)
    t.configure(f"producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\npath = {t.path('bus.db')}\n")
    t.write("site.ini", t.read("site.ini") + f"producer = main\nconsumer = main\n[broker main]\nplugin = sqlite\npath = {t.path('bus.db')}\n")


def wire(golden):
    """A golden as a line of the input of SEND and of peer.py."""
    return {"event_type": golden["event_type"], "data": golden["data"], "metadata": dict(golden["metadata"])}


def _script(t, text):
    t.scripts = getattr(t, "scripts", 0) + 1
    return t.write(f"script{t.scripts}.py", BEGIN + text)


def run(t, text, *words, status=0, env=None, stdin=""):
    """Runs a script in the site, and returns what it said."""
    done = t.run(_script(t, text), *words, command=made().python, env=environment(env), status=status, timeout=300, stdin=stdin)
    t.last = done
    return json_lines(done.out)


def start(t, text, *words):
    return t.start(_script(t, text), *words, command=made().python, env=environment())


def consume(t, topic, group, extra="{}", status=0):
    """Runs the site's own command, and returns what the receivers said."""
    done = t.run("manage.py", "consume_events", "-t", topic, "-g", group, "--extra", extra, command=made().python, env=environment(),
                 status=status, timeout=120)
    t.last = done
    return json_lines(done.out)


def start_consumer(t, topic, group, extra="{}"):
    return t.start("manage.py", "consume_events", "-t", topic, "-g", group, "--extra", extra, command=made().python, env=environment())
