"""The official Python SDK as a client of the gateway.

It takes one JSON command a line on standard input and answers each with one JSON line; sign-in is left to whoever
drives it: {"authorize": URL} asks for the URL that the browser came back to. Commands: connect {url, redirect_uri},
list_tools, call_tool {name, arguments}, tokens, close.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata


def say(message):
    print(json.dumps(message), flush=True)


async def hear():
    line = await asyncio.to_thread(sys.stdin.readline)
    if not line:
        raise EOFError
    return json.loads(line)


class Storage:
    """What an application keeps for one server."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def ask_for_callback():
    back = parse_qs(urlsplit((await hear())["callback"]).query)
    one = {name: values[0] for name, values in back.items()}
    return AuthorizationCodeResult(code=one["code"], state=one.get("state"), iss=one.get("iss"))


async def announce(url):
    say({"authorize": url})


class Application:
    def __init__(self):
        self.storage = Storage()
        self.stack = AsyncExitStack()
        self.client = None

    async def connect(self, url, redirect_uri):
        metadata = OAuthClientMetadata(client_name="Python test client", redirect_uris=[redirect_uri])
        auth = OAuthClientProvider(url, metadata, self.storage, announce, ask_for_callback)
        http = await self.stack.enter_async_context(httpx2.AsyncClient(auth=auth, timeout=30))
        transport = streamable_http_client(url, http_client=http)
        self.client = await self.stack.enter_async_context(Client(transport))
        return {"server": self.client.server_info.name, "version": self.client.protocol_version}

    async def list_tools(self):
        return {"tools": [tool.name for tool in (await self.client.list_tools()).tools]}

    async def call_tool(self, name, arguments):
        result = await self.client.call_tool(name, arguments)
        return result.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def tokens(self):
        return self.storage.tokens.model_dump(mode="json", exclude_none=True)

    async def close(self):
        await self.stack.aclose()
        return {}


async def main():
    application = Application()
    while True:
        try:
            command = await hear()
        except EOFError:
            return
        try:
            say({"ok": await getattr(application, command.pop("do"))(**command)})
        except Exception as error:  # whatever went wrong is the answer
            say({"error": f"{type(error).__name__}: {error}"})


asyncio.run(main())
