// What signing in by a provider takes: the way there, and why it failed, which the server tells in a
// cookie. An address would let others put words into the farm's mouth.

export interface Provider {
  Name: string;
  Title: string;
  Address: string;
  Device: boolean;
}

/** Where a browser goes to sign in, to come back to this place of the page. */
export function departure(provider: Provider, place: string): string {
  const back = place.startsWith("/sign-in") ? "/" : place;
  return `${provider.Address}?place=${encodeURIComponent(back)}`;
}

/** The words in the problem's cookie of the farm at this port; empty without one. */
export function problemIn(cookies: string, port: string): string {
  const wanted = port ? `boruta_problem_${port}` : "boruta_problem";
  for (const one of cookies.split(";")) {
    const [name, value] = one.trim().split("=", 2);
    if (name?.replace("__Host-", "") === wanted && value) return decoded(value);
  }
  return "";
}

/** Why nobody was signed in, told once. */
export function takeProblem(): string {
  const words = problemIn(document.cookie, location.port);
  if (words) {
    const secure = location.protocol === "https:";
    const port = location.port ? `_${location.port}` : "";
    const name = `${secure ? "__Host-" : ""}boruta_problem${port}`;
    document.cookie = `${name}=; Path=/; Max-Age=0; SameSite=Strict${secure ? "; Secure" : ""}`;
  }
  return words;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
