// The version of this package, as --version and XEP-0092 say it.

import { readFileSync } from "node:fs";

// One folder up from the sources, two from dist/server.
function readVersion(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string }).version;
    } catch {
      // the other place
    }
  }
  return "0.0.0";
}

export const VERSION = readVersion();
