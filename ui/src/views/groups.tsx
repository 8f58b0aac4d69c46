// Groups of accounts: their limits, and what their members may do for each other.

import { useState } from "preact/hooks";
import { call, wordsOf } from "../api";
import { workers } from "../farm";
import { limitWords, limitsOf, typedLimits } from "../limits";
import { LimitFields } from "../parts/limits";
import { useList } from "../parts/list";
import { Act, Empty, Field, Loading, Sheet, say } from "../parts/ui";
import { SheetButtons } from "../parts/wish";
import type { Account, Group } from "../types";

const NEW: Group = { Name: "", Limits: {}, KeysForAdmins: false, MembersJoin: false };
const OTHERWISE = "Each member's defaults; what is empty is left to the farm's settings.";

function save(group: Group): Promise<Response> {
  const { Name, Limits, KeysForAdmins, MembersJoin } = group;
  return call("POST", `groups/${encodeURIComponent(Name)}`, { Limits, KeysForAdmins, MembersJoin });
}

export function Groups() {
  const { items, problem, again } = useList<Group>("groups/");
  const people = useList<Account>("users/").items;
  const [editing, setEditing] = useState<Group | null>(null);
  if (problem) return <p class="problem">{problem}</p>;
  if (!items) return <Loading />;
  const members = (name: string) => people?.filter((account) => account.Groups?.includes(name)).length ?? 0;
  const boards = (name: string) => workers.value.filter((worker) => worker.Groups?.includes(name)).length;
  const make = (
    <button type="button" class="main" onClick={() => setEditing(NEW)}>
      New group
    </button>
  );
  return (
    <>
      {items.length === 0 ? (
        <Empty title="No groups yet">
          <p>A board in groups serves their members alone; limits of a group are its members' defaults.</p>
          {make}
        </Empty>
      ) : (
        <section class="box">
          <header class="box-head">
            <h2>Groups</h2>
            {make}
          </header>
          <div class="scroll">
            <table class="stacks">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col" class="number">
                    People
                  </th>
                  <th scope="col" class="number">
                    Boards
                  </th>
                  <th scope="col">Limits</th>
                  <th scope="col">
                    <span class="unseen">Acts</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((group) => (
                  <tr key={group.Name}>
                    <td>{group.Name}</td>
                    <td class="number" data-label="people">{people ? members(group.Name) : ""}</td>
                    <td class="number" data-label="boards">{boards(group.Name)}</td>
                    <td>{limitWords(group.Limits) || <span class="muted">none of its own</span>}</td>
                    <td class="number acts">
                      <button type="button" aria-label={`Change group ${group.Name}`} onClick={() => setEditing(group)}>
                        Change
                      </button>
                      <Act
                        ask={`Really remove? ${boards(group.Name)} boards serve it`}
                        disabled={members(group.Name) > 0}
                        title={members(group.Name) > 0 ? "Only once it has no members" : ""}
                        act={async () => {
                          await call("POST", `groups/${encodeURIComponent(group.Name)}/remove`);
                          await again();
                          say(`group ${group.Name} is removed`, "told", () => void save(group).then(again, refused));
                        }}
                      >
                        Remove
                      </Act>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      {editing && <GroupSheet group={editing} taken={items} members={members(editing.Name)} again={again} close={() => setEditing(null)} />}
    </>
  );
}

function refused(error: unknown): void {
  say(wordsOf(error), "trouble");
}

function GroupSheet({
  group,
  taken,
  members,
  again,
  close,
}: {
  group: Group;
  taken: Group[];
  members: number;
  again: () => Promise<void>;
  close: () => void;
}) {
  const fresh = group === NEW;
  const [name, setName] = useState(group.Name);
  const [typed, setTyped] = useState(typedLimits(group.Limits));
  const [keys, setKeys] = useState(group.KeysForAdmins);
  const [join, setJoin] = useState(group.MembersJoin);

  async function submit(event: Event) {
    event.preventDefault();
    const wanted = name.trim();
    // The API's one call makes and changes: a new group must not change one that there is.
    if (fresh && taken.some((one) => one.Name.toLowerCase() === wanted.toLowerCase())) {
      say(`there is a group ${wanted} already`, "trouble");
      return;
    }
    try {
      await save({ Name: wanted, Limits: limitsOf(typed), KeysForAdmins: keys, MembersJoin: join });
      await again();
      if (fresh) say(`group ${wanted} is made`);
      else say(`group ${wanted} is changed`, "told", () => void save(group).then(again, refused));
      close();
    } catch (error) {
      refused(error);
    }
  }
  return (
    <Sheet title={fresh ? "New group" : `Group ${group.Name}`} close={close}>
      <form onSubmit={submit}>
        {fresh ? (
          <Field label="Name">
            {(id) => <input id={id} type="text" required maxLength={64} value={name} onInput={(event) => setName(event.currentTarget.value)} />}
          </Field>
        ) : (
          <p class="muted">What you change here holds for {members === 1 ? "its 1 member" : `its ${members} members`} at once.</p>
        )}
        <LimitFields typed={typed} change={setTyped} otherwise={OTHERWISE} />
        <label class="check">
          <input type="checkbox" checked={join} onChange={(event) => setJoin(event.currentTarget.checked)} />
          its members may join each other's boards without asking
        </label>
        <label class="check">
          <input type="checkbox" checked={keys} onChange={(event) => setKeys(event.currentTarget.checked)} />
          its group-admins may receive the keys of its members' boards
        </label>
        <SheetButtons act={fresh ? "Make the group" : "Save"} close={close} />
      </form>
    </Sheet>
  );
}
