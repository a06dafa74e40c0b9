import { defineConfig } from "vitest/config";

/** The tests share nothing that they change, so they may share a process. */
export default defineConfig({ test: { include: ["test/**/*.test.ts"], isolate: false, maxWorkers: 1 } });
