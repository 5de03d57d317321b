"""A process that answers one line with one line, within a time."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from eqwise.conformance.invocation import AdapterError
from eqwise.conformance.report.text import plain
from eqwise.conformance.stdio.values import brief

LONGEST = 1 << 28  # bytes of a line
TAIL = 4096  # bytes of the error output that are kept
WAIT = 10.0  # seconds that a process has to end by itself


class Failure(AdapterError):
    """What the process did instead of answering, as the rest of a sentence that begins with the call."""


class Hung(Failure):
    """It did not answer in time."""


class Process:
    """A running command, in a session of its own. Raises `OSError` where it cannot be started. POSIX only.

    Everything is done by one poll in the caller's thread: writing, reading and keeping the end of the error output.
    """

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.stdin, self.stdout, self.stderr = (p.fileno() for p in (self.process.stdin, self.process.stdout, self.process.stderr))
        for number in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(number, False)
        self.poll = select.poll()
        self.poll.register(self.stdout, select.POLLIN)
        self.poll.register(self.stderr, select.POLLIN)
        self.buffer, self.tail, self.is_open = bytearray(), b"", True

    def send(self, line: bytes, deadline: float) -> None:
        """Write all of it, reading meanwhile, so that neither side waits for the other; until a time of `time.monotonic`."""
        rest = memoryview(line)
        while rest:
            try:
                rest = rest[os.write(self.stdin, rest) :]
            except BlockingIOError:
                self.poll.register(self.stdin, select.POLLOUT)
                self._turn(deadline)
                self.poll.unregister(self.stdin)
            except BrokenPipeError:
                raise self._ended() from None

    def receive(self, deadline: float) -> bytes:
        """The next line, without its end; until a time of `time.monotonic`."""
        seen = 0
        while (end := self.buffer.find(b"\n", seen)) < 0:
            seen = len(self.buffer)
            if seen > LONGEST:
                raise Failure(f"got a line of more than {LONGEST:,} bytes, beginning {brief(bytes(self.buffer[:60]))}")
            if not self.is_open:
                raise self._ended()
            self._turn(deadline)
        line = bytes(self.buffer[:end])
        del self.buffer[: end + 1]
        return line

    def _turn(self, deadline: float) -> None:
        """Wait for the next event, and keep what comes."""
        left = deadline - time.monotonic()
        events = self.poll.poll(max(0.0, left) * 1000)
        if not events:
            half = f", but {len(self.buffer)} bytes without the end of a line: is the output flushed?" if self.buffer else ""
            raise Hung(half + self._words())
        for pipe, _ in events:
            if pipe == self.stdin:
                continue
            data = _read(pipe)
            if data is None:
                continue
            if not data:
                self.poll.unregister(pipe)
                self.is_open = self.is_open and pipe != self.stdout
            elif pipe == self.stdout:
                self.buffer += data
            else:
                self.tail = (self.tail + data)[-TAIL:]

    def _ended(self) -> Failure:
        """How the process ended, with the end of its error output."""
        status, half = self._status(), f"got half a line, {brief(bytes(self.buffer[:60]))}, and " if self.buffer else ""
        return Failure(f"{half}{status}{self._words()}")

    def _status(self) -> str:
        try:
            code = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            return "got no answer: the process closed its output"
        if code < 0:
            return f"crashed the process ({signal.Signals(-code).name})"
        return f"ended the process (exit status {code})"

    def _words(self) -> str:
        """The end of what it wrote to its error output."""
        while data := _read(self.stderr):
            self.tail = (self.tail + data)[-TAIL:]
        lines = [plain(line) for line in self.tail.decode("utf-8", "replace").splitlines() if line.strip()]
        return f"; the end of its error output: {' | '.join(lines[-3:])[-400:]}" if lines else ""

    def ends(self) -> bool:
        """Whether it ends by itself when its input does."""
        if self.process.stdin:
            self.process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(WAIT)
        return self.process.poll() is not None

    def stop(self, patience: float = 2.0) -> None:
        """Close its input, wait for it to end, and end what is left of it and of its children."""
        streams = [stream for stream in (self.process.stdin, self.process.stdout, self.process.stderr) if stream]
        streams[0].close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(patience)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for stream in streams[1:]:
            stream.close()


def _read(pipe: int) -> bytes | None:
    """What is there; nothing at the end, None where nothing is there yet."""
    try:
        return os.read(pipe, 1 << 16)
    except BlockingIOError:
        return None
