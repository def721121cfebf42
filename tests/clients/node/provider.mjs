// A provider of identities (OpenID Connect) on loopback, for tests/it/accounts/provider.rs. Whoever comes is logged in without a
// page, as the one whom `login_hint` names. It prints its issuer and ends with its standard input.

import { createServer } from 'node:http';
import { once } from 'node:events';

import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'oneiros',
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: [process.env.REDIRECT_URI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
    },
  ],
  cookies: { keys: ['of one test'] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  scopes: ['openid', 'profile', 'email'],
  claims: { openid: ['sub'], profile: ['preferred_username', 'name'], email: ['email', 'email_verified'] },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      preferred_username: id,
      name: `${id} of the provider`,
      email: `${id}@example.org`,
      email_verified: id !== 'unseen',
    }),
  }),
  loadExistingGrant: async (context) => {
    const { client, session } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});

const callback = provider.callback();
server.on('request', async (request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    callback(request, response);
    return;
  }
  try {
    const { params } = await provider.interactionDetails(request, response);
    const accountId = params.login_hint ?? 'bea';
    // Whoever does not want to goes back with an error.
    const result = accountId === 'nobody' ? { error: 'access_denied' } : { login: { accountId } };
    await provider.interactionFinished(request, response, result);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});

console.log(issuer);
process.stdin.on('end', () => process.exit()).resume();
