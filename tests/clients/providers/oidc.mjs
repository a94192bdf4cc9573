// A certified OpenID provider with the users of a test: `node oidc.mjs CONFIG`, a JSON file with port, client_id,
// client_secret, redirect_uri and users (claims by `sub`, which is also what is typed to sign in).
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const { port, users, ...client } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: client.client_id,
    client_secret: client.client_secret,
    redirect_uris: [client.redirect_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  findAccount: (_context, sub) => users[sub] && { accountId: sub, claims: () => ({ sub, ...users[sub] }) },
  pkce: { required: () => true },
});
// It says more about mistakes here than to the browser.
provider.on('server_error', (_context, error) => console.error(error));
provider.listen(port, '127.0.0.1');
