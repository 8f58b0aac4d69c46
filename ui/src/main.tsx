// The page of Boruta: one address for each place, one stream for all that lives.

import { effect } from "@preact/signals";
import { render } from "preact";
import { begin, explain, follow, mine, now, signedOut } from "./farm";
import { keys } from "./keys";
import { lazy } from "./parts/lazy";
import { Empty, Toasts } from "./parts/ui";
import { path } from "./router";
import { countdown, secondsBetween } from "./times";
import { BorrowSheet } from "./views/borrow";
import { Boards } from "./views/boards";
import { Help } from "./views/help";
import { SignIn } from "./views/signin";
import { Mine, Offline, Top } from "./views/top";
import "./style.css";

const Queue = lazy(() => import("./views/queue").then((module) => module.Queue));
const RequestView = lazy(() => import("./views/request").then((module) => module.RequestView));
const BoardView = lazy(() => import("./views/board").then((module) => module.BoardView));
const Past = lazy(() => import("./views/past").then((module) => module.Past));
const Numbers = lazy(() => import("./views/numbers").then((module) => module.Numbers));
const Admin = lazy(() => import("./views/admin").then((module) => module.Admin));
const Wall = lazy(() => import("./views/wall").then((module) => module.Wall));

function Place() {
  const [place = "", rest = ""] = path.value.slice(1).split("/");
  const name = decode(rest);
  switch (place) {
    case "":
    case "sign-in":
      return <Boards />;
    case "queue":
      return <Queue />;
    case "boards":
      return name ? <BoardView key={name} name={name} /> : <Boards />;
    case "requests":
      return /^\d{1,15}$/.test(rest) ? <RequestView key={rest} id={Number(rest)} /> : <Queue />;
    case "history":
      return <Past />;
    case "numbers":
      return <Numbers />;
    case "admin":
      return <Admin part={rest} />;
    default:
      return (
        <Empty title="There is no such page">
          <a href="/">All boards</a>
        </Empty>
      );
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function Page() {
  if (signedOut.value) return <SignIn />;
  if (path.value === "/wall") return <Wall />;
  return (
    <>
      <a class="skip" href="#content">
        To the content
      </a>
      <Top />
      <Offline />
      <Mine />
      <main id="content" tabIndex={-1}>
        <Place />
      </main>
      <BorrowSheet />
      <Help />
      <Toasts />
    </>
  );
}

effect(() => explain(mine.value.filter((request) => request.State === "WAITING").map((request) => request.ID)));

// The tab's title tells what is left, so that it can be seen from another tab.
effect(() => {
  const held = mine.value.find((request) => request.State === "IN PROGRESS" && request.Job);
  const left = held?.Job ? `${countdown(secondsBetween(now.value, held.Job.Timeout))} · ` : "";
  const title = `${left}Boruta`;
  if (document.title !== title) document.title = title;
});

keys();
const page = document.getElementById("page");
if (page) render(<Page />, page);
await begin();
void follow();
