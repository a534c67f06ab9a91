#!/usr/bin/env python3
"""Checks an implementation of ring-level's protocol that shares no line with the original against the test vectors.

    python3 check_vectors.py [../protocol-vectors.json]

Written from PROTOCOL.md. It needs the package msgpack and the standard library. It prints what it checked, and ends with
status 1 at the first difference. Hashes, versions, placement, frames and checksums below may serve as a model.
"""

import base64
import hashlib
import json
import math
import os
import re
import sys
import zlib
from typing import Any, Callable, Dict, List, NoReturn, Optional, Tuple, Union

import msgpack

Json = Any
Message = List[Any]

# --- hashes ---------------------------------------------------------------------------------------------------------

P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1)
P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
M32, M64 = 2**32 - 1, 2**64 - 1


def rotate(value: int, bits: int, width: int) -> int:
    return ((value << bits) | (value >> (width - bits))) & (2**width - 1)


def little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def xxh32(data: bytes, seed: int) -> int:
    at = 0
    if len(data) >= 16:
        lanes = [(seed + P32[0] + P32[1]) & M32, (seed + P32[1]) & M32, seed, (seed - P32[0]) & M32]
        while at + 16 <= len(data):
            for lane in range(4):
                mixed = (lanes[lane] + little(data, at + 4 * lane, 4) * P32[1]) & M32
                lanes[lane] = rotate(mixed, 13, 32) * P32[0] & M32
            at += 16
        hash_ = sum(rotate(lane, bits, 32) for lane, bits in zip(lanes, (1, 7, 12, 18))) & M32
    else:
        hash_ = (seed + P32[4]) & M32
    hash_ = (hash_ + len(data)) & M32
    while at + 4 <= len(data):
        hash_ = rotate((hash_ + little(data, at, 4) * P32[2]) & M32, 17, 32) * P32[3] & M32
        at += 4
    for byte in data[at:]:
        hash_ = rotate((hash_ + byte * P32[4]) & M32, 11, 32) * P32[0] & M32
    hash_ = (hash_ ^ (hash_ >> 15)) * P32[1] & M32
    hash_ = (hash_ ^ (hash_ >> 13)) * P32[2] & M32
    return hash_ ^ (hash_ >> 16)


def xxh64(data: bytes, seed: int) -> int:
    def round_(lane: int, word: int) -> int:
        return rotate((lane + word * P64[1]) & M64, 31, 64) * P64[0] & M64

    at = 0
    if len(data) >= 32:
        lanes = [(seed + P64[0] + P64[1]) & M64, (seed + P64[1]) & M64, seed, (seed - P64[0]) & M64]
        while at + 32 <= len(data):
            lanes = [round_(lane, little(data, at + 8 * index, 8)) for index, lane in enumerate(lanes)]
            at += 32
        hash_ = sum(rotate(lane, bits, 64) for lane, bits in zip(lanes, (1, 7, 12, 18))) & M64
        for lane in lanes:
            hash_ = ((hash_ ^ round_(0, lane)) * P64[0] + P64[3]) & M64
    else:
        hash_ = (seed + P64[4]) & M64
    hash_ = (hash_ + len(data)) & M64
    while at + 8 <= len(data):
        hash_ = (rotate(hash_ ^ round_(0, little(data, at, 8)), 27, 64) * P64[0] + P64[3]) & M64
        at += 8
    if at + 4 <= len(data):
        hash_ = (rotate(hash_ ^ (little(data, at, 4) * P64[0] & M64), 23, 64) * P64[1] + P64[2]) & M64
        at += 4
    for byte in data[at:]:
        hash_ = rotate(hash_ ^ (byte * P64[4] & M64), 11, 64) * P64[0] & M64
    hash_ = (hash_ ^ (hash_ >> 33)) * P64[1] & M64
    hash_ = (hash_ ^ (hash_ >> 29)) * P64[2] & M64
    return hash_ ^ (hash_ >> 32)


# --- versions -------------------------------------------------------------------------------------------------------

VERSION_TEXT = re.compile(r"([0-9]{1,13})\.([0-9]{1,4})-n([0-9]{1,4})\.([0-9a-f]{5})")
TIMESTAMP_MAX = 2**53 - 1


