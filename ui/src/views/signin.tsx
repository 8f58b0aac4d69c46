// Signing in by a provider, which leads through its own pages, or with a token: the server makes a
// session of either, in a cookie that no script reads.

import { useEffect, useState } from "preact/hooks";
import { call, get, wordsOf } from "../api";
import { begin } from "../farm";
import { Field } from "../parts/ui";
import { address, go, path } from "../router";
import { departure, type Provider, takeProblem } from "../signin";

export function SignIn() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState(takeProblem);
  const [providers, setProviders] = useState<Provider[]>([]);
  useEffect(() => {
    // Without them, a token is what one signs in with: nothing is to be said.
    get<Provider[]>("sign-in").then(setProviders, () => undefined);
  }, []);
  const [busy, setBusy] = useState(false);
  async function send(event: Event) {
    event.preventDefault();
    setBusy(true);
    setProblem("");
    try {
      await call("POST", "session", undefined, { authorization: `Bearer ${token.trim()}` });
      if (await begin()) {
        if (path.peek() === "/sign-in") go("/");
      } else setProblem("The browser did not keep the session: does it refuse cookies?");
    } catch (error) {
      setProblem(wordsOf(error));
    }
    setBusy(false);
  }
  return (
    <main class="signin">
      <form onSubmit={send}>
        <img src="/icon.svg" width="40" height="40" alt="" />
        <h1>Sign in to Boruta</h1>
        {providers.map((provider, place) => (
          <a
            key={provider.Name}
            class={place === 0 ? "way main" : "way"}
            href={departure(provider, address.value)}
          >
            Sign in by {provider.Title}
          </a>
        ))}
        {providers.length > 0 && <p class="muted or">or with a token</p>}
        <Field label="Token">
          {(id) => (
            <input
              id={id}
              type="password"
              class="mono"
              autocomplete="current-password"
              placeholder="boruta_…"
              required
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
          )}
        </Field>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" class={providers.length > 0 ? "" : "main"} disabled={busy || !token.trim()}>
          Sign in
        </button>
        <p class="muted">
          Paste the one-time token of your invitation, or a token that <code>boruta token new</code> made. An admin invites
          by <code>boruta user invite NAME</code>.
        </p>
      </form>
    </main>
  );
}
