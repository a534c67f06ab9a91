#!/usr/bin/env python3
"""A client of ring-level for asyncio, written from PROTOCOL.md alone.

It needs Python 3.9 or later and the packages websockets and msgpack (tried: 10.4 and 1.0.3).

    python3 ring_level.py ws://127.0.0.1:7400 ws://127.0.0.1:7401

runs the example at the end of this file. As a library:

    async with RingClient(["ws://127.0.0.1:7400", "ws://127.0.0.1:7401"]) as ring:
        written = await ring.put("user1", "alice", consistency=Level.QUORUM)
        print(written.version, await ring.get("user1"))
        async for entry in ring.scan(prefix="user"):
            print(entry.key, entry.value)

How it behaves:

1. Requests are pipelined on one connection and matched by id. What one turn of the event loop asks for shares a frame.
2. When a connection is lost, the next address is tried. A read is sent again there. A write is never sent twice, as that
   would be a second, newer version: if it may have reached a node it ends in OutcomeUnknown.
3. Every call ends: with its answer, with RingError, or with a RING_TIMEOUT or OutcomeUnknown when its time is over.
"""

import asyncio
import contextlib
import enum
import itertools
import json
import random
import sys
from collections import deque
from dataclasses import dataclass
from typing import Any, AsyncIterator, Deque, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import msgpack
import websockets
from websockets.exceptions import WebSocketException

Bytes = Union[str, bytes]

FRAME_BYTES_MAX = 8 * 1024 * 1024
FRAME_BYTES_TARGET = 1024 * 1024
MESSAGES_PER_FRAME_MAX = 65_536
SCAN_ENTRIES_MAX = 10_000

# The node gives up first, and says why; the client waits this much longer for its word.
ANSWER_MARGIN_S = 0.25
CONNECT_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 0.5
HEARTBEAT_S = 3.0
BACK_OFF_FIRST_S = 0.05
BACK_OFF_MAX_S = 1.0


class Level(enum.IntEnum):
    """How many replicas must have a write on disk, or must answer a read."""

    AVAILABLE = 0
    ONE = 1
    QUORUM = 2
    ALL = 3


class Request(enum.IntEnum):
    PUT = 1
    GET = 2
    DELETE = 3
    STATUS = 4
    CONVERGED = 5
    LOCATE = 7
    PING = 8
    TOPOLOGY = 9
    SCAN = 10


class Reply(enum.IntEnum):
    WRITTEN = 17
    VALUE = 18
    JSON = 19
    PONG = 20
    ENTRIES = 21
    FAILED = 31


# Number on the wire: code, and whether the same request may succeed later.
ERRORS: Dict[int, Tuple[str, bool]] = {
    1: ("RING_UNAVAILABLE", True),
    2: ("RING_UNKNOWN", True),
    3: ("RING_OVERLOADED", True),
    4: ("RING_KEY_INVALID", False),
    5: ("RING_VALUE_TOO_LARGE", False),
    6: ("RING_BAD_REQUEST", False),
    7: ("RING_BAD_FRAME", False),
    8: ("RING_UNKNOWN_OPERATION", False),
    9: ("RING_WRONG_CLUSTER", False),
    10: ("RING_WRONG_TOPOLOGY", False),
    11: ("RING_WRONG_NODE", False),
    12: ("RING_WRONG_PROTOCOL", False),
    13: ("RING_NOT_ALLOWED", False),
    14: ("RING_STORE_UNAVAILABLE", True),
    15: ("RING_RECORD_DAMAGED", False),
    16: ("RING_TIMEOUT", True),
    17: ("RING_CLOSED", False),
    18: ("RING_HINTS_FULL", True),
}
UNKNOWN, BAD_REQUEST, TIMEOUT, CLOSED = 2, 6, 16, 17


