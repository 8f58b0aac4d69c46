// Parts that are loaded when they are first shown.

import type { ComponentType, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Loading } from "./ui";

export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): (props: Props) => JSX.Element {
  let found: ComponentType<Props> | null = null;
  return function Later(props: Props) {
    const [, show] = useState(0);
    const [problem, setProblem] = useState(false);
    useEffect(() => {
      if (found) return;
      load().then(
        (component) => {
          found = component;
          show(1);
        },
        () => setProblem(true),
      );
    }, []);
    if (problem) return <p class="problem">This part could not be loaded; the server may have a newer page. Load it anew.</p>;
    const Found = found;
    return Found ? <Found {...props} /> : <Loading />;
  };
}