def version_bytes(text: str) -> bytes:
    """12 bytes that sort as versions do. Raises ValueError."""
    match = VERSION_TEXT.fullmatch(text)
    if match is None:
        raise ValueError("not a version")
    milliseconds, counter, node = (int(part) for part in match.group(1, 2, 3))
    timestamp = milliseconds * 1024 + counter
    if counter > 1023 or node > 4095 or timestamp > TIMESTAMP_MAX:
        raise ValueError("not a version")
    writer = (4095 - node) * 2**20 + int(match.group(4), 16)
    return timestamp.to_bytes(8, "big") + writer.to_bytes(4, "big")


def version_parts(data: bytes) -> Dict[str, Union[int, str]]:
    """Raises ValueError."""
    timestamp, writer = int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big")
    if len(data) != 12 or timestamp > TIMESTAMP_MAX:
        raise ValueError("not a version")
    milliseconds, counter = divmod(timestamp, 1024)
    node, incarnation = 4095 - writer // 2**20, writer % 2**20
    text = f"{milliseconds}.{counter}-n{node}.{incarnation:05x}"
    return dict(text=text, timestamp=timestamp, milliseconds=milliseconds, counter=counter, writer=writer, node=node, incarnation=incarnation)


# --- placement ------------------------------------------------------------------------------------------------------


def place(hash_: int, nodes: int, replication_factor: int) -> Json:
    partition = hash_ % (64 * nodes)
    circle = [(partition + step) % nodes for step in range(nodes)]
    return {"hash": hash_, "partition": partition, "homeNode": circle[0], "replicas": circle[:replication_factor], "fallbacks": circle[replication_factor:]}


