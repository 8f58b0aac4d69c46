// Wall mode: large, read only, to be left open.

import { holders, lastEvents, now, requests, workers } from "../farm";
import { groupKinds } from "../kinds";
import { exactly, moment } from "../times";
import { Meter, kindWords } from "./boards";

export function Wall() {
  const kinds = groupKinds(workers.value, holders.value, requests.value);
  const waiting = requests.value.filter((request) => request.State === "WAITING").length;
  const free = kinds.reduce((sum, kind) => sum + kind.free, 0);
  const held = kinds.reduce((sum, kind) => sum + kind.held, 0);
  const trouble = kinds.reduce((sum, kind) => sum + kind.trouble, 0);
  const since = now.value - 3_600_000;
  const lately = lastEvents.value.filter((event) => Date.parse(event.At) > since);
  const figures: [string, number, string][] = [
    ["free", free, "free"],
    ["held", held, "held"],
    ["waiting", waiting, "waiting"],
    ["trouble", trouble, "in trouble"],
  ];
  return (
    <main class="wall">
      <header>
        <h1>Boruta</h1>
        <time title={exactly(now.value)}>{moment(now.value, now.value)}</time>
        <a href="/">leave</a>
      </header>
      <div class="wall-figures">
        {figures.map(([tone, count, word]) => (
          <div key={tone} class={tone}>
            <b>{count}</b>
            <span>{word}</span>
          </div>
        ))}
      </div>
      <ul class="wall-kinds">
        {kinds.map((kind) => (
          <li key={kind.value}>
            <b>{kind.value}</b>
            <span>{kindWords(kind)}</span>
            <Meter kind={kind} />
          </li>
        ))}
      </ul>
      <footer>
        {lately.slice(0, 5).map((event) => {
          const board = event.Worker ? workers.value.find((worker) => worker.WorkerUUID === event.Worker)?.Name : undefined;
          return (
            <p key={event.Number}>
              {moment(event.At, now.value)} {event.Kind.replace(".", " ")} {board ?? (event.Request ? `request ${event.Request}` : "")}
            </p>
          );
        })}
      </footer>
    </main>
  );
}
