// The address at which clients reach the HTTP listener: what goes into the answers that name it.

import type { Config } from "../config.ts";

export const WEBSOCKET_PATH = "/xmpp-websocket";

type Parts = Pick<Config, "domain" | "http">;

/** Whether clients can reach it over https, as XEP-0156 and XEP-0363 ask. */
export function hasPublicUrl({ http }: Parts): boolean {
  return http.port !== null && (http.tls || http.publicUrl !== null);
}

/**
 * Without a slash at its end. Undefined: there is no https.
 * @param port the listener's own, once it is open
 */
export function publicUrl({ domain, http }: Parts, port: number): string | undefined {
  if (http.publicUrl !== null) return http.publicUrl.replace(/\/+$/, "");
  if (!http.tls) return undefined;
  const host = domain.includes(":") && !domain.startsWith("[") ? `[${domain}]` : domain;
  return port === 443 ? `https://${host}` : `https://${host}:${port}`;
}
