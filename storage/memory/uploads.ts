// Uploads (XEP-0363): slots and files, counted for each owner.

import { rows } from "../bounds.ts";
import type { EpochMs, Upload, UploadQuota, UploadStore } from "../store.ts";
import type { Run } from "./run.ts";

/** In the order in which they were reserved; `erase` lets all of one owner expire. */
export function memoryUploads(run: Run): { readonly store: UploadStore; readonly erase: (owner: string) => void } {
  const uploads = new Map<string, Upload>();
  const change = (upload: Upload, changes: Partial<Upload>): void => {
    uploads.set(upload.id, Object.freeze({ ...upload, ...changes }));
  };
  const living = ({ owner, bucket }: Upload, now: EpochMs): Upload[] =>
    [...uploads.values()].filter(
      (upload) => upload.owner === owner && upload.bucket === bucket && (upload.until === null || upload.until > now),
    );

  // What would have to go; undefined: that is not enough, or not allowed.
  function inTheWay(slot: Upload, all: readonly Upload[], quota: UploadQuota): Upload[] | undefined {
    let bytes = all.reduce((sum, { size }) => sum + size, 0);
    let files = all.length;
    const fits = (): boolean => bytes + slot.size <= quota.bytes && files < quota.files;
    const going: Upload[] = [];
    if (fits()) return going;
    if (!quota.oldestGo) return undefined;
    for (const old of all.filter(({ complete }) => complete)) {
      going.push(old);
      bytes -= old.size;
      files -= 1;
      if (fits()) return going;
    }
    return undefined;
  }

  const store: UploadStore = {
    reserve: (slot, now, quota) =>
      run(() => {
        if (uploads.has(slot.id)) throw new Error(`there is an upload ${slot.id} already`);
        const all = living(slot, now);
        const going = inTheWay(slot, all, quota);
        if (going === undefined) {
          const ends = all.flatMap(({ until }) => until ?? []);
          return { next: ends.length === 0 ? null : Math.min(...ends) };
        }
        for (const old of going) change(old, { until: 0 });
        uploads.set(slot.id, Object.freeze({ ...slot }));
        return undefined;
      }),
    get: (id) => run(() => uploads.get(id)),
    begin: (id, now, until) =>
      run(() => {
        const slot = uploads.get(id);
        if (slot === undefined || slot.complete || (slot.until !== null && slot.until <= now)) return false;
        change(slot, { until });
        return true;
      }),
    complete: (id, type) =>
      run(() => {
        const slot = uploads.get(id);
        if (slot === undefined || slot.complete || slot.owner === "") return false;
        change(slot, { complete: true, type, until: slot.keepUntil });
        return true;
      }),
    expired: (now, limit) =>
      run(() =>
        [...uploads.values()]
          .filter(({ until }) => until !== null && until <= now)
          .sort((a, b) => (a.until ?? 0) - (b.until ?? 0))
          .slice(0, rows(limit))
          .map(({ id }) => id),
      ),
    remove: (ids) =>
      run(() => {
        for (const id of ids) uploads.delete(id);
      }),
  };
  return {
    store,
    erase(owner) {
      for (const upload of [...uploads.values()]) {
        if (upload.owner === owner) change(upload, { owner: "", until: 0, keepUntil: 0 });
      }
    },
  };
}
