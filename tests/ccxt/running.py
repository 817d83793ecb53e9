"""A venue that runs: started from the binary, killed, started again, and set up through its own administration."""

import hashlib
import hmac
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
import urllib.parse
import uuid

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

START_SECONDS_MAX = 60


class Venue:
    """One process on one data directory. The administrator's key is printed at the first start only."""

    def __init__(self, directory):
        self.directory = directory
        self.process = None
        self.url = None
        self.key = None
        self.secret = None
        self.start()

    def start(self):
        binary = os.environ["BUTTONWOOD_BIN"]
        arguments = [binary, "serve", "--data", str(self.directory), "--listen", "127.0.0.1:0"]
        # The least a segment can be: each test has a venue of its own, and segments are written full before use.
        environment = dict(os.environ, BUTTONWOOD_SEGMENT_MIB="16")
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(arguments, env=environment, text=True, **pipes)
        lines = queue.Queue()
        threading.Thread(target=read_lines, args=(self.process.stdout, lines), daemon=True).start()
        seen = []
        deadline = time.monotonic() + START_SECONDS_MAX
        self.url = None
        while self.url is None or self.secret is None:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill()
                raise AssertionError("the venue did not start:\n" + "".join(seen))
            seen.append(line)
            self.url = found(r"listening on (http://\S+)", line) or self.url
            self.key = found(r"admin api key: (\S+)", line) or self.key
            self.secret = found(r"admin api secret: (\S+)", line) or self.secret

    def kill(self):
        """As a power cut would: nothing is flushed, nothing is said."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def admin(self, path, **content):
        """A request of the administrator, as JSON with an id, so it could be asked again; it must succeed."""
        body = json.dumps({"requestId": uuid.uuid4().hex, **content})
        query = urllib.parse.urlencode({"timestamp": int(time.time() * 1000)})
        signature = hmac.new(self.secret.encode(), (query + body).encode(), hashlib.sha256).hexdigest()
        url = f"{self.url}/v1/admin{path}?{query}&signature={signature}"
        headers = {"X-MBX-APIKEY": self.key, "Content-Type": "application/json"}
        answer = requests.post(url, data=body, headers=headers, timeout=30)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


def ed25519_pair():
    """A private key as PEM, the way ccxt takes it as secret, and the public key as PEM."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem.decode(), public.decode()


def read_lines(stream, lines):
    for line in stream:
        lines.put(line)
    lines.put(None)


def found(pattern, line):
    match = re.search(pattern, line)
    return match and match.group(1)
