// The authorization server beside which ours is measured: npm `oidc-provider` with its in-memory adapter, told to do the same
// work: public clients with PKCE that register themselves, ES256 access tokens (RFC 9068) for one resource, refresh tokens that
// rotate. Prints its address when it listens.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import MemoryAdapter from './node_modules/oidc-provider/lib/adapters/memory_adapter.js';

const [port, resource, scope] = process.argv.slice(2);
const issuer = `http://localhost:${port}`;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

// Its adapter keeps 1,000 records by default, fewer than one round makes. A Map forgets nothing, and is the faster.
const storage = new Map();

const provider = new Provider(issuer, {
  adapter: (model) => new MemoryAdapter(model, storage),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: ['a key that signs the cookies of a benchmark'] },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope,
        audience: resource,
        accessTokenTTL: 900,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  pkce: { required: () => true },
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  expiresWithSession: () => false,
  ttl: { AuthorizationCode: 60, RefreshToken: 30 * 86400, Grant: 30 * 86400, Interaction: 600, Session: 86400 },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // Each code has a grant of its own, as ours has: one that all of them shared would grow with every token, and slow it down.
  async loadExistingGrant({ oidc }) {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addResourceScope(resource, scope);
    await grant.save();
    return grant;
  },
});

const serve = provider.callback();
const server = createServer((request, response) => {
  // Whoever comes is the one user: signing in is not what is measured.
  if (!request.url.startsWith('/interaction/')) return serve(request, response);
  return provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
});
server.keepAliveTimeout = 0;
server.listen(Number(port), '127.0.0.1', () => console.log(issuer));
