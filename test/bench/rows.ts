// The rows of the table: which step of the rig each is, what is read from its result, and what it is to reach.

/** What the rig says of one repetition of a step; only what is read here. */
export type Outcome = {
  readonly cpu_us_per_op?: number;
  readonly flush_cpu_us_per_msg?: number;
  readonly first_login_ms?: number;
  readonly rss_idle_kb?: number;
  readonly srv_cpu_pct?: number;
  readonly lost?: number;
  readonly bad?: number;
  readonly fail?: number;
  readonly errors?: number;
  readonly steps?: readonly { readonly sessions: number; readonly kb_per_session: number }[];
};

export const PEERS = ["prosody", "prosody-generational", "ejabberd", "jabberd2"] as const;
export type Peer = (typeof PEERS)[number];

export type Row = {
  /** The rig's letter. */
  readonly workload: string;
  /** The rig's label of the step. */
  readonly step: string;
  readonly name: string;
  readonly unit: string;
  read(outcome: Outcome): number | undefined;
  /** Whom it is compared with: the best of them counts. Left out: everybody. */
  readonly against?: readonly Peer[];
  /** The ratio that it must not exceed. */
  readonly target?: number;
  /** The load is as much as the server takes: it should have all of its core. */
  readonly saturates?: boolean;
  /** How many times the least Node server it may cost. */
  readonly timesLeast?: number;
};

const MICROSECONDS = "CPU us";
const cpu = (outcome: Outcome): number | undefined => outcome.cpu_us_per_op;

function perSession(sessions: number): (outcome: Outcome) => number | undefined {
  return ({ steps = [] }) => steps.find((step) => step.sessions === sessions)?.kb_per_session;
}

type Short = Partial<Row> & Pick<Row, "name" | "step">;

const costs = (workload: string, rows: readonly Short[]): Row[] =>
  rows.map((row) => ({ workload, unit: MICROSECONDS, read: cpu, ...row }));

const idle = (tls: "none" | "starttls", name: string): Row[] =>
  [1_000, 5_000, 10_000].map((sessions) => ({
    workload: "d",
    step: `idle sessions ${tls}`,
    name: `memory per idle session at ${sessions.toLocaleString("en")}, ${name}`,
    unit: "kB",
    read: perSession(sessions),
    against: ["prosody"],
    ...(tls === "starttls" && sessions === 10_000 ? { target: 0.95 } : {}),
  }));

const FIRST_LOGIN = {
  workload: "g",
  step: "cold start",
  unit: "ms",
  read: ({ first_login_ms }: Outcome) => first_login_ms,
};

/** In the order of the printed table. Targets: docs/performance.md. */
export const ROWS: readonly Row[] = [
  ...costs("b", [
    { step: "msg plain 100 pairs", name: "1:1 message, plain", target: 0.4, timesLeast: 2, saturates: true },
    { step: "msg STARTTLS 100 pairs", name: "1:1 message, TLS", target: 0.45, timesLeast: 2, saturates: true },
    {
      step: "msg STARTTLS carbons+SM+receipts",
      name: "1:1 with carbons, stream management, receipts, per stanza",
      against: ["prosody", "prosody-generational", "ejabberd"], // jabberd2 has neither carbons nor stream management
      target: 0.4,
      timesLeast: 2,
      saturates: true,
    },
    { step: "msg STARTTLS latency @50% of own max", name: "1:1 message, TLS, at half of its own maximum" },
    { step: "msg STARTTLS latency @1000/s", name: "1:1 message, TLS, 1000 a second" },
  ]),
  ...costs("e", [
    { step: "msg plain + MAM (archived twice)", name: "1:1 message, archived for both", target: 0.35, saturates: true },
    { step: "offline store 10 senders -> 500 users", name: "offline message, stored", target: 0.25 },
    {
      step: "offline store 10 senders -> 500 users",
      name: "offline message, flushed",
      read: ({ flush_cpu_us_per_msg }) => flush_cpu_us_per_msg,
    },
    { step: "MAM read last page of 50", name: "archive page of 50, per result", target: 0.5 },
  ]),
  ...costs("c", [
    { step: "presence R=50 plain", name: "presence to a roster of 50", target: 0.2 },
    { step: "presence R=200 plain", name: "presence to a roster of 200", target: 0.2 },
    {
      step: "presence R=50 plain, one toggle at a time",
      name: "presence to a roster of 50, one toggle at a time",
      target: 0.35,
    },
    { step: "presence R=50 STARTTLS", name: "presence to a roster of 50, TLS" },
  ]),
  ...costs("a", [
    { step: "login SCRAM-SHA-1 plain x20", name: "login, SCRAM, 20 at once, no TLS", target: 0.6 },
    { step: "login SCRAM-SHA-1 STARTTLS/ecdsa x20", name: "login, SCRAM, 20 at once, STARTTLS", target: 0.75 },
    { step: "login SCRAM-SHA-1 STARTTLS/ecdsa seq", name: "login, SCRAM, one by one, STARTTLS" },
    { step: "login PLAIN STARTTLS/ecdsa x20", name: "login, PLAIN, 20 at once, STARTTLS" },
    { step: "login SCRAM-SHA-1 directTLS/ecdsa x20", name: "login, SCRAM, 20 at once, direct TLS" },
  ]),
  ...costs("a_rsa", [{ step: "login SCRAM-SHA-1 STARTTLS/rsa x20", name: "login, SCRAM, 20 at once, RSA-2048" }]),
  ...costs("f", [{ step: "subscribe both ways", name: "subscription handshake, both ways, persisted", target: 0.25 }]),
  ...idle("none", "plain"),
  ...idle("starttls", "TLS"),
  {
    ...FIRST_LOGIN,
    name: "cold start to first login, beside Prosody",
    against: ["prosody", "prosody-generational"],
    target: 3,
  },
  { ...FIRST_LOGIN, name: "cold start to first login, beside ejabberd", against: ["ejabberd"], target: 0.1 },
  {
    workload: "g",
    step: "cold start",
    name: "memory, idle after the first login",
    unit: "kB",
    read: ({ rss_idle_kb }) => rss_idle_kb,
  },
];

/** The rig's letters, without those that need other tools. */
export const WORKLOADS = ["b", "e", "c", "a", "f", "d", "g"] as const;
