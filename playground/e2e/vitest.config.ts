import { defineConfig } from "vitest/config";

/** One browser and one server: files run one after the other. */
export default defineConfig({
  test: { include: ["e2e/**/*.test.ts"], fileParallelism: false, testTimeout: 240_000, hookTimeout: 60_000 },
});
