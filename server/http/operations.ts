// For whoever runs the server: is it well, and how much does it do.

import type { FastifyInstance, FastifyRequest } from "fastify";
import { isLoopback } from "../config.ts";
import { EXPOSITION_TYPE } from "../metrics/exposition.ts";
import { plainAddress } from "../transport/listener.ts";
import { httpProblem, problem, sendProblem } from "./problem.ts";

/** What is wrong, one line each; empty: the server does its work. */
export type HealthCheck = () => Promise<readonly string[]>;

export type MetricsOptions = {
  readonly allowed: "loopback" | "everyone";
  /** In the Prometheus text format. */
  text(): string;
};

export function addHealth(app: FastifyInstance, check: HealthCheck): void {
  app.get("/healthz", async (_request, reply) => {
    const wrong = await check();
    if (wrong.length === 0) return { status: "ok" };
    return sendProblem(reply, httpProblem(503, wrong.join("; ")));
  });
}

export function addMetrics(app: FastifyInstance, { allowed, text }: MetricsOptions): void {
  app.get("/metrics", async (request, reply) => {
    if (allowed === "loopback" && !isFromHere(request)) {
      return sendProblem(reply, problem(403, "forbidden", "metrics are for requests from loopback; see http.metrics"));
    }
    return reply.type(EXPOSITION_TYPE).send(text());
  });
}

// A proxy on this machine speaks for others, and says so.
function isFromHere({ ip, headers }: FastifyRequest): boolean {
  const forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].some((name) => headers[name] !== undefined);
  return !forwarded && isLoopback(plainAddress(ip));
}
