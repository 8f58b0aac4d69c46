// What the console said in a job that has ended.

import { useEffect, useState } from "preact/hooks";
import { call, wordsOf } from "../api";
import { readable } from "../said";
import { lazy } from "./lazy";
import { Act, Field, Loading } from "./ui";

const Player = lazy(() => import("./player").then((module) => module.Player));

const LINES = 500;

export function ConsoleLog({ request }: { request: number }) {
  const [name, setName] = useState("");
  const [several, setSeveral] = useState(false);
  const [text, setText] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const [cast, setCast] = useState("");
  const named = name && `&name=${encodeURIComponent(name)}`;
  const all = `reqs/${request}/console?`;
  useEffect(() => {
    let left = false;
    setText(null);
    setProblem("");
    setCast("");
    call("GET", `${all}tail=${LINES}${named}`)
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
          {cast ? (
            <Player cast={cast} label={`What the console said in request ${request}, played`} />
          ) : (
            <pre class="log" tabIndex={0} aria-label={`What the console said in request ${request}`}>
              {text || "The console said nothing."}
            </pre>
          )}
          <p class="muted">
            The last {LINES} lines at most;{" "}
            <a href={`/api/v1/${all}${named}`} download>
              all of it, as it came
            </a>
            , or{" "}
            <a href={`/api/v1/${all}cast=1${named}`} download>
              as a recording
            </a>
          </p>
          {text && (
            <Act act={async () => setCast(cast ? "" : await (await call("GET", `${all}cast=1${named}`)).text())}>
              {cast ? "Show the text" : "Play it"}
            </Act>
          )}
        </>
      )}
    </>
  );
}
