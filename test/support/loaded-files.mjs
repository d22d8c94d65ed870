// Loaded into a program's process beside it: writes the files that it loaded, one on a line, to the file that LOADED_FILES
// names, when it ends. Plain JavaScript: Node 20 loads it as it is.

import { writeFileSync } from "node:fs";
import Module, { register } from "node:module";
import { fileURLToPath } from "node:url";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";

const HOOKS = `
let port;
export function initialize(given) {
  port = given;
}
export function load(url, context, next) {
  port.postMessage(url);
  return next(url, context);
}
`;

const { port1, port2 } = new MessageChannel();
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`, { data: port2, transferList: [port2] });
port1.unref();

process.on("exit", () => {
  const files = new Set(Object.keys(Module._cache));
  for (let got = receiveMessageOnPort(port1); got !== undefined; got = receiveMessageOnPort(port1)) {
    if (got.message.startsWith("file:")) files.add(fileURLToPath(got.message));
  }
  writeFileSync(process.env.LOADED_FILES, [...files].join("\n"));
});
