import { defineConfig } from "vitest/config";

// A zone that is none of UTC's, so that a time left in UTC is seen.
export default defineConfig({
  test: { include: ["test/**/*.test.ts"], environment: "node", env: { TZ: "Europe/Warsaw" } },
});
