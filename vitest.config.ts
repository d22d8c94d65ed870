import { defineConfig } from "vitest/config";
import type { Reporter } from "vitest/node";

/** Names what was skipped: a skipped test must not pass for one that ran. */
const skips: Reporter = {
  onTestRunEnd(modules) {
    for (const module of modules) {
      for (const test of module.children.allTests("skipped")) {
        process.stdout.write(`SKIPPED: ${module.relativeModuleId} > ${test.fullName}\n`);
      }
    }
  },
};

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    unstubEnvs: true,
    reporters: ["default", skips],
  },
});
