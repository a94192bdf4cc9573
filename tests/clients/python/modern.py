"""The official Python SDK as a client without a gateway: connects to URL in MODE (auto, legacy, 2026-07-28), lists the tools,
calls TOOL with ARGUMENTS, and prints what it saw as one line of JSON."""

import asyncio
import json
import sys

from mcp import Client


async def main(url, mode, tool, given):
    async with Client(url, mode=mode) as client:
        tools = await client.list_tools()
        result = await client.call_tool(tool, json.loads(given))
        seen = {
            "version": client.protocol_version,
            "tools": [tool.name for tool in tools.tools],
            "text": result.content[0].text,
        }
        print(json.dumps(seen))


asyncio.run(main(*sys.argv[1:]))
