"""Sends requests until its standard input ends, then prints what came back. It runs in a pod.

Half of its threads keep their connections, the others open one for each request. Each rests for `pause` seconds between
two requests. The Service's name is resolved once, as what is under test is the Service and not the cluster's DNS under
hundreds of lookups a second.
"""

import http.client
import json
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 10


@dataclass
class Sender:
    """The requests of all threads."""

    address: str
    """The Service's IP address and port."""
    path: str
    body: str
    pause: float
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def send(self, keep: bool) -> None:
        """Send one request after the other."""
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        while not self.ended.is_set():
            try:
                connection.request("POST", self.path, self.body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status == http.client.OK:
                    self.answers[answer.headers["x-model-version"]] += 1
                else:
                    self.failures.append(f"{answer.status} {text}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not keep:
                connection.close()
            time.sleep(self.pause)


def main(service: str, path: str, body: str, threads: str, pause: str) -> None:
    """Send, and print a line once the first answer is there and another at the end."""
    name, port = service.split(":")
    sender = Sender(f"{socket.gethostbyname(name)}:{port}", path, body, float(pause))
    working = [threading.Thread(target=sender.send, args=(number % 2 == 0,)) for number in range(int(threads))]
    for thread in working:
        thread.start()
    while not sender.answers and not sender.failures:
        time.sleep(0.01)
    print("sending", flush=True)
    sys.stdin.read()
    sender.ended.set()
    for thread in working:
        thread.join()
    print(json.dumps({"answers": sender.answers, "failures": sender.failures}))


if __name__ == "__main__":
    main(*sys.argv[1:])
