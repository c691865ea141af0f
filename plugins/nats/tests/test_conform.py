"""The conformance kit on the plugin, with each server: killed (kill -9) and started again where the kit says so. ONLY=CASE or
ONLY=GROUP runs a part."""
import os
import subprocess

from nats_test import EVENTBUS, PLUGIN, check, main, test


@test
def the_plugin_keeps_what_plugin_h_promises(server):
    environment = dict(os.environ)
    if os.environ.get("SANITIZER"): # of a plugin that was built with it, for the command alone
        environment["LD_PRELOAD"] = os.environ["SANITIZER"]
    only = [word for name in os.environ.get("ONLY", "").split() for word in ("--only", name)]
    done = subprocess.run([EVENTBUS, "conform", PLUGIN, "-o", f"url={server.url}", "-o", "lease=2s", "--down", server.command("down"),
                           "--up", server.command("up"), "--unreachable", "url=nats://127.0.0.1:1", *only], env=environment, check=False)
    check(done.returncode == 0, f"eventbus conform ended with {done.returncode}")


main()
