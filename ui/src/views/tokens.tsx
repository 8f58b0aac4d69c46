// Tokens: a new one, shown once, and those that there are.

import { useState } from "preact/hooks";
import { call, post, wordsOf } from "../api";
import { me, now } from "../farm";
import { useList } from "../parts/list";
import { Act, At, Copy, Empty, Field, Loading, say } from "../parts/ui";
import { moment } from "../times";
import type { Token } from "../types";

const DAY = 86_400;
/** Days that a token of one's own may live, and one of a service. */
const LONGEST = 30;
const LONGEST_SERVICE = 366;

export function Tokens() {
  const { items, problem, again } = useList<Token>("tokens/");
  const users = me.value?.Groups !== null;
  if (problem) return <p class="problem">{problem}</p>;
  if (!items) return <Loading />;
  return (
    <div class="stack">
      {users && me.value?.Scope === "admin" && <NewToken again={again} />}
      {items.length === 0 ? (
        <Empty title="No tokens" />
      ) : (
        <section class="box scroll">
          <table class="stacks">
            <thead>
              <tr>
                <th scope="col">Account</th>
                <th scope="col">Kind</th>
                <th scope="col">Name</th>
                <th scope="col">Scope</th>
                <th scope="col">Until</th>
                <th scope="col">
                  <span class="unseen">Acts</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((token) => (
                <tr key={token.ID}>
                  <td>{token.Account}</td>
                  <td>{token.Kind}</td>
                  <td>
                    {token.Name} {token.ID === me.value?.Token?.ID && <span class="muted">this session</span>}
                  </td>
                  <td>{token.Scope}</td>
                  <td data-label="until">
                    <At at={token.Expires} />
                  </td>
                  <td class="number acts">
                    <Act
                      ask="Really revoke?"
                      act={async () => {
                        await call("POST", `tokens/${token.ID}/revoke`);
                        await again();
                      }}
                    >
                      Revoke
                    </Act>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </div>
  );
}

function NewToken({ again }: { again: () => Promise<void> }) {
  const [name, setName] = useState("");
  const [account, setAccount] = useState("");
  const [scope, setScope] = useState("request");
  const [days, setDays] = useState("7");
  const [issued, setIssued] = useState<{ Secret: string; Token: Token } | null>(null);
  const admin = me.value?.Role === "admin";
  const service = account.trim() !== "";
  if (issued)
    return (
      <section class="box">
        <h2>The token {issued.Token.Name}</h2>
        <p>Good until {moment(issued.Token.Expires, now.value)}; it is shown this once:</p>
        <Copy label="the token" text={issued.Secret} />
        <button type="button" onClick={() => setIssued(null)}>
          Another one
        </button>
      </section>
    );
  return (
    <section class="box">
      <h2>New token</h2>
      <form
        class="row fields"
        onSubmit={async (event) => {
          event.preventDefault();
          try {
            setIssued(
              await post("tokens/", {
                Name: name.trim(),
                Scope: scope,
                Lifetime: Number(days) * DAY,
                ...(service ? { Account: account.trim(), Kind: "service" } : {}),
              }),
            );
            setName("");
            await again();
          } catch (error) {
            say(wordsOf(error), "trouble");
          }
        }}
      >
        <Field label="What for">
          {(id) => (
            <input id={id} type="text" required placeholder="nightly" value={name} onInput={(event) => setName(event.currentTarget.value)} />
          )}
        </Field>
        {admin && (
          <Field label="Of the service account">
            {(id) => (
              <input id={id} type="text" placeholder="empty: my own" value={account} onInput={(event) => setAccount(event.currentTarget.value)} />
            )}
          </Field>
        )}
        <Field label="Carries">
          {(id) => (
            <select id={id} value={scope} onChange={(event) => setScope(event.currentTarget.value)}>
              <option value="read">seeing</option>
              <option value="request">borrowing, too</option>
              <option value="admin">all the account may</option>
            </select>
          )}
        </Field>
        <Field label="Days">
          {(id) => (
            <input
              id={id}
              type="number"
              required
              min={1}
              max={service ? LONGEST_SERVICE : LONGEST}
              value={days}
              onInput={(event) => setDays(event.currentTarget.value)}
            />
          )}
        </Field>
        <button type="submit" class="main">
          Make the token
        </button>
      </form>
    </section>
  );
}
