// Relations between presentities and XMPP users: authorisation, watch and CPP subscription.

import type { Database } from "better-sqlite3";
import { checkKey } from "../bounds.ts";
import type { CppSubscription, GatewayEvent, GatewayStore, NewGatewayEvent, Relation, Watch } from "../store.ts";
import type { Turn } from "./turn.ts";

type Row = {
  readonly presentity: string;
  readonly user: string;
  readonly state: Relation["state"];
  readonly approved: number;
  readonly watchTransId: string;
  readonly watchSubscriptId: string;
  readonly watchSince: number | null;
  readonly subscriptionState: CppSubscription["state"];
  readonly subscriptId: string;
  readonly transId: string;
  readonly since: number | null;
  readonly until: number | null;
  readonly durationSeconds: number | null;
  readonly lastDigest: string;
  readonly lastOpen: number;
};
type Relations = Pick<
  GatewayStore,
  | "getRelation"
  | "updateRelation"
  | "listRelations"
  | "listRelationsOfUser"
  | "expiredSubscriptions"
  | "openSubscriptions"
>;

const SELECT = `SELECT presentity, user, state, approved, watch_trans_id AS watchTransId,
  watch_subscript_id AS watchSubscriptId, watch_since AS watchSince, subscription_state AS subscriptionState,
  subscription_subscript_id AS subscriptId, subscription_trans_id AS transId, subscription_since AS since,
  subscription_until AS until, subscription_duration AS durationSeconds,
  subscription_digest AS lastDigest, subscription_open AS lastOpen FROM relation`;

/** @param append adds an event to the log; runs inside the operation */
export function sqliteRelations(db: Database, turn: Turn, append: (event: NewGatewayEvent) => GatewayEvent): Relations {
  const select = db.prepare<[string, string], Row>(`${SELECT} WHERE presentity = ? AND user = ?`);
  const ofPresentity = db.prepare<[string], Row>(`${SELECT} WHERE presentity = ? ORDER BY user`);
  const ofUser = db.prepare<[string], Row>(`${SELECT} WHERE user = ? ORDER BY presentity`);
  const expired = db.prepare<[number], Row>(
    `${SELECT} WHERE subscription_until <= ? ORDER BY subscription_until, presentity, user`,
  );
  const next = db
    .prepare<[number], number | null>("SELECT min(subscription_until) FROM relation WHERE subscription_until > ?")
    .pluck();
  const open = db.prepare<[], Row>(`${SELECT} WHERE subscription_open = 1 ORDER BY presentity, user`);
  const put = db.prepare<Columns>(
    "INSERT OR REPLACE INTO relation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const putDigest = db.prepare<[string, string, string]>(
    "UPDATE relation SET subscription_digest = ? WHERE presentity = ? AND user = ?",
  );
  const remove = db.prepare<[string, string]>("DELETE FROM relation WHERE presentity = ? AND user = ?");

  function read(presentity: string, user: string): Relation | undefined {
    const row = select.get(presentity, user);
    return row && toRelation(row);
  }

  return {
    getRelation: (presentity, user) => turn.read(() => read(presentity, user)),
    updateRelation: (presentity, user, change) =>
      turn.write(() => {
        const before = read(presentity, user);
        const { next: after, events = [] } = change(before);
        if (after === undefined) {
          if (before !== undefined) remove.run(presentity, user);
        } else if (after !== before) {
          checkKey(presentity, after.presentity);
          checkKey(user, after.user);
          const digest = before && changedDigest(before, after);
          if (digest === undefined) put.run(...toColumns(after));
          else putDigest.run(digest, presentity, user);
        }
        return { before, after, events: events.map(append) };
      }),
    listRelations: (presentity) => turn.read(() => ofPresentity.all(presentity).map(toRelation)),
    listRelationsOfUser: (user) => turn.read(() => ofUser.all(user).map(toRelation)),
    openSubscriptions: () => turn.read(() => open.all().map(toRelation)),
    expiredSubscriptions: (now) =>
      turn.read(() => ({ relations: expired.all(now).map(toRelation), next: next.get(now) ?? null })),
  };
}

/**
 * The new digest where that is all that changed: a notify, which is most of what relations are written for. It is in no index,
 * so that one record is written and not five.
 */
function changedDigest(before: Relation, after: Relation): string | undefined {
  const [was, is] = [before.subscription, after.subscription];
  if (was === null || is === null) return undefined;
  if (before.state !== after.state || before.approved !== after.approved || before.watch !== after.watch) {
    return undefined;
  }
  const names = Object.keys(was) as (keyof CppSubscription)[];
  return names.every((name) => name === "lastDigest" || was[name] === is[name]) ? is.lastDigest : undefined;
}

type Columns = (string | number | null)[];

function toColumns({ presentity, user, state, approved, watch, subscription }: Relation): Columns {
  return [
    ...[presentity, user, state, approved ? 1 : 0],
    ...[watch?.transId ?? null, watch?.subscriptId ?? null, watch?.since ?? null],
    ...[subscription?.state ?? null, subscription?.subscriptId ?? null, subscription?.transId ?? null],
    ...[subscription?.since ?? null, subscription?.until ?? null, subscription?.durationSeconds ?? null],
    ...[subscription?.lastDigest ?? "", subscription?.lastOpen ? 1 : 0],
  ];
}

function toRelation(row: Row): Relation {
  const { presentity, user, state, approved, watchSince, since } = row;
  const watch: Watch | null =
    watchSince === null ? null : { transId: row.watchTransId, subscriptId: row.watchSubscriptId, since: watchSince };
  const subscription: CppSubscription | null =
    since === null
      ? null
      : {
          state: row.subscriptionState,
          subscriptId: row.subscriptId,
          transId: row.transId,
          since,
          until: row.until,
          durationSeconds: row.durationSeconds,
          lastDigest: row.lastDigest,
          lastOpen: row.lastOpen === 1,
        };
  return { presentity, user, state, approved: approved === 1, watch, subscription };
}
