// The device's power, buttons and screen: each is `dut` on the board, in the job's own session.

import { useEffect, useState } from "preact/hooks";
import { post, wordsOf } from "../api";
import { Act, State, say } from "../parts/ui";

/** Kinds of tools that have something to press; a console has a tab of its own. */
const SHOWN = ["power", "storage", "button", "do", "video"];

interface Done {
  Status: number;
  Output: string;
  Error: string;
  Picture?: string;
}

interface Tool {
  name: string;
  kind: string;
  state: string;
  fault: string;
  about: string;
}

export async function dut(request: number, words: string[]): Promise<string> {
  return (await operate(request, words)).Output;
}

async function operate(request: number, words: string[]): Promise<Done> {
  const done = await post<Done>(`reqs/${request}/dut`, { Words: words });
  if (done.Status) throw new Error(done.Error.trim().split("\n").pop()?.replace(/^dut: /, "") || `dut ended with status ${done.Status}`);
  return done;
}

/** What the device shows, taken when its user asks for it: nobody else is on the board. */
function Camera({ request, name }: { request: number; name: string }) {
  const [picture, setPicture] = useState("");
  return (
    <>
      <Act
        act={async () => {
          const told = (await operate(request, ["screen", "snap", name])).Picture ?? "";
          if (/^data:image\/(jpeg|png);base64,/.test(told)) setPicture(told);
        }}
      >
        {picture ? "Anew" : "Show"}
      </Act>
      {picture && (
        <a class="shot" href={picture} download={`${name}.${picture.startsWith("data:image/png") ? "png" : "jpg"}`} title="Save the picture">
          <img src={picture} alt={`What ${name} shows`} />
        </a>
      )}
    </>
  );
}

export function Device({ request }: { request: number }) {
  const [tools, setTools] = useState<Tool[] | null>(null);
  const [problem, setProblem] = useState("");
  async function look() {
    try {
      const told = JSON.parse(await dut(request, ["--json"])) as { tools: Tool[] };
      setTools(told.tools);
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error && error.name === "Error" ? error.message : wordsOf(error));
    }
  }
  useEffect(() => void look(), [request]);
  async function act(...words: string[]) {
    try {
      return await dut(request, words);
    } finally {
      await look();
    }
  }
  return (
    <section class="box">
      <h2>Device</h2>
      {problem && <p class="problem">{problem}</p>}
      {tools?.filter((tool) => SHOWN.includes(tool.kind)).map((tool) => (
        <div key={tool.name} class="tool">
          <span class="tool-name" title={tool.about}>
            {tool.name}
            {tool.kind === "power" && (
              <State tone={tool.state.startsWith("on") ? "free" : "away"}>{tool.state || tool.fault}</State>
            )}
            {tool.kind === "storage" && <span class="muted">{tool.state || tool.fault}</span>}
          </span>
          <span class="buttons">
            {tool.kind === "power" && (
              <>
                <Act act={() => act("power", "on", tool.name)}>On</Act>
                <Act act={() => act("power", "off", tool.name)} ask="Really off?">
                  Off
                </Act>
                <Act act={() => act("power", "cycle", tool.name)} ask="Really cycle?">
                  Cycle
                </Act>
              </>
            )}
            {tool.kind === "video" && <Camera request={request} name={tool.name} />}
            {tool.kind === "button" && <Act act={() => act("press", tool.name)}>Press</Act>}
            {tool.kind === "do" && (
              <Act
                act={async () => {
                  const told = await act("do", tool.name);
                  say(told.trim() || `${tool.name} is done`);
                }}
              >
                Do
              </Act>
            )}
            {tool.kind === "storage" && (
              <>
                <Act act={() => act("storage", "dut", tool.name)}>To device</Act>
                <Act act={() => act("storage", "supervisor", tool.name)}>To supervisor</Act>
              </>
            )}
          </span>
        </div>
      ))}
    </section>
  );
}
