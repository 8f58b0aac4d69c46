// The fields of limits, the same for accounts and groups.

import { LOWEST, SPAN_PATTERN, type TypedLimits } from "../limits";
import { Field } from "./ui";

type Name = keyof TypedLimits;

export function LimitFields({ typed, change, otherwise }: { typed: TypedLimits; change: (typed: TypedLimits) => void; otherwise: string }) {
  const number = (name: Name, label: string, least: number, most: number) => (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type="number"
          min={least}
          max={most}
          value={typed[name]}
          onInput={(event) => change({ ...typed, [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
  const span = (name: Name, label: string, example: string) => (
    <Field label={label}>
      {(id) => (
        <input
          id={id}
          type="text"
          pattern={SPAN_PATTERN}
          title="Such as 30m, 2h or 1d12h"
          placeholder={example}
          value={typed[name]}
          onInput={(event) => change({ ...typed, [name]: event.currentTarget.value })}
        />
      )}
    </Field>
  );
  return (
    <fieldset class="limits">
      <legend>Limits</legend>
      <p class="hint">{otherwise}</p>
      <div class="pairs">
        {number("jobs", "Running jobs", 0, 1_000_000)}
        {number("waiting", "Waiting requests", 0, 1_000_000)}
        {number("highest", "Priority from (1 is first)", 1, LOWEST)}
        {number("lowest", "Priority to", 1, LOWEST)}
        {span("jobTime", "Longest job", "2h")}
        {span("prolongTime", "Prolonged by at most", "4h")}
      </div>
    </fieldset>
  );
}
