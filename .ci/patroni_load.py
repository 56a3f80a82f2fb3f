"""What people ask of the instances in `.ci/patroni.py`, what was answered, and the judgement of it.

A revoked key must be refused by every instance from the moment an answer told of its revocation. All of it
happens on one machine, so that times compare.
"""

import http.client
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass, field

PATIENCE = 25  # seconds for an answer; the server's own limit is 20
VERIFIERS = 3  # for each instance, so that one whose request hangs hides nothing
VERIFY_EVERY, CHANGE_EVERY = 0.01, 0.2
LIVE = 30  # keys that are kept
# Neither yes nor no. A process that stood still finds that a head was overdue: 408.
UNAVAILABLE = (408, 503, None)


@dataclass(eq=False)
class Key:
    id: str
    text: str
    asked: float | None = None
    """Before the first DELETE was sent."""
    revealed: float | None = None
    """When an answer first told that the key is revoked."""


class Client:
    """A connection to one instance, made when it is needed."""

    def __init__(self, port, cookie=""):
        self.port, self.headers, self.connection = port, {"Cookie": cookie}, None

    def send(self, method, path, headers={}, body=None):
        """When it was sent, the status (None if no answer came), headers and body."""
        kept, self.connection = self.connection, None
        sent = time.monotonic()
        connection = kept or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, f"/api/v1/{path}", body, self.headers | headers)
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return sent, None, {}, b""
        self.connection = connection
        return sent, answer.status, answer.headers, read


@dataclass
class Ledger:
    keys: list[Key] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    """When each change was answered."""
    decided: list[list[float]] = field(default_factory=list)
    """When each instance answered a verification by yes or no."""
    stale: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    verifications: int = 0

    def verified(self, key, instance, sent, status):
        now = time.monotonic()
        if status in (200, 401):
            self.verifications += 1
            self.decided[instance].append(now)
        if status == 200 and key.revealed is not None and sent > key.revealed:
            self.stale.append(f"{key.id} was accepted by instance {instance}, {sent - key.revealed:.3f} s after its revocation")
        if status == 401 and key.asked is None:
            self.wrong.append(f"{key.id} was refused by instance {instance} and is good")
        if status not in (200, 401, *UNAVAILABLE):
            self.wrong.append(f"verification: {status} by instance {instance}")

    def acknowledged(self):
        """What was answered with success: the key and the event that must be kept of it."""
        created = {(key.id, "key.created") for key in self.keys}
        return created | {(key.id, "key.revoked") for key in self.keys if key.revealed is not None}


class Load:
    """Goes on until the end of the block."""

    def __init__(self, ports, cookie, seed):
        self.ports, self.cookie, self.dice = ports, cookie, random.Random(seed)
        self.ledger = Ledger(decided=[[] for _ in ports])
        self.end = threading.Event()
        self.threads = []

    def __enter__(self):
        for instance in range(len(self.ports)):
            for _ in range(VERIFIERS):
                self.start(self.verify_on, instance)
        self.start(self.change_on)
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads = [one for one in self.threads if one.is_alive()] + [thread]
        thread.start()

    def verify(self, client, key, instance):
        sent, status, *_ = client.send("GET", "verify", {"X-API-Key": key.text})
        self.ledger.verified(key, instance, sent, status)
        return status

    def verify_on(self, instance):
        client = Client(self.ports[instance])
        while not self.end.wait(VERIFY_EVERY):
            keys = self.ledger.keys[-3 * LIVE:]
            if keys:
                self.verify(client, self.dice.choice(keys), instance)

    def change_on(self):
        """A change that hangs holds none of the next ones up."""
        for instance in itertools.cycle(range(len(self.ports))):
            if self.end.wait(CHANGE_EVERY):
                return
            good = [key for key in self.ledger.keys if key.asked is None]
            # Both kinds all the time: servers notice the loss of a revocation, and not that of a new key alone.
            if len(good) < LIVE / 3 or len(good) < LIVE and self.dice.random() < 0.5:
                self.start(self.create, instance)
            else:
                key = self.dice.choice(good)
                key.asked = time.monotonic()
                self.start(self.revoke, key, instance)

    def create(self, instance):
        _, status, _, body = Client(self.ports[instance], self.cookie).send(
            "POST", "api-keys", {"Content-Type": "application/json"}, '{"name": "a"}')
        if status == 201:
            made = json.loads(body)
            self.ledger.changed.append(time.monotonic())
            self.ledger.keys.append(Key(made["id"], made["key"]))
        elif status not in UNAVAILABLE:
            self.ledger.wrong.append(f"create: {status} by instance {instance}")

    def revoke(self, key, instance):
        """Asks one instance after the other until one says that the key is revoked."""
        failed = False
        while True:
            _, status, *_ = Client(self.ports[instance], self.cookie).send("DELETE", f"api-keys/{key.id}")
            # Not found where a call before this one has revoked it.
            if status == 200 or status == 404 and failed:
                key.revealed = time.monotonic()
                self.ledger.changed.append(key.revealed)
                return
            if status not in UNAVAILABLE:
                self.ledger.wrong.append(f"revoke of {key.id}: {status} by instance {instance}")
                return
            if self.end.is_set():
                return
            failed = True
            instance = (instance + 1) % len(self.ports)
            time.sleep(CHANGE_EVERY)

    def sweep(self):
        """Presents every key to every instance, now that all is well."""
        for instance, port in enumerate(self.ports):
            client = Client(port)
            for key in list(self.ledger.keys):
                deadline = time.monotonic() + 5 * PATIENCE
                while (status := self.verify(client, key, instance)) not in (200, 401):
                    if time.monotonic() > deadline:
                        self.ledger.wrong.append(f"in the end, {key.id} at instance {instance}: {status}")
                        break
                    time.sleep(VERIFY_EVERY)


def longest_gap(times, since, until):
    """Between two of the times in that span, its ends included."""
    inside = [since, *sorted(at for at in times if since < at < until), until]
    return max(later - earlier for earlier, later in itertools.pairwise(inside))
