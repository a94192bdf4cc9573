// The official TypeScript SDK as a client of the gateway. It takes one JSON command a line on standard input and
// answers each with one JSON line; sign-in is left to whoever drives it: {"authorize": URL} asks for the URL that the
// browser came back to. Commands: connect {url, redirect_uri}, connect_alone {url, client_id, issuer, and client_secret, or
// private_key and algorithm} (without a user, by the client_credentials grant), list_tools, call_tool {name, arguments}, tokens, close.
// The result of call_tool says how many progress notifications came before it; a server that asks for sampling is told
// "sampled".
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');
const hear = async () => {
  const { value, done } = await lines.next();
  if (done) process.exit(0);
  return JSON.parse(value);
};

/** What an application keeps for one server: its registration, its tokens, its PKCE verifier. */
class Provider {
  constructor(redirectUri) {
    this.redirectUrl = redirectUri;
    this.clientMetadata = {
      client_name: 'TypeScript test client',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
    this.sentState = crypto.randomUUID();
  }
  state() { return this.sentState; }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.saved; }
  saveTokens(tokens) { this.saved = tokens; }
  redirectToAuthorization(url) { this.authorizationUrl = url.toString(); }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
}

let client;
let transport;
let provider;

async function open(url) {
  client = new Client({ name: 'typescript-test-client', version: '1.0.0' }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none', role: 'assistant', content: { type: 'text', text: 'sampled' },
  }));
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  await client.connect(transport);
}

/** Connects; on the way through the SDK's own discovery, registration and code flow if it has no token yet. */
async function connect({ url, redirect_uri }) {
  provider = new Provider(redirect_uri);
  try {
    await open(url);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    say({ authorize: provider.authorizationUrl });
    const back = new URL((await hear()).callback).searchParams;
    if (back.get('state') !== provider.sentState) throw new Error('the state came back changed');
    await transport.finishAuth(back.get('code'));
    await open(url);
  }
  return { server: client.getServerVersion().name, session: transport.sessionId };
}

/** Connects as itself: the SDK discovers, proves who it is and asks for a token. */
async function connectAlone({ url, client_id: clientId, issuer, client_secret: clientSecret, private_key: privateKey, algorithm }) {
  const who = { clientId, expectedIssuer: issuer };
  provider = clientSecret
    ? new ClientCredentialsProvider({ ...who, clientSecret })
    : new PrivateKeyJwtProvider({ ...who, privateKey, algorithm });
  await open(url);
  return { server: client.getServerVersion().name };
}

const commands = {
  connect,
  connect_alone: connectAlone,
  list_tools: async () => ({ tools: (await client.listTools()).tools.map((tool) => tool.name) }),
  call_tool: async ({ name, arguments: given }) => {
    let progress = 0;
    const result = await client.callTool({ name, arguments: given }, undefined, { onprogress: () => { progress += 1; } });
    return { ...result, progress };
  },
  tokens: async () => provider.tokens(),
  close: async () => {
    await transport.terminateSession();
    await client.close();
    return {};
  },
};

for (;;) {
  const { do: name, ...parameters } = await hear();
  try {
    say({ ok: await commands[name](parameters) });
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
}
