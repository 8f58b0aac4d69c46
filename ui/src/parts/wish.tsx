// The fields that tell when a board is wanted and how urgently, and the buttons below a sheet's form.

import { priorities, usualPriority } from "../limits";
import type { Limits } from "../types";
import { Field } from "./ui";

type Typed = { value: string; change: (value: string) => void };

/** A priority within one's limits; what a request has at `present` may lie beyond them, and is asked for. */
export function PriorityField({ limits, value, change, present }: Typed & { limits: Limits; present?: number }) {
  const { highest, lowest } = priorities(limits);
  return (
    <Field label="Priority" hint={`${highest} is the most important, ${lowest} the least`}>
      {(id) => (
        <input
          id={id}
          type="number"
          required={present !== undefined}
          min={Math.min(highest, present ?? highest)}
          max={Math.max(lowest, present ?? lowest)}
          placeholder={String(usualPriority(limits))}
          value={value}
          onInput={(event) => change(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export function MomentField(props: Typed & { label: string; hint?: string; required?: boolean; min?: string }) {
  const { label, hint, value, change, ...rest } = props;
  return (
    <Field label={label} hint={hint}>
      {(id) => (
        <input id={id} type="datetime-local" value={value} onInput={(event) => change(event.currentTarget.value)} {...rest} />
      )}
    </Field>
  );
}

export function SheetButtons({ act, close, disabled = false }: { act: string; close: () => void; disabled?: boolean }) {
  return (
    <div class="buttons">
      <button type="submit" class="main" disabled={disabled}>
        {act}
      </button>
      <button type="button" onClick={close}>
        Cancel
      </button>
    </div>
  );
}
