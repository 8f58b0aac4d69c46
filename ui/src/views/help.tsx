import { KEYS } from "../keys";
import { Sheet } from "../parts/ui";
import { helping } from "./top";

export function Help() {
  if (!helping.value) return null;
  return (
    <Sheet title="Keys" close={() => (helping.value = false)}>
      <dl class="keys">
        {KEYS.map(([key, words]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </>
        ))}
      </dl>
    </Sheet>
  );
}
