// Who a request comes from where a reverse proxy stands before this server: what a trusted one says, and nobody else.

import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { TLSSocket } from "node:tls";
import { plainAddress } from "../transport/listener.ts";

/** Where a request comes from. */
export type RequestOrigin = {
  /** IP address of the client. */
  readonly address: string;
  /** The client's own connection is inside TLS, this server's or a proxy's. */
  readonly secure: boolean;
};

/** Whether a text is an address or a network such as 10.0.0.0/8. */
export function isNetwork(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}

export class TrustedProxies {
  readonly #list = new BlockList();

  /** @param networks addresses and networks, each of which `isNetwork` */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", prefix] = network.split("/");
      const family = isIP(address) === 4 ? "ipv4" : "ipv6";
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  /** @param address an IP address, an IPv4 one in either form */
  has(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#list.check(plain, family === 4 ? "ipv4" : "ipv6");
  }

  /** The client: the nearest address of X-Forwarded-For that is no proxy's. */
  originOf({ socket, headers }: Pick<IncomingMessage, "socket" | "headers">): RequestOrigin {
    const peer = plainAddress(socket.remoteAddress);
    if (!this.has(peer)) return { address: peer, secure: socket instanceof TLSSocket };
    let address = peer;
    for (const hop of entries(headers["x-forwarded-for"]).reverse()) {
      if (isIP(hop) === 0) break;
      address = plainAddress(hop);
      if (!this.has(address)) break;
    }
    const said = entries(headers["x-forwarded-proto"]).at(-1)?.toLowerCase();
    return { address, secure: said === "https" || said === "wss" };
  }
}

function entries(header: string | string[] | undefined): string[] {
  return String(header ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}
