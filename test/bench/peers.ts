// Who is measured beside Balcony: how the rig calls them, and what has to be installed.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { PEERS, type Peer } from "./rows.ts";

export type PeerKind = {
  readonly title: string;
  /** For the rig's --server. */
  readonly server: string;
  /** In the rig's results. */
  readonly name: string;
  readonly program: string;
  readonly packages: string;
};

const PROSODY = { program: "prosody", packages: "prosody lua-event lua-dbi-sqlite3" };

export const PEER_KINDS: Readonly<Record<Peer, PeerKind>> = {
  prosody: {
    title: "Prosody",
    server: "prosody:internal:epoll",
    name: "prosody-internal-epoll",
    ...PROSODY,
  },
  "prosody-generational": {
    title: "Prosody gen",
    server: "prosody:internal:epoll:generational",
    name: "prosody-internal-epoll-generational",
    ...PROSODY,
  },
  ejabberd: {
    title: "ejabberd",
    server: "ejabberd",
    name: "ejabberd-mnesia",
    program: "ejabberdctl",
    packages: "ejabberd erlang-p1-sqlite3",
  },
  jabberd2: {
    title: "jabberd2",
    server: "jabberd2",
    name: "jabberd2",
    program: "jabberd2-c2s",
    packages: "jabberd2",
  },
};

/** Messages and presence: jabberd2 logs in with PLAIN alone, and as it ships there is no more to compare. */
export const JABBERD2_WORKLOADS: readonly string[] = ["b", "c"];

export function isPeer(name: string): name is Peer {
  return (PEERS as readonly string[]).includes(name);
}

/** Whether a program is in PATH, or where Debian keeps servers. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
