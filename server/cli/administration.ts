// The subcommands that start no server, loaded together: they share most of what they need, and each border between them and
// `serve` would be one more file to read when it starts.

export { defineAudit } from "./audit.ts";
export { defineBackup } from "./backup.ts";
export { defineConfig } from "./config.ts";
export { defineDoctor } from "./doctor.ts";
export { defineExport } from "./export.ts";
export { defineImport } from "./import.ts";
export { definePresentity } from "./presentity.ts";
export { defineRestore } from "./restore.ts";
export { defineToken } from "./token.ts";
export { defineUser } from "./user.ts";
