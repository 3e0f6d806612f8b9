"""Who writes while the watcher dies and lives: programs that append, logrotate, and an API server that posts batches."""

from __future__ import annotations

import http.client
import random
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path


class Writer:
    """Appends a log in pieces that end anywhere; rotates it now and then between two lines."""

    def __init__(self, path: Path, lines: Sequence[bytes], rotation: str, chance: random.Random, pieces: int) -> None:
        """`rotation`: create, copytruncate or none. `pieces`: in about so many it is to be written."""
        self.path = path
        self.size = max(200, 2 * sum(map(len, lines)) // pieces)
        self.rotations = 0
        self._data = b"".join(lines)
        self._ends = [0]
        for line in lines:
            self._ends.append(self._ends[-1] + len(line))
        self._at = 0
        self._rotation = rotation
        self._chance = chance
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    @property
    def over(self) -> bool:
        """All is written."""
        return self._at == len(self._data)

    def write(self, size: int, rotation: float = 0.0) -> None:
        """Some more bytes, or all the rest; before it a rotation, as likely as that."""
        if self._rotation != "none" and self._at in self._ends and self._chance.random() < rotation:
            self.rotate()
        end = min(len(self._data), self._at + size)
        # Half of the pieces end with a line, as most programs write.
        if self._chance.random() < 0.5:
            end = next(one for one in self._ends if one >= end)
        with self.path.open("ab") as file:
            file.write(self._data[self._at : end])
        self._at = end

    def rotate(self) -> None:
        """As logrotate does it, by logrotate where that is installed."""
        self.rotations += 1
        program = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin:/bin")
        if program is None:
            self._rotate_by_hand()
            return
        config = self.path.with_suffix(".rotation")
        how = "copytruncate" if self._rotation == "copytruncate" else "create\n compress\n delaycompress"
        config.write_text(f"{self.path} {{\n rotate 1000\n {how}\n}}\n", "utf-8")
        config.chmod(0o600)
        state = self.path.with_suffix(".rotated")
        subprocess.run([program, "-f", "-s", str(state), str(config)], check=True, capture_output=True)
        self.path.touch()

    def _rotate_by_hand(self) -> None:
        rotated = self.path.with_name(f"{self.path.name}.{self.rotations:04d}")
        if self._rotation == "copytruncate":
            shutil.copyfile(self.path, rotated)
            with self.path.open("r+b") as file:
                file.truncate(0)
        else:
            self.path.rename(rotated)
            self.path.touch()


class Poster(threading.Thread):
    """Posts batches, one after the other, each again until it is acknowledged, as kube-apiserver does for a while."""

    def __init__(self, port: int, batches: Sequence[bytes]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._batches = batches
        self._may = threading.Semaphore(0)
        self._given_up = threading.Event()
        self.acknowledged = 0
        self.tries = 0

    def allow(self) -> None:
        """One batch more may be posted."""
        self._may.release()

    def run(self) -> None:
        """Until every batch is acknowledged."""
        for batch in self._batches:
            self._may.acquire()
            while not self._given_up.is_set():
                self.tries += 1
                if self._posted(batch):
                    break
                time.sleep(0.02)
            self.acknowledged += 1

    def _posted(self, batch: bytes) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("POST", "/", batch, {"Content-Type": "application/json"})
            with connection.getresponse() as answer:
                answer.read()
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Give up."""
        self._given_up.set()
        for _ in self._batches:
            self._may.release()
        self.join()


def event_list(lines: Sequence[bytes]) -> bytes:
    """A batch as the API server posts it."""
    items = b",".join(line.strip() for line in lines)
    return b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[' + items + b"]}"


def free_port() -> int:
    """A port on loopback that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
