// The top of every page: the farm, its places, the search, what is mine, who I am.

import { signal } from "@preact/signals";
import { call } from "../api";
import { forget, link, me, mine, now, offlineSince, onSignedOut } from "../farm";
import { path, go, query, refine, requestPath } from "../router";
import { countdown, moment, secondsBetween } from "../times";
import { boardOf } from "../farm";
import { wishOf } from "../kinds";
import { Act, TimeBar, RequestBadge } from "../parts/ui";

const PLACES: [string, string][] = [
  ["/", "Boards"],
  ["/queue", "Queue"],
  ["/history", "History"],
  ["/numbers", "Numbers"],
];

export const helping = signal(false);

export function Top() {
  const held = mine.value.filter((request) => request.State === "IN PROGRESS" && request.Job);
  const shortest = Math.min(...held.map((request) => secondsBetween(now.value, request.Job?.Timeout ?? 0)));
  const places = me.value && ["admin", "group-admin", "auditor"].includes(me.value.Role) ? [...PLACES, ["/admin", "Admin"] as const] : PLACES;
  return (
    <header class="top">
      <a class="brand" href="/">
        <img src="/icon.svg" width="20" height="20" alt="" /> Boruta
      </a>
      <nav aria-label="Places">
        {places.map(([place, word]) => (
          <a key={place} href={place} aria-current={path.value === place || (place !== "/" && path.value.startsWith(`${place}/`)) ? "page" : undefined}>
            {word}
          </a>
        ))}
      </nav>
      <input
        id="search"
        type="search"
        placeholder="Search, or a selector  ( / )"
        aria-label="Search boards by text or selector"
        spellcheck={false}
        autocomplete="off"
        value={path.value === "/" ? (query.value.get("q") ?? "") : ""}
        onInput={(event) => {
          const text = event.currentTarget.value;
          if (path.peek() === "/") refine({ q: text });
          else go(`/?q=${encodeURIComponent(text)}`);
        }}
      />
      {mine.value.length > 0 && (
        <a class="mine-link" href={mine.value.length === 1 && mine.value[0] ? requestPath(mine.value[0].ID) : "/queue"}>
          Mine <b>{mine.value.length}</b>
          {held.length > 0 && <span class={shortest < 300 ? "short" : ""}>{countdown(shortest)}</span>}
        </a>
      )}
      <Account />
    </header>
  );
}

function Account() {
  const self = me.value;
  return (
    <details class="account">
      <summary aria-label="Account and help">{self?.Groups === null || !self ? "Menu" : self.Name}</summary>
      <div class="menu">
        {self && self.Groups !== null && (
          <p>
            {self.Name}, {self.Role}
            {self.Groups.length > 0 && <span class="muted"> in {self.Groups.join(", ")}</span>}
          </p>
        )}
        {self?.Groups === null && <p class="muted">This farm knows no users: whoever reaches it may do everything.</p>}
        <button type="button" onClick={() => (helping.value = true)}>
          Keys <kbd>?</kbd>
        </button>
        <a href="/wall">Wall mode</a>
        {self && self.Groups !== null && (
          <Act
            act={async () => {
              await call("POST", "session/end");
              forget();
              onSignedOut();
            }}
          >
            Sign out
          </Act>
        )}
      </div>
    </details>
  );
}

/** Since when nothing is heard, and that it goes on trying. */
export function Offline() {
  if (link.value !== "offline" || !offlineSince.value || Date.now() - offlineSince.value < 1500) {
    // The clock is read so that a short break, as at a restart, shows nothing at all.
    now.value;
    return null;
  }
  return (
    <div class="offline" role="alert">
      No word from the server since {moment(offlineSince.value, now.value)}. What you see is from then; it is tried again
      by itself.
    </div>
  );
}

/** The reader's own boards, pinned on top of every page. */
export function Mine() {
  if (!mine.value.length || path.value.startsWith("/requests/")) return null;
  return (
    <section class="pinned" aria-label="My boards and requests">
      {mine.value.slice(0, 4).map((request) => {
        const board = request.Job ? boardOf(request.Job.WorkerUUID) : undefined;
        return (
          <a key={request.ID} class="pin" href={requestPath(request.ID)}>
            <span class="pin-head">
              <b>{board?.Name ?? wishOf(request)}</b>
              <RequestBadge state={request.State} />
            </span>
            {request.Job && request.State === "IN PROGRESS" ? (
              <>
                <TimeBar from={request.Job.Granted ?? request.Created} to={request.Job.Timeout} />
                <span class="pin-foot">
                  {countdown(secondsBetween(now.value, request.Job.Timeout))} left <span class="open">Open</span>
                </span>
              </>
            ) : (
              <span class="pin-foot">
                request {request.ID} <span class="open">Open</span>
              </span>
            )}
          </a>
        );
      })}
      {mine.value.length > 4 && <a href="/queue">and {mine.value.length - 4} more</a>}
    </section>
  );
}
