// Where the reader is: the address holds the place and every filter, so it can be shared.

import { computed, signal } from "@preact/signals";

export const address = signal(location.pathname + location.search);

export const path = computed(() => address.value.split("?")[0] ?? "/");
export const query = computed(() => new URLSearchParams(address.value.split("?")[1] ?? ""));

export function go(to: string, replace = false): void {
  if (to === address.peek()) return;
  if (replace) history.replaceState(null, "", to);
  else {
    history.pushState(null, "", to);
    scrollTo(0, 0);
  }
  address.value = to;
}

/** Change parts of the query; what is empty is left out. */
export function refine(changes: Record<string, string | null>): void {
  const next = new URLSearchParams(query.peek());
  for (const [name, value] of Object.entries(changes))
    if (value) next.set(name, value);
    else next.delete(name);
  const text = next.toString();
  go(path.peek() + (text ? `?${text}` : ""), true);
}

addEventListener("popstate", () => (address.value = location.pathname + location.search));

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = (event.target as Element | null)?.closest?.("a");
  if (!anchor || anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
  if (anchor.pathname.startsWith("/api/") || anchor.hash) return;
  event.preventDefault();
  go(anchor.pathname + anchor.search);
});

export function boardPath(name: string): string {
  return `/boards/${encodeURIComponent(name)}`;
}

export function requestPath(id: number): string {
  return `/requests/${id}`;
}
