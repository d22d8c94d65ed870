// Work that must not overlap: the server's, for the gateway.

export { Turns } from "../server/turns.ts";
