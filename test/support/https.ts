// Requests over https to a server with a certificate that nobody signed.

import type { IncomingHttpHeaders } from "node:http";
import { type RequestOptions, request } from "node:https";

export type HttpsAnswer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string };

export function httpsGet(url: string, options: RequestOptions = {}, body?: string | Buffer): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { rejectUnauthorized: false, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString("latin1"),
        }),
      );
    });
    asked.on("error", reject);
    asked.end(body);
  });
}
