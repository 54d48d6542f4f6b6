"""A WebSocket server by the package `websockets`: says what websocket_servers.mjs says of each. Argument: the port."""

import asyncio
import sys

from websockets.asyncio.server import serve

closed = {}


async def talk(socket):
    name = socket.request.path
    try:
        async for message in socket:
            if isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                await socket.close(int(code), reason)
            elif message == "user":
                await socket.send(socket.request.headers.get("X-Forwarded-User", ""))
            elif isinstance(message, str) and message.startswith("closed "):
                await socket.send(closed.get(message.split(" ", 1)[1], ""))
            else:
                await socket.send(message)
    finally:
        closed[name] = f"{socket.close_code} {socket.close_reason}"


async def main():
    async with serve(talk, "127.0.0.1", int(sys.argv[1]), max_size=4 * 1024**2, ping_interval=None):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
