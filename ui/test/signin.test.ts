import { expect, test } from "vitest";
import { departure, problemIn, type Provider } from "../src/signin";

const lab: Provider = { Name: "lab", Title: "Lab", Address: "https://farm/api/v1/sign-in/lab/begin", Device: true };

test("one comes back to where one was", () => {
  expect(departure(lab, "/boards/rpi4?tab=a&b")).toBe(`${lab.Address}?place=%2Fboards%2Frpi4%3Ftab%3Da%26b`);
  expect(departure(lab, "/sign-in")).toBe(`${lab.Address}?place=%2F`);
});

test("the problem is read from the cookie of this very farm", () => {
  const cookies = "a=b; boruta_problem_8487=you%20are%20in%20none; boruta_problem_1=other";
  expect(problemIn(cookies, "8487")).toBe("you are in none");
  expect(problemIn("__Host-boruta_problem=x", "")).toBe("x");
  expect(problemIn(cookies, "")).toBe("");
  expect(problemIn("boruta_problem=%E0%A4%A", "")).toBe("");
});
