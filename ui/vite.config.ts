import { defineConfig } from "vite";

// The page is served from the farm's root, and nothing of it comes from elsewhere.
export default defineConfig({
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    emptyOutDir: true,
  },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8487", ws: true } } },
});
