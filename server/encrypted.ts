// Where the content of a message is, if it is encrypted from end to end.

import { NS } from "./namespaces.ts";

/** By namespace, the names of such elements; the first says of a message that it is encrypted, whatever the method. */
export const ENCRYPTED: ReadonlyMap<string, readonly string[]> = new Map([
  [NS.encryption, ["encryption"]],
  [NS.omemo, ["encrypted"]],
  [NS.oldOmemo, ["encrypted"]],
  [NS.openpgp, ["openpgp"]],
  [NS.pgp, ["x"]],
  [NS.e2e, ["e2e"]],
]);
