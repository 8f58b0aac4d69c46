// What the console said in a job that has ended.

import { useEffect, useState } from "preact/hooks";
import { call, wordsOf } from "../api";
import { readable } from "../said";
import { Field, Loading } from "./ui";

const LINES = 500;

export function ConsoleLog({ request }: { request: number }) {
  const [name, setName] = useState("");
  const [several, setSeveral] = useState(false);
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const named = name && `name=${encodeURIComponent(name)}`;
  useEffect(() => {
    let left = false;
    setText(null);
    setProblem("");
    call("GET", `reqs/${request}/console?tail=${LINES}&${named}`)
      .then(async (answer) => {
        const told = readable(await answer.text());
        if (left) return;
        setSeveral((known) => known || (answer.headers.get("boruta-console") ?? "").includes(","));
        setText(told);
      })
      .catch((error: unknown) => {
        if (left) return;
        // The server names the consoles in its refusal where there are several.
        setSeveral((known) => known || wordsOf(error).includes("several consoles"));
        setProblem(wordsOf(error));
      });
    return () => {
      left = true;
    };
  }, [request, named]);
  return (
    <>
      {several && (
        <Field label="Console">
          {(id) => <input id={id} type="text" class="mono" value={name} onChange={(event) => setName(event.currentTarget.value.trim())} />}
        </Field>
      )}
      {problem ? (
        <p class="problem" role="status">
          {problem}
        </p>
      ) : text === null ? (
        <Loading />
      ) : (
        <>
          <pre class="log" tabIndex={0} aria-label={`What the console said in request ${request}`}>
            {text || "The console said nothing."}
          </pre>
          <p class="muted">
            The last {LINES} lines at most;{" "}
            <a href={`/api/v1/reqs/${request}/console${named && `?${named}`}`} download>
              all of it, as it came
            </a>
          </p>
        </>
      )}
    </>
  );
}
