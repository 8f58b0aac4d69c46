// A recording of a terminal, played in its own time.

import "asciinema-player/dist/bundle/asciinema-player.css";
import { create } from "asciinema-player";
import { useEffect, useRef } from "preact/hooks";

/** Seconds that nothing happens in for longer are cut to this. */
const LONGEST_REST = 2;

export function Player({ cast, label }: { cast: string; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const at = place.current;
    if (!at) return;
    const player = create({ data: cast }, at, {
      autoPlay: true,
      controls: true,
      fit: "width",
      idleTimeLimit: LONGEST_REST,
      terminalFontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"),
    });
    return () => player.dispose();
  }, [cast]);
  return <div class="player" role="group" aria-label={label} ref={place} />;
}
