"""Carries out what a test tells it, one JSON command a line, with examples/python/ring_level.py; answers by id, as it gets done.

    python3 ring_level_driver.py URL...

Bytes are hex in both directions.
"""

import asyncio
import json
import os
import sys
from typing import Any, Dict

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "python"))

from ring_level import Level, OutcomeUnknown, RingClient, RingError, Version  # noqa: E402

Json = Dict[str, Any]


def options(command: Json) -> Json:
    level = command.get("consistency")
    return {"consistency": None if level is None else Level[level.upper()], "timeout_ms": command.get("timeoutMs")}


def hex_or_none(data: Any) -> Any:
    return None if data is None else data.hex()


async def carry_out(ring: RingClient, command: Json) -> Any:
    name = command["do"]
    key = bytes.fromhex(command.get("key", ""))
    if name in ("put", "delete"):
        written = await (ring.put(key, bytes.fromhex(command["value"]), **options(command)) if name == "put" else ring.delete(key, **options(command)))
        assert Version.parse(str(written.version)) == written.version and Version.from_bytes(written.version.to_bytes()) == written.version
        return {"version": str(written.version), "durableOn": written.durable_on, "hints": [[hint.target, hint.holder] for hint in written.hints], "fsync": written.fsync}
    if name == "read":
        read = await ring.read(key, **options(command))
        return {"value": hex_or_none(read.value), "version": None if read.version is None else str(read.version), "replied": read.replied}
    if name == "scan":
        found = ring.scan(**{name: command[name] for name in ("start", "end", "prefix", "reverse", "keys_only", "limit", "slice_entries") if name in command}, **options(command))
        return [[entry.key.hex(), hex_or_none(entry.value)] async for entry in found]
    if name == "putMany":
        await asyncio.gather(*(ring.put(f"{command['prefix']}{number}", str(number), timeout_ms=command["timeoutMs"]) for number in range(command["count"])))
        return command["count"]
    if name == "getMany":
        values = await asyncio.gather(*(ring.get(f"{command['prefix']}{number}", timeout_ms=command["timeoutMs"]) for number in range(command["count"])))
        return sum(value == str(number).encode() for number, value in enumerate(values))
    if name == "ping":
        return await ring.ping()
    if name == "locate":
        return await ring.locate(key)
    return await {"status": ring.status, "converged": ring.converged, "topology": ring.topology}[name]()


async def answer(ring: RingClient, command: Json) -> None:
    try:
        reply = {"id": command["id"], "result": await carry_out(ring, command)}
    except RingError as error:
        detail = {"code": error.code, "message": error.message, "number": error.number, "retryable": error.retryable, "required": error.required, "received": error.received}
        version = None if error.version is None else str(error.version)
        reply = {"id": command["id"], "error": {**detail, "version": version, "isOutcomeUnknown": isinstance(error, OutcomeUnknown)}}
    print(json.dumps(reply), flush=True)


async def main() -> None:
    async with RingClient(sys.argv[1:]) as ring:
        tasks = set()
        while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            tasks.add(asyncio.ensure_future(answer(ring, json.loads(line))))
        await asyncio.gather(*tasks)


asyncio.run(main())
