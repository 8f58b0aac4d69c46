// Keys for everything; in fields and terminals they are the reader's own.

import { borrowing, offer } from "./views/borrow";
import { mine } from "./farm";
import { go, path, requestPath } from "./router";
import { chosen, move, openChosen } from "./views/boards";
import { helping } from "./views/top";

export const KEYS: [string, string][] = [
  ["/", "search"],
  ["b", "borrow a board"],
  ["m", "my board"],
  ["q", "the queue"],
  ["h", "all boards"],
  ["j  k", "down and up"],
  ["Enter", "open"],
  ["?", "these keys"],
  ["Esc", "out"],
  ["Ctrl-Shift-Esc", "out of a terminal"],
];

export function keys(): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey && event.shiftKey && event.key === "Escape") {
      target.blur();
      document.getElementById("content")?.focus();
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.closest("input, textarea, select, dialog, .xterm, .player")) {
      if (event.key === "Escape" && target.id === "search") target.blur();
      return;
    }
    switch (event.key) {
      case "/":
        document.getElementById("search")?.focus();
        break;
      case "b":
        if (!borrowing.peek()) offer({});
        break;
      case "m": {
        const [first] = mine.peek();
        go(first ? requestPath(first.ID) : "/queue");
        break;
      }
      case "q":
        go("/queue");
        break;
      case "h":
        go("/");
        break;
      case "j":
      case "k":
        if (path.peek() !== "/") return;
        move(event.key === "j" ? 1 : -1);
        break;
      case "Enter":
        if (path.peek() !== "/" || chosen.peek() < 0 || target.closest("a, button, summary")) return;
        openChosen();
        break;
      case "?":
        helping.value = true;
        break;
      default:
        return;
    }
    event.preventDefault();
  });
}
