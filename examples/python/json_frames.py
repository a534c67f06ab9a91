#!/usr/bin/env python3
"""ring-level in plain JSON, from PROTOCOL.md, "Text frames": needs the package websockets and nothing else.

    python3 json_frames.py ws://127.0.0.1:7400
"""

import asyncio
import base64
import json
import sys
from typing import Any, Dict, List, Union

import websockets

Request = Dict[str, Any]


def encoded(data: bytes) -> Dict[str, str]:
    return {"base64": base64.b64encode(data).decode("ascii")}


def decoded(value: Union[str, Dict[str, str], None]) -> Union[str, bytes, None]:
    """A value is a string when its bytes are UTF-8."""
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


async def main(url: str) -> None:
    async with websockets.connect(url, compression=None, max_size=8 * 1024 * 1024) as socket:

        async def ask(request: Union[Request, List[Request]]) -> Any:
            """One request at a time on this connection, so the next frame is its answer."""
            await socket.send(json.dumps(request))
            return json.loads(await socket.recv())

        written = await ask({"id": 1, "op": "put", "key": "json1", "value": "alice", "consistency": "quorum"})
        print("written", written["ok"], "version", written["version"], "on nodes", written["durableOn"])
        print("read", (await ask({"id": 2, "op": "get", "key": "json1"}))["value"])

        # The answer to an array is one array, in the order in which its requests were done: match by id.
        answers = await ask(
            [
                {"id": 3, "op": "put", "key": "json2", "value": "bob"},
                {"id": 4, "op": "put", "key": encoded(b"\x00\x01\xff"), "value": encoded(b"\xff")},
                {"id": 5, "op": "delete", "key": "json3"},
                {"id": 6, "op": "ping"},
            ]
        )
        by_id = {answer["id"]: answer for answer in answers}
        print("array", [by_id[id_]["ok"] for id_ in (3, 4, 5, 6)])
        print("bytes", decoded((await ask({"id": 7, "op": "get", "key": encoded(b"\x00\x01\xff")}))["value"]))

        deleted = await ask({"id": 8, "op": "get", "key": "json3"})
        print("deleted", deleted["value"], "version" in deleted)
        slice_ = await ask({"id": 9, "op": "scan", "from": "json", "to": "jsoo"})
        print("scan", [(entry["key"], decoded(entry["value"])) for entry in slice_["entries"]])

        failed = await ask({"id": 10, "op": "put", "key": "", "value": "x"})
        print("error", failed["code"], "retryable" if failed["retryable"] else "not retryable")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} ws://HOST:PORT")
    asyncio.run(main(sys.argv[1]))
