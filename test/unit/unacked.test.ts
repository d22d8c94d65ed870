// XEP-0198 section 4: counters modulo 2^32, and what an acknowledgement covers.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ahead, counterAttribute, type NewEntry, parseCounter, UnackedQueue } from "../../server/session/unacked.ts";

const LIMITS = { maxStanzas: 100, maxBytes: 1_000_000 };

function stanza(text: string): NewEntry {
  return { text, at: 0, delivery: undefined, saved: "never", held: false };
}

function filled(count: number, sent = 0): UnackedQueue {
  const queue = new UnackedQueue(LIMITS, sent);
  for (let n = 1; n <= count; n++) queue.push(stanza(`<message id='${n}'/>`));
  return queue;
}

describe("the unacknowledged queue", () => {
  it("gives back exactly what an h covers, in order", () => {
    const queue = filled(5);
    expect(queue.acknowledge(3)?.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(queue.acknowledge(3)).toEqual([]);
    expect(queue.entries().map(({ sequence }) => sequence)).toEqual([4, 5]);
    expect(queue.acknowledge(5)?.length).toBe(2);
    expect(queue.length).toBe(0);
  });

  it("refuses an h of more than was sent (section 4: handled-count-too-high), and one that went back", () => {
    const queue = filled(5);
    expect(queue.acknowledge(6)).toBeUndefined();
    queue.acknowledge(4);
    expect(queue.acknowledge(3)).toBeUndefined();
    expect(queue.length).toBe(1);
  });

  it("wraps at 2^32", () => {
    const queue = filled(6, 2 ** 32 - 3);
    expect(counterAttribute(queue.sent)).toBe("3");
    expect(queue.acknowledge(1)?.length).toBe(4);
    expect(queue.acknowledge(4)).toBeUndefined();
    expect(queue.acknowledge(3)?.length).toBe(2);
  });

  it("is full beyond its number and beyond its bytes", () => {
    const queue = new UnackedQueue({ maxStanzas: 2, maxBytes: 1_000 });
    queue.push(stanza("a"));
    queue.push(stanza("b"));
    expect(queue.full).toBe(false);
    queue.push(stanza("c"));
    expect(queue.full).toBe(true);
    queue.acknowledge(2);
    expect(queue.full).toBe(false);
    queue.push(stanza("d".repeat(1_000)));
    expect(queue.full).toBe(true);
  });

  it("takes over the entries of another queue, numbered behind what was sent", () => {
    const old = filled(2, 40);
    const queue = new UnackedQueue(LIMITS, 7);
    queue.adopt(old.entries());
    expect(queue.entries().map(({ sequence }) => sequence)).toEqual([8, 9]);
    expect(queue.acknowledge(8)?.length).toBe(1);
  });

  it("behaves as a plain list with counters does, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant("send" as const), fc.integer({ min: 0, max: 60 }))), (steps) => {
        const queue = new UnackedQueue(LIMITS);
        let [sent, acknowledged] = [0, 0];
        for (const step of steps) {
          if (step === "send") {
            queue.push(stanza(""));
            sent += 1;
          } else {
            const legal = step >= acknowledged && step <= sent;
            const covered = queue.acknowledge(step);
            expect(covered?.length).toBe(legal ? step - acknowledged : undefined);
            if (legal) acknowledged = step;
          }
          expect(queue.length).toBe(sent - acknowledged);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("how far a counter is ahead", () => {
  it.each([
    [5, 3, 2],
    [3, 5, -2],
    [1, 2 ** 32 - 1, 2],
    [2 ** 32 - 1, 2 ** 32 + 1, -2],
  ])("%d of %d: %d", (h, of, expected) => {
    expect(ahead(h, of)).toBe(expected);
  });
});

describe("counters on the wire", () => {
  it.each([
    ["0", 0],
    ["4294967295", 2 ** 32 - 1],
    ["4294967296", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%s", (text, expected) => {
    expect(parseCounter(text)).toBe(expected);
  });
});
