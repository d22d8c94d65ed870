// Stream-managed sessions and what their clients have not acknowledged (XEP-0198 version 1.6.3).

import { checkKey } from "../bounds.ts";
import type { SavedSession, SessionChange, SessionStore, UnackedStanza } from "../store.ts";
import type { Run } from "./run.ts";
import { frozenCopy } from "./values.ts";

/** `number` counts the sessions in the order of their first save; `unacked` is by sequence. */
type Entry = { readonly number: number; session: SavedSession; readonly unacked: Map<number, UnackedStanza> };

/** Sessions by id; `erase` removes those of an owner. */
export function memorySessions(run: Run): { readonly store: SessionStore; readonly erase: (owner: string) => void } {
  const entries = new Map<string, Entry>();
  let lastNumber = 0;

  /** Works on copies in `touched` (undefined: removed), because a later change of the same step may throw. */
  function change(touched: Map<string, Entry | undefined>, { id, save, inbound, ...rest }: SessionChange): void {
    if (save !== undefined) checkKey(id, save.id);
    const known = touched.has(id) ? touched.get(id) : copyOf(entries.get(id));
    const saved = save === undefined ? known?.session : frozenCopy(save);
    if (saved === undefined) return;
    if (known === undefined) lastNumber += 1;
    const { number, unacked } = known ?? { number: lastNumber, unacked: new Map<number, UnackedStanza>() };
    const session = inbound === undefined ? saved : frozenCopy({ ...saved, inbound });
    for (const stanza of rest.append ?? []) {
      if (unacked.has(stanza.sequence)) throw new Error(`session ${id} has a stanza ${stanza.sequence} already`);
      unacked.set(stanza.sequence, frozenCopy(stanza));
    }
    for (const sequence of rest.settled ?? []) {
      const stanza = unacked.get(sequence);
      if (stanza !== undefined) unacked.set(sequence, frozenCopy({ ...stanza, delivery: "" }));
    }
    for (const sequence of [...unacked.keys()]) {
      if (rest.ackedUpTo !== undefined && sequence <= rest.ackedUpTo) unacked.delete(sequence);
    }
    touched.set(id, rest.remove ? undefined : { number, session, unacked });
  }

  const store: SessionStore = {
    apply: (changes) =>
      run(() => {
        const touched = new Map<string, Entry | undefined>();
        for (const one of changes) change(touched, one);
        for (const [id, entry] of touched) {
          if (entry === undefined) entries.delete(id);
          else entries.set(id, entry);
        }
      }),
    loadAll: () =>
      run(() =>
        [...entries.values()]
          .sort((a, b) => a.number - b.number)
          .map(({ session, unacked }) => ({
            session,
            unacked: [...unacked.values()].sort((a, b) => a.sequence - b.sequence),
          })),
      ),
  };
  function erase(owner: string): void {
    for (const [id, { session }] of [...entries]) if (session.owner === owner) entries.delete(id);
  }
  return { store, erase };
}

function copyOf(entry: Entry | undefined): Entry | undefined {
  return entry && { ...entry, unacked: new Map(entry.unacked) };
}
