// A list of the API that is read when its place is opened, and anew after what changes it.

import { useEffect, useState } from "preact/hooks";
import { get, wordsOf } from "../api";

export interface Listed<T> {
  /** Null until it is read. */
  items: T[] | null;
  problem: string;
  again: () => Promise<void>;
}

export function useList<T>(what: string): Listed<T> {
  const [items, setItems] = useState<T[] | null>(null);
  const [problem, setProblem] = useState("");
  const again = () =>
    get<T[]>(what).then(
      (found) => {
        setItems(found);
        setProblem("");
      },
      (error: unknown) => setProblem(wordsOf(error)),
    );
  useEffect(() => void again(), [what]);
  return { items, problem, again };
}
