// Loaded into a program, beside it as it is: ends it by SIGKILL right before its step number DIE_AT. A step is whatever
// changes something on the disk: a call of the file system, of SQLite, a part of SQLite's backup. Without DIE_AT the names of
// all steps are written to the file STEPS_FILE when the program ends. Plain JavaScript: Node 20 loads it as it is.

import fs from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";

const dieAt = Number(process.env.DIE_AT ?? 0);
const steps = [];

function step(name) {
  steps.push(name);
  if (steps.length === dieAt) process.kill(process.pid, "SIGKILL");
}

const { writeFileSync } = fs;
const CHANGES = ["mkdirSync", "renameSync", "linkSync", "rmSync", "writeSync", "fsyncSync", "chmodSync"];
for (const name of CHANGES) {
  const original = fs[name];
  fs[name] = (...args) => {
    step(`${name} ${args.filter((arg) => typeof arg === "string").join(" ")}`);
    return original(...args);
  };
}
const { openSync } = fs;
fs.openSync = (path, flags, ...more) => {
  if (flags !== "r") step(`openSync ${path} ${flags}`);
  return openSync(path, flags, ...more);
};
syncBuiltinESMExports();

const Database = createRequire(process.argv[1])("better-sqlite3");
for (const name of ["exec", "pragma", "close"]) {
  const original = Database.prototype[name];
  Database.prototype[name] = function (...args) {
    step(`${name} ${this.name} ${args[0] ?? ""}`);
    return original.apply(this, args);
  };
}
const { backup } = Database.prototype;
Database.prototype.backup = function (target, options) {
  const progress = (done) => {
    step(`a part of ${target}`);
    options.progress(done);
    return 10; // pages: many parts of a small database
  };
  return backup.call(this, target, { ...options, progress });
};

process.on("exit", () => {
  if (process.env.STEPS_FILE !== undefined) writeFileSync(process.env.STEPS_FILE, JSON.stringify(steps));
});