@dataclass(frozen=True, order=True)
class Version:
    """When and by whom a record was written. The greater version wins. Its text does not sort as it does."""

    timestamp: int
    writer: int

    @classmethod
    def from_bytes(cls, data: bytes) -> "Version":
        if len(data) != 12:
            raise ValueError(f"a version has 12 bytes, not {len(data)}")
        return cls(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big"))

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Reads `1764000000000.3-n1.0c0de`."""
        moment, _, writer = text.partition("-n")
        milliseconds, _, counter = moment.partition(".")
        node, _, incarnation = writer.partition(".")
        version = cls(int(milliseconds) * 1024 + int(counter), (4095 - int(node)) * 2**20 + int(incarnation, 16))
        if str(version) != text:
            raise ValueError(f"not a version: {text!r}")
        return version

    def to_bytes(self) -> bytes:
        return self.timestamp.to_bytes(8, "big") + self.writer.to_bytes(4, "big")

    @property
    def node(self) -> int:
        return 4095 - (self.writer >> 20)

    @property
    def incarnation(self) -> int:
        return self.writer & 0xFFFFF

    def __str__(self) -> str:
        milliseconds, counter = divmod(self.timestamp, 1024)
        return f"{milliseconds}.{counter}-n{self.node}.{self.incarnation:05x}"


@dataclass(frozen=True)
class Hint:
    """`holder` keeps the record for `target` until that node is back."""

    target: int
    holder: int


@dataclass(frozen=True)
class Written:
    """An acknowledged write: which replicas have it on disk, and what is kept for the others."""

    version: Version
    durable_on: List[int]
    hints: List[Hint]
    fsync: bool


@dataclass(frozen=True)
class Read:
    """`value` None with a version: deleted. Both None: no node that answered has heard of the key."""

    value: Optional[bytes]
    version: Optional[Version]
    replied: List[int]


@dataclass(frozen=True)
class Entry:
    """`value` is None where only keys were asked for."""

    key: bytes
    value: Optional[bytes]


class RingError(Exception):
    """A request that failed. A write certainly was not applied, unless this is an OutcomeUnknown."""

    def __init__(self, number: int, message: str, required: int = 0, received: int = 0, version: Optional[Version] = None):
        self.number = number
        self.code, self.retryable = ERRORS.get(number, (f"RING_ERROR_{number}", False))
        self.message = message
        self.required = required
        self.received = received
        self.version = version
        super().__init__(f"{self.code}: {message}")


class OutcomeUnknown(RingError):
    """A write that may have been applied, now or later, or not. `version` is its version, where a node told it."""

    def __init__(self, message: str, required: int = 0, received: int = 0, version: Optional[Version] = None):
        super().__init__(UNKNOWN, message, required, received, version)


class ConnectionLost(Exception):
    """Inside the client: the connection ended before the answer came."""


class Call:
    """One request on its way."""

    def __init__(self, kind: Request, fields: Sequence[Any]):
        self.kind = kind
        self.fields = fields
        # From here on it may have reached a node.
        self.is_sent = False


class Connection:
    """One WebSocket. One task sends what waits, another reads; each open request has a future under its id."""

    def __init__(self, socket: Any):
        # `socket`: the class has another name in later versions of websockets.
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: Deque[Tuple[int, Call, bytes]] = deque()
        self._has_waiting = asyncio.Event()
        self._answers: Dict[int, "asyncio.Future[List[Any]]"] = {}
        self._lost: Optional[str] = None
        self._tasks = [asyncio.ensure_future(self._send()), asyncio.ensure_future(self._read())]

    @classmethod
    async def open(cls, url: str) -> "Connection":
        socket = await websockets.connect(
            url,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            open_timeout=CONNECT_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=HEARTBEAT_S,
            ping_timeout=HEARTBEAT_S,
        )
        return cls(socket)

    @property
    def is_lost(self) -> bool:
        return self._lost is not None

    async def ask(self, call: Call) -> List[Any]:
        """The reply, whole. Raises RingError as the node answered it, or ConnectionLost."""
        if self._lost is not None:
            raise ConnectionLost(self._lost)
        id_ = next(self._ids)
        message = msgpack.packb([int(call.kind), id_, *call.fields], use_bin_type=True)
        if len(message) >= FRAME_BYTES_MAX:
            raise RingError(BAD_REQUEST, f"a request of {len(message)} bytes does not fit into a frame")
        answer: "asyncio.Future[List[Any]]" = asyncio.get_running_loop().create_future()
        self._answers[id_] = answer
        self._waiting.append((id_, call, message))
        self._has_waiting.set()
        try:
            return await answer
        finally:
            # Also when the caller gave up: what is not sent yet will not be.
            del self._answers[id_]

    async def close(self) -> None:
        self._end("the client is closed")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    async def _send(self) -> None:
        packer = msgpack.Packer()
        with self._until_lost():
            while True:
                await self._has_waiting.wait()
                self._has_waiting.clear()
                while self._waiting:
                    messages = self._next_messages()
                    if messages:
                        await self._socket.send(packer.pack_array_header(len(messages)) + b"".join(messages))

    def _next_messages(self) -> List[bytes]:
        """What one frame takes of that which waits."""
        messages: List[bytes] = []
        size = 0
        while self._waiting and len(messages) < MESSAGES_PER_FRAME_MAX and size < FRAME_BYTES_TARGET:
            id_, call, message = self._waiting.popleft()
            if id_ in self._answers:
                call.is_sent = True
                messages.append(message)
                size += len(message)
        return messages

    async def _read(self) -> None:
        with self._until_lost():
            async for frame in self._socket:
                for reply in msgpack.unpackb(frame, raw=False):
                    self._settle(reply)
            raise EOFError("the node closed the connection")

    def _settle(self, reply: List[Any]) -> None:
        id_ = reply[1]
        if id_ is None:  # A frame could not be read; the node closes the connection after these words.
            raise EOFError(reply[3])
        # Ids of 2^32 and more come back as floats; a dictionary finds an int by them.
        answer = self._answers.get(id_)
        if answer is None or answer.done():  # The caller gave up meanwhile.
            return
        if reply[0] == Reply.FAILED:
            answer.set_exception(error_of(*reply[2:7]))
        else:
            answer.set_result(reply)

    @contextlib.contextmanager
    def _until_lost(self) -> Iterator[None]:
        """Whatever ends the work of one task ends the connection, and with it all that is open."""
        try:
            yield
        except (WebSocketException, OSError, EOFError, ValueError, TypeError, IndexError) as error:
            self._end(str(error) or type(error).__name__)

    def _end(self, reason: str) -> None:
        if self._lost is not None:
            return
        self._lost = reason
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(ConnectionLost(reason))
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()


class RingClient:
    """A client of one cluster. To be made, used and closed inside one running event loop.

    `urls`: addresses of one or more nodes, the preferred one first. `consistency` and `timeout_ms` are for calls that
    name none, 1 to 600,000 milliseconds; `in_flight_max` is the most requests that are open at once, more wait for their turn.
    """

    def __init__(self, urls: Union[str, Sequence[str]], *, consistency: Level = Level.AVAILABLE, timeout_ms: int = 5_000, in_flight_max: int = 4_096):
        self._urls = [urls] if isinstance(urls, str) else list(urls)
        self._consistency = consistency
        self._timeout_ms = timeout_ms
        self._turns = asyncio.Semaphore(in_flight_max)
        self._next_url = 0
        self._connection: Optional[Connection] = None
        self._connecting: Optional["asyncio.Task[Optional[Connection]]"] = None
        self._is_closed = False

    async def __aenter__(self) -> "RingClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Open requests end as if their connection was lost."""
        self._is_closed = True
        if self._connecting is not None:
            await self._connecting
        if self._connection is not None:
            await self._connection.close()

    async def put(self, key: Bytes, value: Bytes, *, consistency: Optional[Level] = None, timeout_ms: Optional[int] = None) -> Written:
        """Raises OutcomeUnknown when the write may or may not have been applied, other RingErrors when it was not."""
        return await self._write(Request.PUT, [to_bytes(key), to_bytes(value)], consistency, timeout_ms)

    async def delete(self, key: Bytes, *, consistency: Optional[Level] = None, timeout_ms: Optional[int] = None) -> Written:
        """As `put`. Deleting what is not there is a write like any other."""
        return await self._write(Request.DELETE, [to_bytes(key)], consistency, timeout_ms)

    async def get(self, key: Bytes, *, consistency: Optional[Level] = None, timeout_ms: Optional[int] = None) -> Optional[bytes]:
        """The value, or None: deleted, or never written."""
        return (await self.read(key, consistency=consistency, timeout_ms=timeout_ms)).value

    async def read(self, key: Bytes, *, consistency: Optional[Level] = None, timeout_ms: Optional[int] = None) -> Read:
        """The value, its version, and the nodes whose answer counted."""
        reply = await self._request(Request.GET, [to_bytes(key)], consistency, timeout_ms)
        value, version, replied = reply[2:5]
        return Read(value, None if version is None else Version.from_bytes(version), replied)

    async def scan(
        self,
        start: Optional[Bytes] = None,
        end: Optional[Bytes] = None,
        *,
        prefix: Optional[Bytes] = None,
        reverse: bool = False,
        keys_only: bool = False,
        limit: Optional[int] = None,
        slice_entries: int = 1_000,
        consistency: Optional[Level] = None,
        timeout_ms: Optional[int] = None,
    ) -> AsyncIterator[Entry]:
        """Entries from `start` to before `end`, or all with a prefix, in byte order. `timeout_ms` is that of one slice.

        Slice after slice is asked for as the entries are taken; nothing is held open on the nodes in between. The whole
        is no snapshot.
        """
        low, high = (None if bound is None else to_bytes(bound) for bound in (start, end))
        if prefix is not None:
            low, high = to_bytes(prefix), after_prefix(to_bytes(prefix))
        flags = (1 if reverse else 0) | (2 if keys_only else 0)
        left = sys.maxsize if limit is None else limit
        while left > 0:
            count = min(left, slice_entries, SCAN_ENTRIES_MAX)
            reply = await self._request(Request.SCAN, [low, high, count, flags], consistency, timeout_ms)
            pairs, resume = reply[2:4]
            for key, value in zip(pairs[0::2], pairs[1::2]):
                yield Entry(key, value)
            left -= len(pairs) // 2
            if resume is None:
                return
            if reverse:
                high = resume
            else:
                low = resume

    async def status(self) -> Any:
        """What every node says of itself."""
        return await self._json(Request.STATUS)

    async def converged(self) -> Any:
        """Whether all replicas are equal, and if not, why."""
        return await self._json(Request.CONVERGED)

    async def topology(self) -> Any:
        """Members, and the replicas of each partition."""
        return await self._json(Request.TOPOLOGY)

    async def locate(self, key: Bytes) -> Any:
        """Where a key lies: hash, partition, home node, replicas, fallbacks."""
        return await self._json(Request.LOCATE, to_bytes(key))

    async def ping(self) -> None:
        """Returns when a node has answered."""
        await self._call(Call(Request.PING, []), self._timeout_ms)

    async def _json(self, kind: Request, *fields: bytes) -> Any:
        reply = await self._call(Call(kind, fields), self._timeout_ms)
        return json.loads(reply[2])

    async def _write(self, kind: Request, fields: List[Any], consistency: Optional[Level], timeout_ms: Optional[int]) -> Written:
        reply = await self._request(kind, fields, consistency, timeout_ms)
        version, durable_on, hints, fsync = reply[2:6]
        return Written(Version.from_bytes(version), durable_on, [Hint(*pair) for pair in zip(hints[0::2], hints[1::2])], fsync == 1)

    async def _request(self, kind: Request, fields: List[Any], consistency: Optional[Level], timeout_ms: Optional[int]) -> List[Any]:
        level = self._consistency if consistency is None else consistency
        allowed_ms = self._timeout_ms if timeout_ms is None else timeout_ms
        return await self._call(Call(kind, [*fields, int(level), allowed_ms]), allowed_ms)

    async def _call(self, call: Call, timeout_ms: int) -> List[Any]:
        try:
            return await asyncio.wait_for(self._until_answered(call), timeout_ms / 1000 + ANSWER_MARGIN_S)
        except asyncio.TimeoutError:
            if is_write(call) and call.is_sent:
                raise OutcomeUnknown("no answer to the write in time") from None
            raise RingError(TIMEOUT, "no answer in time") from None

    async def _until_answered(self, call: Call) -> List[Any]:
        async with self._turns:
            while True:
                connection = await self._connected()
                try:
                    return await connection.ask(call)
                except ConnectionLost as lost:
                    if is_write(call) and call.is_sent:
                        raise OutcomeUnknown(f"the connection was lost before the write was answered: {lost}") from lost

    async def _connected(self) -> Connection:
        """The connection, or a new one that all who wait for it share."""
        if self._connection is not None and not self._connection.is_lost:
            return self._connection
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
        # Who gives up takes the attempt from nobody else.
        connection = await asyncio.shield(self._connecting)
        if connection is None:
            raise RingError(CLOSED, "the client is closed")
        return connection

    async def _connect(self) -> Optional[Connection]:
        """One address after the other until one answers; None when the client is closed meanwhile."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
            self._next_url += 1
        back_off_s = BACK_OFF_FIRST_S
        while self._connection is None and not self._is_closed:
            try:
                self._connection = await Connection.open(self._urls[self._next_url % len(self._urls)])
            except (WebSocketException, OSError, asyncio.TimeoutError):
                self._next_url += 1
                if self._next_url % len(self._urls) == 0:  # All have refused.
                    await asyncio.sleep(random.uniform(0.5, 1) * back_off_s)
                    back_off_s = min(2 * back_off_s, BACK_OFF_MAX_S)
        self._connecting = None
        return None if self._is_closed else self._connection


def is_write(call: Call) -> bool:
    return call.kind in (Request.PUT, Request.DELETE)


def error_of(number: int, message: str, required: int, received: int, version: Optional[bytes]) -> RingError:
    known = None if version is None else Version.from_bytes(version)
    if number == UNKNOWN:
        return OutcomeUnknown(message, required, received, known)
    return RingError(number, message, required, received, known)


def to_bytes(text: Bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else bytes(text)


def after_prefix(prefix: bytes) -> Optional[bytes]:
    """The first bound after all keys with this prefix; None when there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None


async def main(urls: Sequence[str]) -> None:
    async with RingClient(urls) as ring:
        written = await ring.put("user1", "alice", consistency=Level.QUORUM)
        print(f"user1 written: version {written.version}, on the disks of nodes {written.durable_on}")

        read = await ring.read("user1", consistency=Level.QUORUM)
        print(f"user1 is {read.value!r}, said nodes {read.replied}")

        # Requests that do not wait for each other travel in one frame.
        await asyncio.gather(*(ring.put(f"fruit{number}", name) for number, name in enumerate(["apple", "pear", "quince"])))
        await ring.delete("fruit1")
        print("fruit1 is", await ring.get("fruit1"))
        async for entry in ring.scan(prefix="fruit"):
            print("scan:", entry.key, entry.value)

        print("user1 lies at", await ring.locate("user1"))
        status = await ring.status()
        print("converged:", status["converged"])

        try:
            await ring.put("", "a key has at least one byte")
        except OutcomeUnknown as error:
            print("perhaps written, version", error.version)
        except RingError as error:
            print("not written:", error.code, error.number, "retryable" if error.retryable else "not retryable")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} ws://HOST:PORT…")
    asyncio.run(main(sys.argv[1:]))
