import { defineConfig } from "vite";

import { contentSecurityPolicy } from "./policy.ts";

export default defineConfig({
  base: "./",
  plugins: [contentSecurityPolicy()],
  build: {
    outDir: process.env["PLAYGROUND_OUT"] ?? "../src/boldface/server/playground",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the policy allows no data: addresses
    modulePreload: { polyfill: false },
    license: { fileName: "assets/licenses.md" },
  },
  server: { proxy: { "/v1": process.env["BOLDFACE_URL"] ?? "http://127.0.0.1:8000" } },
});