def compact(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def topology_digest(cluster: Json) -> str:
    nodes, count = cluster["nodes"], cluster["replicationFactor"]
    replicas = [place(partition, nodes, count)["replicas"] for partition in range(64 * nodes)]
    text = compact([1, list(range(nodes)), count, cluster["hashSeed"], 64 * nodes, replicas])
    return f"{xxh32(text, 0):08x}{xxh32(text, 1):08x}"


def derived_cluster_id(cluster: Json) -> str:
    members = [[member["id"], member["address"]] for member in cluster["members"]]
    return "derived-" + hashlib.sha256(compact([members, cluster["replicationFactor"], cluster["hashSeed"]])).hexdigest()[:16]


# --- binary frames --------------------------------------------------------------------------------------------------


class BadFrame(Exception):
    """The connection is closed with 4000."""


class Refused(Exception):
    """One request is answered with failed."""

    def __init__(self, code: str):
        self.code = code
        super().__init__(code)


def packed(value: Any) -> bytes:
    """Canonical msgpack: shortest forms, integers of 2^32 and more as float64."""

    def doubled(value: Any) -> Any:
        if isinstance(value, list):
            return [doubled(element) for element in value]
        return float(value) if isinstance(value, int) and value >= 2**32 else value

    return msgpack.packb(doubled(value), use_bin_type=True)


def unpacked(frame: bytes) -> List[Any]:
    """The messages of a frame, of whatever shape. Raises BadFrame."""
    try:
        messages = msgpack.unpackb(frame, raw=False, strict_map_key=False)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise BadFrame(str(error)) from error
    check_value(messages, 0)
    if not isinstance(messages, list) or len(messages) > 65_536:
        raise BadFrame("no array of messages")
    return messages


def check_value(value: Any, depth: int) -> None:
    if type(value) is list:
        if depth == 4:
            raise BadFrame("nested too deep")
        for element in value:
            check_value(element, depth + 1)
    elif type(value) is str and value.startswith("\ufeff"):
        raise BadFrame("a byte order mark")
    elif value is not None and type(value) not in (bool, int, float, str, bytes):
        raise BadFrame("a map or an extension")


def whole(value: Any) -> Optional[int]:
    """A whole number from 0 to 2^53 - 1, in whatever format it came."""
    if type(value) is float and math.isfinite(value) and value == math.floor(value):
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**53 else None


def as_bytes(value: Any) -> Optional[bytes]:
    return value.encode("utf-8") if isinstance(value, str) else value if isinstance(value, bytes) else None


# Types of messages.
PUT, GET, DELETE, SCAN, WRITE_AGAIN = 1, 2, 3, 10, 12
WRITTEN, VALUE, ISSUED, FAILED = 17, 18, 23, 31

# The words that stand for numbers in `said`; the index is the number.
WRITE_SAID = ["applied", "present", "superseded", "refused", "unknown", "hints-full", "applied-untrusted", "superseded-untrusted", "no-answer", "unreachable"]
READ_SAID = ["record", "absent", "damaged", "failed", "untrusted", "no-answer", "unreachable"]
ROLES = ["replica", "stand-in"]

# Bits: 1 detail, 2 tellVersion of writes; 1 detail of a get; 1 reverse, 2 keysOnly of a scan. The greatest sum of each.
FLAGS_MAX = {PUT: 3, GET: 1, DELETE: 3, SCAN: 3, WRITE_AGAIN: 7}


def is_node(value: Any) -> bool:
    return type(value) is int and 0 <= value < 4_096


def is_version(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) == 12 and int.from_bytes(value[:8], "big") <= TIMESTAMP_MAX


def is_index_of(words: List[str]) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and 0 <= value < len(words)


SAID_ROWS: Dict[int, List[Callable[[Any], bool]]] = {
    WRITTEN: [is_node, is_index_of(WRITE_SAID)],
    VALUE: [is_node, is_index_of(ROLES), is_index_of(READ_SAID), lambda value: value is None or is_version(value)],
}


def rows(flat: List[Any], width: int) -> List[List[Any]]:
    return [flat[at : at + width] for at in range(0, len(flat), width)]


def are_rows(flat: Any, columns: List[Callable[[Any], bool]]) -> bool:
    if not isinstance(flat, list) or len(flat) % len(columns) != 0:
        return False
    return all(is_right(value) for row in rows(flat, len(columns)) for is_right, value in zip(columns, row))


class Protocol:
    """Requests and replies, after the layouts of the vectors."""

    def __init__(self, vectors: Json):
        self.requests: Json = vectors["layouts"]["requests"]
        self.replies: Json = vectors["layouts"]["replies"]
        self.levels: List[str] = vectors["levels"]
        self.errors: Dict[int, Json] = {error["number"]: error for error in vectors["errors"]}

    def layout_of(self, name: str) -> Json:
        return self.requests.get(name) or self.replies[name]

    def elements(self, form: Json) -> Message:
        """A message of the vectors, as the array that is sent."""
        layout = self.layout_of(form["type"])
        names = layout["fields"] + [name for name in layout.get("optional", []) if name in form]
        return [layout["type"], form["id"], *(field_of(form[name]) for name in names)]

    def outcomes(self, messages: List[Any]) -> List[Json]:
        """For each request its message with checked fields, or its refusal. Raises BadFrame."""
        return [self.outcome(message) for message in messages]

    def outcome(self, message: Any) -> Union[Message, Json]:
        if not isinstance(message, list) or len(message) < 2 or type(message[0]) not in (int, float) or whole(message[1]) is None:
            raise BadFrame("no type and id")
        id_ = whole(message[1])
        try:
            return self.checked(id_, message)
        except Refused as refused:
            return {"refused": refused.code, "id": id_}

    def checked(self, id_: Optional[int], message: Message) -> Message:
        layout = next((layout for layout in self.requests.values() if layout["type"] == message[0]), None)
        if layout is None:
            raise Refused("RING_UNKNOWN_OPERATION")
        names = layout["fields"] + layout.get("optional", [])
        if not len(layout["fields"]) <= len(message) - 2 <= len(names):
            raise Refused("RING_BAD_REQUEST")
        return [layout["type"], id_, *(checked_field(layout["type"], name, field) for name, field in zip(names, message[2:]))]

    def is_reply(self, message: Any) -> bool:
        """Whether it has the fields of its type, and in the version, the hints and what nodes said what may stand there."""
        if not isinstance(message, list) or len(message) < 2 or (whole(message[1]) is None and message[:2] != [FAILED, None]):
            return False
        layout = next((layout for layout in self.replies.values() if layout["type"] == message[0]), None)
        names = [] if layout is None else layout["fields"] + layout.get("optional", [])
        if layout is None or not len(layout["fields"]) <= len(message) - 2 <= len(names):
            return False
        fields = dict(zip(names, message[2:]))
        version = fields.get("version")
        if not (is_version(version) or (version is None and message[0] not in (WRITTEN, ISSUED))):
            return False
        if message[0] == WRITTEN and not are_rows(fields["hints"], [is_node, is_node]):
            return False
        return "said" not in fields or are_rows(fields["said"], SAID_ROWS[message[0]])


def checked_field(type_: int, name: str, field: Any) -> Any:
    """A field as PROTOCOL.md wants it, bytes as bytes and whole numbers as int. Raises Refused."""
    if name == "version":
        # The bytes of a version are no text, so no str stands for them.
        if not is_version(field):
            raise Refused("RING_BAD_REQUEST")
        return field
    if name in ("key", "value", "from", "to"):
        if field is None and (name in ("from", "to") or (name == "value" and type_ == WRITE_AGAIN)):
            return None
        data = as_bytes(field)
        if data is None:
            raise Refused("RING_BAD_REQUEST")
        least, most = {"key": (1, 1_024), "value": (0, 1_048_576)}.get(name, (0, 1_025))
        if not least <= len(data) <= most:
            raise Refused("RING_VALUE_TOO_LARGE" if name == "value" else "RING_KEY_INVALID")
        return data
    if name == "command":
        if not isinstance(field, str):
            raise Refused("RING_BAD_REQUEST")
        return field
    least, most = (0, FLAGS_MAX[type_]) if name == "flags" else {"level": (0, 3), "timeoutMs": (0, 600_000), "limit": (1, 10_000)}[name]
    number = whole(field)
    if number is None or not least <= number <= most:
        raise Refused("RING_BAD_REQUEST")
    return number


# --- text frames ----------------------------------------------------------------------------------------------------

OPTIONS = ["consistency", "timeoutMs"]
TEXT_FIELDS: Dict[str, List[str]] = {
    "put": ["key", "value", *OPTIONS, "detail"],
    "get": ["key", *OPTIONS, "detail"],
    "delete": ["key", *OPTIONS, "detail"],
    "locate": ["key"],
    "explain": ["key"],
    "scan": ["from", "to", "limit", "reverse", "keysOnly", *OPTIONS],
    "status": [],
    "converged": [],
    "topology": [],
    "ping": [],
}


def text_outcomes(protocol: Protocol, text: str) -> Tuple[bool, List[Json]]:
    """Whether the frame is an array, and what it asks for. Raises BadFrame."""
    try:
        frame = json.loads(text)
    except ValueError as error:
        raise BadFrame(str(error)) from error
    if not isinstance(frame, (dict, list)):
        raise BadFrame("neither an object nor an array")
    requests = frame if isinstance(frame, list) else [frame]
    return isinstance(frame, list), [text_outcome(protocol, request) for request in requests]


def text_outcome(protocol: Protocol, request: Any) -> Union[Message, Json]:
    id_ = whole(request.get("id")) if isinstance(request, dict) else None
    try:
        if id_ is None or not isinstance(request.get("op"), str):
            raise Refused("RING_BAD_REQUEST")
        known = TEXT_FIELDS.get(request["op"])
        if known is None:
            raise Refused("RING_UNKNOWN_OPERATION")
        if not set(request) <= {"id", "op", *known}:
            raise Refused("RING_BAD_REQUEST")
        layout = protocol.requests[request["op"]]
        fields = [text_field(protocol, name, request) for name in layout["fields"]]
        return protocol.checked(id_, [layout["type"], id_, *fields, *detail_flags(request)])
    except Refused as refused:
        return {"refused": refused.code, "id": id_}


def detail_flags(request: Json) -> List[int]:
    """The optional field at the end of put, get and delete: left out unless detail is asked for."""
    detail = request.get("detail", False)
    if type(detail) is not bool:
        raise Refused("RING_BAD_REQUEST")
    return [1] if detail else []


def text_field(protocol: Protocol, name: str, request: Json) -> Any:
    """The binary field that a JSON request means."""
    if name == "level":
        level = request.get("consistency", "available")
        return protocol.levels.index(level) if level in protocol.levels else -1
    if name == "flags":
        bits = [request.get("reverse", False), request.get("keysOnly", False)]
        return sum(1 << at for at, bit in enumerate(bits) if bit) if all(type(bit) is bool for bit in bits) else -1
    if name in ("timeoutMs", "limit"):
        return request.get(name, 0 if name == "timeoutMs" else 100)
    return text_bytes(request.get(name))


def text_bytes(value: Any) -> Any:
    try:
        if isinstance(value, str):
            return value.encode("utf-8")
        if isinstance(value, dict) and list(value) == ["base64"]:
            data = base64.b64decode(value["base64"], validate=True)
            return data if base64.b64encode(data).decode("ascii") == value["base64"] else -1
    except (ValueError, TypeError):
        return -1  # A lone surrogate, or no base64.
    return value if value is None else -1


def said(data: bytes) -> Json:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def text_reply(protocol: Protocol, form: Json) -> Json:
    _, id_, *fields = protocol.elements(form)
    name = form["type"]
    if name == "failed":
        number, message, required, received, version = fields
        error = protocol.errors[number]
        reply = {"id": id_, "ok": False, "code": error["code"], "message": message, "retryable": error["retryable"], "required": required, "received": received}
        return reply if version is None else {**reply, "version": version_parts(version)["text"]}
    reply = {"id": id_, "ok": True}
    if name == "written":
        version, durable_on, hints, fsync = fields[:4]
        pairs = [{"target": target, "holder": holder} for target, holder in zip(hints[0::2], hints[1::2])]
        reply.update(version=version_parts(version)["text"], durableOn=durable_on, hints=pairs, fsync=fsync == 1)
        if len(fields) > 4:
            holders = {pair["target"]: pair["holder"] for pair in reversed(pairs)}
            reply.update(replicas=[{"node": node, "said": WRITE_SAID[word], "hintedOn": holders.get(node)} for node, word in rows(fields[4], 2)])
    elif name == "value":
        value, version, replied = fields[:3]
        reply.update(value=None if value is None else said(value))
        reply.update({} if version is None else {"version": version_parts(version)["text"]})
        if len(fields) > 3:
            reply.update(replied=replied, nodes=[node_read(*row) for row in rows(fields[3], 4)])
    elif name == "json":
        reply.update(result=json.loads(fields[0]))
    elif name == "entries":
        pairs, resume = fields
        entries = [{"key": said(key), **({} if value is None else {"value": said(value)})} for key, value in zip(pairs[0::2], pairs[1::2])]
        reply.update(entries=entries, resume=None if resume is None else said(resume))
    elif name != "pong":
        fail(f"reply {name}", "a reply that JSON has words for", name)
    return reply


def node_read(node: int, role: int, word: int, version: Optional[bytes]) -> Json:
    return {"node": node, "role": ROLES[role], "said": READ_SAID[word], "version": None if version is None else version_parts(version)["text"]}


# --- disk -----------------------------------------------------------------------------------------------------------


def record_of(key: bytes, version: bytes, value: Optional[bytes]) -> bytes:
    stamp = bytes([1, 1 if value is None else 0]) + version
    content = value or b""
    return stamp + zlib.crc32(key + stamp + content).to_bytes(4, "big") + content


def is_intact(key: bytes, record: bytes) -> bool:
    if len(record) < 18 or record[0] != 1 or record[1] > 1 or (record[1] == 1 and len(record) > 18):
        return False
    return int.from_bytes(record[14:18], "big") == zlib.crc32(key + record[:14] + record[18:])


def digest_of(key: bytes, version: bytes, flags: int, seed: int) -> int:
    return xxh64(version + bytes([flags]) + key, seed)


# --- the vectors ----------------------------------------------------------------------------------------------------


def fail(what: str, expected: Any, found: Any) -> NoReturn:
    def short(value: Any) -> str:
        text = value.hex() if isinstance(value, bytes) else repr(value)
        return text if len(text) <= 400 else f"{text[:400]}…"

    print(f"DIFFERENT {what}\n  expected {short(expected)}\n  found    {short(found)}")
    sys.exit(1)


def equal(what: str, expected: Any, found: Any) -> None:
    if expected != found or type(expected) is not type(found):
        fail(what, expected, found)


def bytes_of(form: Json) -> bytes:
    """Bytes of the vectors: hex, or a list of hex and of runs."""
    if isinstance(form, str):
        return bytes.fromhex(form)
    return b"".join(bytes.fromhex(piece) if isinstance(piece, str) else bytes.fromhex(piece["hex"]) * piece["times"] for piece in form)


def field_of(form: Json) -> Any:
    if isinstance(form, dict):
        return bytes_of(form["hex"])
    return [field_of(element) for element in form] if isinstance(form, list) else form


def expected_outcomes(protocol: Protocol, forms: List[Json]) -> List[Json]:
    return [form if "refused" in form else protocol.elements(form) for form in forms]


def check_hashes(vectors: Json) -> int:
    for entry in vectors["hashes"]["inputs"]:
        data = bytes.fromhex(entry["bytes"])
        if "text" in entry:
            equal("text of a hash", data, entry["text"].encode("utf-8"))
        equal(f"xxh32 of {entry['bytes']}", entry["xxh32"], [xxh32(data, seed) for seed in vectors["hashes"]["seeds"]])
    return len(vectors["hashes"]["inputs"]) * len(vectors["hashes"]["seeds"])


def check_placement(vectors: Json) -> int:
    count = 0
    for cluster in vectors["placement"]:
        name = f"{cluster['nodes']} nodes, {cluster['replicationFactor']} replicas, seed {cluster['hashSeed']}"
        equal(f"{name}: topology digest", cluster["topologyDigest"], topology_digest(cluster))
        equal(f"{name}: derived cluster id", cluster["clusterId"], derived_cluster_id(cluster))
        equal(f"{name}: partitions", cluster["partitionCount"], 64 * cluster["nodes"])
        for entry in cluster["hashes"]:
            equal(f"{name}: hash {entry['hash']}", entry, place(entry["hash"], cluster["nodes"], cluster["replicationFactor"]))
        for entry in cluster["keys"]:
            hash_ = xxh32(bytes.fromhex(entry["key"]), cluster["hashSeed"])
            equal(f"{name}: key {entry['key']}", entry, {"key": entry["key"], **place(hash_, cluster["nodes"], cluster["replicationFactor"])})
        count += len(cluster["hashes"]) + len(cluster["keys"]) + 3
    return count


def check_versions(vectors: Json) -> int:
    versions = vectors["versions"]
    for form in versions["forms"]:
        data = bytes.fromhex(form["bytes"])
        equal(f"bytes of version {form['text']}", data, version_bytes(form["text"]))
        equal(f"parts of version {form['bytes']}", {name: part for name, part in form.items() if name != "bytes"}, version_parts(data))
    for order in versions["orders"]:
        equal(f"order: {order['why']}", order["oldestFirst"], sorted(order["oldestFirst"], key=version_bytes))
    for read, invalid in [(version_bytes, versions["invalidTexts"]), (version_parts, [bytes.fromhex(entry["bytes"]) for entry in versions["invalidBytes"]])]:
        for entry in invalid:
            try:
                fail(f"version {entry!r}", "refused", read(entry))
            except ValueError:
                pass
    return sum(len(versions[name]) for name in ("forms", "orders", "invalidTexts", "invalidBytes"))


def check_frames(vectors: Json) -> int:
    protocol = Protocol(vectors)
    count = 0
    for vector in vectors["requestFrames"]:
        messages = [protocol.elements(form) for form in vector["messages"]]
        equal(f"bytes of frame {vector['name']!r}", bytes_of(vector["bytes"]), packed(messages))
        for why, form in [("canonical", vector["bytes"]), *((other["why"], other["bytes"]) for other in vector["alternatives"])]:
            equal(f"frame {vector['name']!r}, {why}", messages, protocol.outcomes(unpacked(bytes_of(form))))
            count += 1
    for vector in vectors["replyFrames"]:
        messages = [protocol.elements(form) for form in vector["messages"]]
        equal(f"bytes of reply {vector['name']!r}", bytes_of(vector["bytes"]), packed(messages))
        replies = unpacked(bytes_of(vector["bytes"]))
        equal(f"reply {vector['name']!r}", True, replies == messages)
        equal(f"reply {vector['name']!r} can be taken", [True] * len(replies), [protocol.is_reply(reply) for reply in replies])
    for vector in vectors["refusedRequests"]:
        equal(f"refused: {vector['name']}", expected_outcomes(protocol, vector["outcomes"]), protocol.outcomes(unpacked(bytes_of(vector["bytes"]))))
    for vector in vectors["refusedFrames"]:
        try:
            fail(f"frame: {vector['name']}", "refused", protocol.outcomes(unpacked(bytes_of(vector["bytes"]))))
        except BadFrame:
            pass
    return count + sum(len(vectors[name]) for name in ("replyFrames", "refusedRequests", "refusedFrames"))


def check_texts(vectors: Json) -> int:
    protocol = Protocol(vectors)
    for vector in vectors["textRequests"]:
        is_array, outcomes = text_outcomes(protocol, vector["text"])
        equal(f"kind of {vector['text']}", vector["isArray"], is_array)
        equal(f"text {vector['text']}", expected_outcomes(protocol, vector["outcomes"]), outcomes)
    for text in vectors["refusedTexts"]:
        try:
            fail(f"text {text!r}", "refused", text_outcomes(protocol, text))
        except BadFrame:
            pass
    for vector in vectors["textReplies"]:
        equal(f"reply {vector['text']}", json.loads(vector["text"]), text_reply(protocol, vector["message"]))
    return sum(len(vectors[name]) for name in ("textRequests", "refusedTexts", "textReplies"))


def check_disk(vectors: Json) -> int:
    disk = vectors["disk"]
    for entry in disk["records"]:
        key, version = bytes_of(entry["key"]), version_bytes(entry["version"])
        value = None if entry["value"] is None else bytes_of(entry["value"])
        hash_ = xxh32(key, 0)
        partition = (hash_ % 192).to_bytes(2, "big")
        equal("record", bytes_of(entry["record"]), record_of(key, version, value))
        equal("record is intact", True, is_intact(key, bytes_of(entry["record"])))
        equal("database key", bytes_of(entry["databaseKey"]), b"\x01" + partition + hash_.to_bytes(4, "big") + key)
        equal("ordered key", bytes_of(entry["orderedKey"]), b"\x02" + key)
        equal("hint key", bytes_of(entry["hintKeyForNode2"]), b"\x03\x00\x02" + partition + key)
        equal("hint reference", bytes.fromhex(entry["hintReference"]), b"\x02" + version + zlib.crc32(key + b"\x02" + version).to_bytes(4, "big"))
    for entry in disk["damagedRecords"]:
        equal(f"damaged: {entry['why']}", False, is_intact(bytes.fromhex(entry["key"]), bytes.fromhex(entry["record"])))
    for entry in disk["metaKeys"]:
        equal("meta key", bytes.fromhex(entry["databaseKey"]), b"\x04" + entry["name"].encode("utf-8"))
    for entry in disk["doubtKeys"]:
        equal("doubt key", bytes.fromhex(entry["databaseKey"]), b"\x04doubt/" + bytes.fromhex(entry["key"]))
    for entry in disk["checkedNumbers"]:
        numbers = b"".join(number.to_bytes(8, "big") for number in entry["numbers"])
        equal(f"numbers of {entry['name']}", bytes.fromhex(entry["bytes"]), numbers + zlib.crc32(entry["name"].encode("utf-8") + numbers).to_bytes(4, "big"))
    check_merkle(disk["merkle"])
    return sum(len(disk[name]) for name in ("records", "damagedRecords", "metaKeys", "doubtKeys", "checkedNumbers")) + len(disk["merkle"]["digests"]) + 1


def check_merkle(merkle: Json) -> None:
    leaves: Dict[int, int] = {}
    root = 0
    for entry in merkle["digests"]:
        key = bytes_of(entry["key"])
        digest = digest_of(key, version_bytes(entry["version"]), entry["flags"], int(merkle["seed"], 16))
        equal("digest", entry["digest"], f"{digest:016x}")
        equal("leaf", (entry["hash"], entry["leaf"]), (xxh32(key, 0), xxh32(key, 0) >> 24))
        leaves[entry["leaf"]] = leaves.get(entry["leaf"], 0) ^ digest
        root ^= digest
    equal("leaves", {entry["leaf"]: int(entry["digest"], 16) for entry in merkle["leaves"]}, {leaf: digest for leaf, digest in leaves.items() if digest != 0})
    equal("root", merkle["root"], f"{root:016x}")


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "protocol-vectors.json")
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    equal("format of the file", 1, vectors["format"])
    checks = [("hashes", check_hashes), ("placement", check_placement), ("versions", check_versions), ("frames", check_frames), ("texts", check_texts), ("disk", check_disk)]
    counts = {name: check(vectors) for name, check in checks}
    print(f"protocol version {vectors['protocolVersion']}:", ", ".join(f"{name} {count}" for name, count in counts.items()))
    print(f"all {sum(counts.values())} agree")


if __name__ == "__main__":
    main()
