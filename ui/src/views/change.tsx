// A waiting request's priority and times, changed.

import { useState } from "preact/hooks";
import { call, wordsOf } from "../api";
import { me, now } from "../farm";
import { Sheet, say } from "../parts/ui";
import { MomentField, PriorityField, SheetButtons } from "../parts/wish";
import { changedTimes, forInput } from "../times";
import type { Request } from "../types";

/** The button that opens the sheet. */
export function Change({ request }: { request: Request }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" aria-label={`Change request ${request.ID}`} onClick={() => setOpen(true)}>
        Change
      </button>
      {open && <ChangeSheet request={request} close={() => setOpen(false)} />}
    </>
  );
}

function ChangeSheet({ request, close }: { request: Request; close: () => void }) {
  // What the fields showed at first, so that what the reader left alone is not sent.
  const [before] = useState({
    notBefore: request.ValidAfter && Date.parse(request.ValidAfter) > now.peek() ? forInput(request.ValidAfter) : "",
    deadline: request.Deadline ? forInput(request.Deadline) : "",
  });
  const [notBefore, setNotBefore] = useState(before.notBefore);
  const [deadline, setDeadline] = useState(before.deadline);
  const [priority, setPriority] = useState(String(request.Priority));

  async function save(event: Event) {
    event.preventDefault();
    const changes = {
      ...(Number(priority) === request.Priority ? {} : { Priority: Number(priority) }),
      ...changedTimes(before, { notBefore, deadline }, now.peek()),
    };
    try {
      if (Object.keys(changes).length) {
        await call("POST", `reqs/${request.ID}`, changes);
        say(`request ${request.ID} is changed`);
      }
      close();
    } catch (error) {
      say(wordsOf(error), "trouble");
    }
  }
  return (
    <Sheet title={`Change request ${request.ID}`} close={close}>
      <form onSubmit={save}>
        <PriorityField limits={me.value?.Limits ?? {}} value={priority} change={setPriority} present={request.Priority} />
        <MomentField label="Not before" hint="Empty: as soon as a board is free" value={notBefore} change={setNotBefore} />
        <MomentField
          label="Deadline"
          hint="Without a board by then it is given up"
          value={deadline}
          change={setDeadline}
          required
          min={notBefore}
        />
        <SheetButtons act="Save" close={close} />
      </form>
    </Sheet>
  );
}
