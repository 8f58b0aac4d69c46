// A certified OpenID Connect provider for the tests: people as accounts.json has them at that moment.
// Usage: node provider.mjs PORT ACCOUNTS CLIENTS

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, accounts, clients] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

function accountOf(_context, id) {
  const told = JSON.parse(readFileSync(accounts, "utf8"))[id];
  // As CI systems do: each token bears a number of its own, so that it counts once.
  return told && { accountId: id, claims: () => ({ sub: id, jti: randomUUID(), ...told }) };
}

const provider = new Provider(issuer, {
  clients: JSON.parse(readFileSync(clients, "utf8")),
  findAccount: accountOf,
  scopes: ["openid", "offline_access"],
  claims: {
    openid: ["sub", "jti", "repository", "ref"],
    profile: ["name", "preferred_username"],
    groups: ["groups"],
  },
  conformIdTokenClaims: true,
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  rotateRefreshToken: true,
  ttl: { IdToken: 600, AccessToken: 600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
  cookies: { keys: [Math.random().toString(36)] },
});

createServer(provider.callback()).listen(Number(port), "127.0.0.1", () => console.log(`serving ${issuer}`));
