// What /metrics shows: numbers that the server's parts keep anyway, gathered when they are asked for.

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { StoreStatistics } from "../../storage/store.ts";
import type { Sessions } from "../session/sessions.ts";
import type { StreamPhase } from "../stream/stream.ts";
import type { Certificate } from "../transport/certificate.ts";
import type { Listener } from "../transport/listener.ts";
import { VERSION } from "../version.ts";
import type { Counters } from "./counters.ts";
import { byLabel, exposition, type Family, type Sample } from "./exposition.ts";

/** How often the event loop's delay is measured. */
const RESOLUTION_MS = 20;

export type MonitorSources = {
  readonly counters: Counters;
  readonly sessions: Sessions;
  readonly gateway: {
    readonly counts: {
      readonly operations: ReadonlyMap<string, Readonly<Record<string, number>>>;
      readonly events: Readonly<Record<string, number>>;
    };
    readonly http: { readonly consumers: number };
  };
  readonly certificate: { readonly current: Pick<Certificate, "notAfter"> };
  readonly store: { readonly statistics?: StoreStatistics };
  /** By name; undefined: that one is off. */
  listeners(): Readonly<Record<string, Pick<Listener, "accepted" | "refused" | "connections"> | undefined>>;
  countStreams(): Readonly<Record<StreamPhase, number>>;
};

/** One per server. `stop` it. */
export class Monitor {
  readonly #sources: MonitorSources;
  readonly #delay: IntervalHistogram;

  constructor(sources: MonitorSources) {
    this.#sources = sources;
    this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#delay.enable();
  }

  /** In the Prometheus text format. The event loop's delay is that since the last call. */
  text(): string {
    const { counters, sessions, gateway, store, certificate } = this.#sources;
    return exposition([
      gauge("balcony_info", "The version of Balcony and of Node.js.", [
        { labels: { version: VERSION, node: process.version }, value: 1 },
      ]),
      ...this.#connections(),
      gauge("balcony_streams", "Client streams by how far they have come.", this.#byPhase()),
      gauge("balcony_sessions", "Bound resources.", sessions.count),
      gauge("balcony_sessions_detached", "Of these, without a connection at the moment.", countDetached(sessions)),
      counter(
        "balcony_resumptions_total",
        "Sessions without connection, by outcome.",
        entries("outcome", counters.resumptions),
      ),
      counter("balcony_logins_total", "Logins by mechanism and outcome.", logins(counters)),
      counter("balcony_stanzas_received_total", "Stanzas from clients.", entries("kind", counters.received)),
      counter("balcony_stanzas_sent_total", "Stanzas to clients.", entries("kind", counters.sent)),
      counter("balcony_stanza_errors_total", "Refusals told to clients.", entries("condition", counters.stanzaErrors)),
      counter(
        "balcony_stream_errors_total",
        "Streams ended with an error.",
        entries("condition", counters.streamErrors),
      ),
      counter("balcony_offline_messages_total", "Messages for users away.", entries("outcome", counters.offline)),
      ...storeFamilies(store.statistics),
      counter("balcony_gateway_operations_total", "Operations of the foreign side.", operations(gateway)),
      counter("balcony_gateway_events_total", "Events for the foreign side.", entries("type", gateway.counts.events)),
      gauge("balcony_event_streams", "Consumers of events (SSE).", gateway.http.consumers),
      counter("balcony_http_responses_total", "Responses by class of status.", httpResponses(counters)),
      gauge("balcony_certificate_expiry_timestamp_seconds", "When it ends.", certificate.current.notAfter / 1000),
      ...this.#eventLoop(),
      ...processFamilies(),
    ]);
  }

  stop(): void {
    this.#delay.disable();
  }

  #connections(): Family[] {
    const open = Object.entries(this.#sources.listeners()).flatMap(([name, listener]) =>
      listener === undefined ? [] : [[name, listener] as const],
    );
    const of = (pick: "accepted" | "refused" | "connections"): Sample[] =>
      byLabel(
        "listener",
        open.map(([name, listener]) => [name, listener[pick]]),
      );
    return [
      gauge("balcony_connections", "Open connections.", of("connections")),
      counter("balcony_connections_total", "Connections so far.", of("accepted")),
      counter("balcony_connections_refused_total", "Connections closed at once, for a limit.", of("refused")),
    ];
  }

  #byPhase(): Sample[] {
    return entries("state", this.#sources.countStreams());
  }

  #eventLoop(): Family[] {
    const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000) || 0;
    const samples = [
      ["p50", seconds(this.#delay.percentile(50))],
      ["p99", seconds(this.#delay.percentile(99))],
      ["max", seconds(this.#delay.max)],
    ] as const;
    this.#delay.reset();
    return [
      gauge(
        "nodejs_eventloop_lag_seconds",
        "How late the event loop was, since the last scrape.",
        byLabel("of", samples),
      ),
    ];
  }
}

function gauge(name: string, help: string, samples: readonly Sample[] | number): Family {
  return { name, type: "gauge", help, samples: typeof samples === "number" ? [{ value: samples }] : samples };
}

function counter(name: string, help: string, samples: readonly Sample[] | number): Family {
  return { name, type: "counter", help, samples: typeof samples === "number" ? [{ value: samples }] : samples };
}

function entries(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return byLabel(label, Object.entries(counts));
}

function logins({ logins: byMechanism }: Counters): Sample[] {
  return [...byMechanism].flatMap(([mechanism, outcomes]) =>
    [...outcomes].map(([outcome, value]) => ({ labels: { mechanism, outcome }, value })),
  );
}

function operations({ counts }: MonitorSources["gateway"]): Sample[] {
  return [...counts.operations].flatMap(([operation, outcomes]) =>
    Object.entries(outcomes).map(([outcome, value]) => ({ labels: { operation, outcome }, value })),
  );
}

function httpResponses({ httpResponses: byClass }: Counters): Sample[] {
  return byLabel(
    "status",
    [...byClass.entries()].slice(1).map(([digit, count]) => [`${digit}xx`, count] as const),
  );
}

function storeFamilies(statistics: StoreStatistics | undefined): Family[] {
  if (statistics === undefined) return [];
  const { reads, writes, commits, commitSeconds, refused } = statistics;
  return [
    counter(
      "balcony_store_operations_total",
      "Operations of the store.",
      entries("kind", { read: reads, write: writes }),
    ),
    counter("balcony_store_commits_total", "Commits; one takes all writes of a turn of the event loop.", commits),
    counter("balcony_store_commit_seconds_total", "Time spent in commits, while nothing else ran.", commitSeconds),
    counter("balcony_store_refused_total", "Writes that the disk refused.", refused),
  ];
}

function processFamilies(): Family[] {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return [
    gauge("process_resident_memory_bytes", "Resident memory.", rss),
    gauge("nodejs_heap_size_total_bytes", "Heap taken from the system.", heapTotal),
    gauge("nodejs_heap_size_used_bytes", "Heap in use.", heapUsed),
    gauge("nodejs_external_memory_bytes", "Memory outside the heap, buffers included.", external),
    gauge("nodejs_array_buffers_bytes", "Buffers.", arrayBuffers),
    counter("process_cpu_seconds_total", "Processor time.", (user + system) / 1e6),
    gauge("process_start_time_seconds", "When the process began.", Math.round(Date.now() / 1000 - process.uptime())),
  ];
}

function countDetached(sessions: Sessions): number {
  let detached = 0;
  for (const session of sessions.all()) if (session.detached) detached += 1;
  return detached;
}
