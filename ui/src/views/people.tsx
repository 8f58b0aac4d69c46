// Accounts: invited, changed, disabled, removed; what each would lose is told before.

import { useState } from "preact/hooks";
import { call, post, wordsOf } from "../api";
import { me, requests } from "../farm";
import { limitWords, limitsOf, typedLimits } from "../limits";
import { LimitFields } from "../parts/limits";
import { useList } from "../parts/list";
import { Act, Copy, Field, Loading, Sheet, say } from "../parts/ui";
import { SheetButtons } from "../parts/wish";
import type { Account, Group, Role } from "../types";

const ROLES: Role[] = ["viewer", "user", "group-admin", "admin", "auditor"];
const OTHERWISE = "Empty: what the account's groups say, the most generous of them, else the farm.";

function save(account: Account, changes: object): Promise<Response> {
  return call("POST", `users/${encodeURIComponent(account.Name)}`, changes);
}

function refused(error: unknown): void {
  say(wordsOf(error), "trouble");
}

export function People() {
  const { items, problem, again } = useList<Account>("users/");
  const groups = useList<Group>("groups/").items;
  const [editing, setEditing] = useState<Account | null>(null);
  const [removing, setRemoving] = useState<Account | null>(null);
  if (problem) return <p class="problem">{problem}</p>;
  if (!items) return <Loading />;
  const admin = me.value?.Role === "admin" && me.value.Scope === "admin";
  return (
    <div class="stack">
      <section class="box">
        <h2>People</h2>
        <div class="scroll">
          <table class="stacks">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Role</th>
                <th scope="col">Groups</th>
                <th scope="col">Limits of its own</th>
                {admin && (
                  <th scope="col">
                    <span class="unseen">Acts</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {items.map((account) => (
                <tr key={account.Name}>
                  <td>
                    {account.Name} {account.FullName && <span class="muted">{account.FullName}</span>}
                  </td>
                  <td>{account.Disabled ? "disabled" : account.Role}</td>
                  <td>{account.Groups?.join(", ")}</td>
                  <td>{limitWords(account.Limits)}</td>
                  {admin && (
                    <td class="number acts">
                      <button type="button" aria-label={`Change account ${account.Name}`} onClick={() => setEditing(account)}>
                        Change
                      </button>
                      <Act
                        ask={account.Disabled ? "Really enable?" : `Really disable? ${lossOf(account)}`}
                        act={async () => {
                          await save(account, { Disabled: !account.Disabled });
                          await again();
                        }}
                      >
                        {account.Disabled ? "Enable" : "Disable"}
                      </Act>
                      <button type="button" aria-label={`Remove account ${account.Name}`} onClick={() => setRemoving(account)}>
                        Remove
                      </button>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      {admin && <Invite groups={groups} again={again} />}
      {editing && <AccountSheet account={editing} groups={groups} again={again} close={() => setEditing(null)} />}
      {removing && <RemoveSheet account={removing} again={again} close={() => setRemoving(null)} />}
    </div>
  );
}

/** What an account that may do nothing any more loses, in words. */
function lossOf(account: Account): string {
  const own = requests.value.filter((request) => request.Owner.Name === account.Name);
  const running = own.filter((request) => request.State === "IN PROGRESS").length;
  const waiting = own.length - running;
  if (!own.length) return "It has no requests";
  return `${running} running ${running === 1 ? "job ends" : "jobs end"}, ${waiting} waiting ${waiting === 1 ? "request is" : "requests are"} cancelled`;
}

function GroupChoice({ groups, chosen, change }: { groups: Group[] | null; chosen: string[]; change: (chosen: string[]) => void }) {
  return (
    <fieldset class="choice">
      <legend>Groups</legend>
      {groups?.length === 0 && (
        <p class="hint">
          There are none yet: <a href="/admin/groups">make one</a>.
        </p>
      )}
      {groups?.map(({ Name }) => (
        <label key={Name} class="check">
          <input
            type="checkbox"
            checked={chosen.includes(Name)}
            onChange={(event) => change(event.currentTarget.checked ? [...chosen, Name] : chosen.filter((one) => one !== Name))}
          />
          {Name}
        </label>
      ))}
    </fieldset>
  );
}

function RoleField({ role, change }: { role: Role; change: (role: Role) => void }) {
  return (
    <Field label="Role">
      {(id) => (
        <select id={id} value={role} onChange={(event) => change(event.currentTarget.value as Role)}>
          {ROLES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      )}
    </Field>
  );
}

function Invite({ groups, again }: { groups: Group[] | null; again: () => Promise<void> }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("user");
  const [chosen, setChosen] = useState<string[]>([]);
  const [secret, setSecret] = useState("");
  return (
    <section class="box">
      <h2>Invite somebody</h2>
      {secret ? (
        <>
          <p>The one-time token for {name}, shown this once; good for a day:</p>
          <Copy label="the token" text={secret} />
          <button
            type="button"
            onClick={() => {
              setSecret("");
              setName("");
            }}
          >
            Another one
          </button>
        </>
      ) : (
        <form
          onSubmit={async (event) => {
            event.preventDefault();
            try {
              const told = await post<{ Secret: string }>(`users/${encodeURIComponent(name.trim())}/invite`, { Role: role, Groups: chosen });
              setSecret(told.Secret);
              await again();
            } catch (error) {
              refused(error);
            }
          }}
        >
          <div class="pairs">
            <Field label="Name">
              {(id) => <input id={id} type="text" required value={name} onInput={(event) => setName(event.currentTarget.value)} />}
            </Field>
            <RoleField role={role} change={setRole} />
          </div>
          <GroupChoice groups={groups} chosen={chosen} change={setChosen} />
          <button type="submit" class="main">
            Invite
          </button>
        </form>
      )}
    </section>
  );
}

function AccountSheet({
  account,
  groups,
  again,
  close,
}: {
  account: Account;
  groups: Group[] | null;
  again: () => Promise<void>;
  close: () => void;
}) {
  const [fullName, setFullName] = useState(account.FullName);
  const [role, setRole] = useState(account.Role);
  const [chosen, setChosen] = useState(account.Groups ?? []);
  const [typed, setTyped] = useState(typedLimits(account.Limits));
  const [keep, setKeep] = useState(false);

  async function submit(event: Event) {
    event.preventDefault();
    try {
      await save(account, {
        FullName: fullName.trim(),
        Role: role,
        Groups: chosen,
        Limits: limitsOf(typed),
        RunningJobs: keep ? "keep" : "end",
      });
      await again();
      const { FullName, Role, Groups, Limits } = account;
      say(`account ${account.Name} is changed`, "told", () =>
        void save(account, { FullName, Role, Groups: Groups ?? [], Limits }).then(again, refused),
      );
      close();
    } catch (error) {
      refused(error);
    }
  }
  return (
    <Sheet title={`Account ${account.Name}`} close={close}>
      <form onSubmit={submit}>
        <Field label="Full name">
          {(id) => <input id={id} type="text" value={fullName} onInput={(event) => setFullName(event.currentTarget.value)} />}
        </Field>
        <RoleField role={role} change={setRole} />
        <GroupChoice groups={groups} chosen={chosen} change={setChosen} />
        <LimitFields typed={typed} change={setTyped} otherwise={OTHERWISE} />
        <label class="check">
          <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
          jobs that it may not have any more go on; else they end at once
        </label>
        <SheetButtons act="Save" close={close} />
      </form>
    </Sheet>
  );
}

function RemoveSheet({ account, again, close }: { account: Account; again: () => Promise<void>; close: () => void }) {
  const [keep, setKeep] = useState(false);
  return (
    <Sheet title={`Remove ${account.Name}`} close={close}>
      <p>
        The account and its tokens go for good; a later account of the same name inherits nothing. To shut somebody out for a
        while, disable the account instead.
      </p>
      <p class="trouble-words">{lossOf(account)}.</p>
      <label class="check">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        its running jobs go on to their end
      </label>
      <div class="buttons">
        <Act
          kind="danger"
          act={async () => {
            await call("POST", `users/${encodeURIComponent(account.Name)}/remove`, { RunningJobs: keep ? "keep" : "end" });
            await again();
            say(`account ${account.Name} is removed`);
            close();
          }}
        >
          Remove the account
        </Act>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </Sheet>
  );
}
