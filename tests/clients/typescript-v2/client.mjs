// The official TypeScript SDK v2 as a client: connects to URL in MODE (legacy, auto, pin), lists the tools, calls TOOL with
// ARGUMENTS, and prints what it saw as one line of JSON.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

const [url, mode, tool, given] = process.argv.slice(2)
const modes = { legacy: 'legacy', auto: 'auto', pin: { pin: '2026-07-28' } }
const client = new Client(
  { name: 'TypeScript v2 test client', version: '1' },
  { capabilities: {}, versionNegotiation: { mode: modes[mode] } },
)
await client.connect(new StreamableHTTPClientTransport(new URL(url)))
const { tools } = await client.listTools()
const result = await client.callTool({ name: tool, arguments: JSON.parse(given) })
const seen = {
  version: client.getNegotiatedProtocolVersion(),
  tools: tools.map(({ name }) => name),
  text: result.content[0].text,
}
console.log(JSON.stringify(seen))
await client.close()
