// Moments and spans as people read them, in the reader's zone.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const HALF_A_YEAR = 183 * DAY * 1000;

/** A span in the two largest units that say enough: `45 s`, `12 min`, `1 h 20 min`, `3 d`. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s} s`;
  const minutes = Math.round(s / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  if (s < DAY) {
    const rest = minutes % 60;
    return rest ? `${Math.floor(minutes / 60)} h ${rest} min` : `${Math.floor(minutes / 60)} h`;
  }
  const days = Math.floor(s / DAY);
  const hours = Math.round((s % DAY) / HOUR);
  return hours && days < 10 ? `${days} d ${hours} h` : `${days} d`;
}

/** What is left, exact to the second in the last ten minutes: `9:42`. */
export function countdown(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 600) return span(s);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

export function secondsBetween(from: string | number, to: string | number): number {
  const at = (moment: string | number) => (typeof moment === "number" ? moment : Date.parse(moment));
  return (at(to) - at(from)) / 1000;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** `14:05`, with the day where it is not today; of another half of a year the day with its year alone. */
export function moment(at: string | number, now: number): string {
  const then = new Date(at);
  if (Math.abs(then.getTime() - now) > HALF_A_YEAR) return date.format(then);
  return then.toDateString() === new Date(now).toDateString() ? clock.format(then) : day.format(then);
}

/** All of it, with the zone, for who hovers or has it read out. */
export function exactly(at: string | number): string {
  return whole.format(new Date(at));
}

const ONE = String.raw`(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d)`;
const TOLD = new RegExp(String.raw`\b${ONE}(?: and ${ONE})? UTC\b`, "g");

/** The server's own words, with its UTC times in the reader's zone; without a date they are today's. */
export function localised(text: string, now: number): string {
  const today = new Date(now).toISOString().slice(0, 10);
  const here = (date: string | undefined, time: string) => moment(`${date ?? today}T${time}:00Z`, now);
  return text.replace(
    TOLD,
    (_all, date: string | undefined, time: string, lastDate: string | undefined, last?: string) =>
      here(date, time) + (last ? ` and ${here(lastDate, last)}` : ""),
  );
}

/** A moment as a field of date and time shows it: in the reader's zone, to the minute. */
export function forInput(at: string | number): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export interface TypedTimes {
  notBefore: string;
  deadline: string;
}

/** What is sent for the times that were typed: only those that differ; none before is from now on. */
export function changedTimes(
  before: TypedTimes,
  typed: TypedTimes,
  now: number,
): { ValidAfter?: string; Deadline?: string } {
  const moment = (text: string) => new Date(text || now).toISOString();
  return {
    ...(typed.notBefore === before.notBefore ? {} : { ValidAfter: moment(typed.notBefore) }),
    ...(typed.deadline === before.deadline || !typed.deadline ? {} : { Deadline: moment(typed.deadline) }),
  };
}
