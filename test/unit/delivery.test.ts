// RFC 6121 section 8.5.4, table 1, row by row; and its column for errors, from sections 8.5.2 and 8.5.3.

import { describe, expect, it } from "vitest";
import { deliverMessage, type Recipient } from "../../server/router/delivery.ts";
import type { MessageType } from "../../server/stanza.ts";

type Named = Recipient & { readonly name: string };

function resource(name: string, priority: number, available = true): Named {
  return { name, available, priority };
}

const HIGH = resource("high", 5);
const LOW = resource("low", 0);
const NEGATIVE = resource("negative", -1);
const CONNECTED = resource("connected", 0, false);

const TYPES: readonly MessageType[] = ["normal", "chat", "groupchat", "headline", "error"];

// The cells of the table: O offline, E error, S ignored, D delivered, M to the most available, A to all of non-negative
// priority. What a full JID matches is delivered before this function is asked. An account that does not exist is asked of
// as one without resources: "store" then ends in S, as table 1 allows for "bare" and for chat to "full".
const TABLE: [condition: string, resources: readonly Named[], to: "bare" | "full", cells: string][] = [
  ["account does not exist", [], "bare", "S/E S/E E S S"],
  ["account does not exist", [], "full", "S/E S/E S/E S/E S"],
  ["no active resources", [], "bare", "O/E O/E E S S"],
  ["no active resources", [], "full", "S/E O/E S/E S/E S"],
  ["only connected resources", [CONNECTED], "bare", "O/E O/E E S S"],
  ["only connected resources", [CONNECTED], "full", "S/E O/E S/E S/E S"],
  ["1+ negative resources", [NEGATIVE], "bare", "O/E O/E E S S"],
  ["1+ negative resources", [NEGATIVE, CONNECTED], "full", "S/E O/E S/E S/E S"],
  ["1 non-negative resource", [LOW, NEGATIVE, CONNECTED], "bare", "D D E D S"],
  ["1 non-negative resource", [LOW, NEGATIVE], "full", "S/E D S/E S/E S"],
  ["1+ non-negative resources", [LOW, NEGATIVE, HIGH, CONNECTED], "bare", "M/A M/A E A S"],
  ["1+ non-negative resources", [HIGH, LOW, NEGATIVE], "full", "S/E M/A S/E S/E S"],
];

function letter(type: MessageType, resources: readonly Named[], full: boolean): string {
  const delivery = deliverMessage(type, resources, { full });
  switch (delivery.kind) {
    case "store":
      return "O";
    case "refuse":
      return "E";
    case "ignore":
      return "S";
    case "deliver": {
      const reached = delivery.to.map(({ name }) => name).sort();
      const nonNegative = resources.filter(({ available, priority }) => available && priority >= 0);
      expect(new Set(reached).size).toBe(reached.length);
      for (const name of reached) expect(nonNegative.map((each) => each.name)).toContain(name);
      if (reached.length === nonNegative.length) return nonNegative.length === 1 ? "D" : "A";
      return "M";
    }
  }
}

describe("RFC 6121 table 1", () => {
  for (const [condition, resources, to, cells] of TABLE) {
    it.each(cells.split(" ").map((cell, index) => [TYPES[index] as MessageType, cell] as const))(
      `${condition}, ${to}: %s is %s`,
      (type, cell) => {
        const got = letter(type, resources, to === "full");
        // Whether there is such an account is asked when the message is to be stored, and then it is ignored.
        const outcome = condition === "account does not exist" && got === "O" ? "S" : got;
        expect(cell.split("/")).toContain(outcome);
      },
    );
  }
});

describe("RFC 6121 section 8.5.2.1.1: for any type, never to a resource of negative priority", () => {
  it.each(TYPES)("%s", (type) => {
    for (const full of [false, true]) {
      for (const resources of [[NEGATIVE], [NEGATIVE, LOW], [CONNECTED, NEGATIVE, HIGH, LOW]]) {
        const delivery = deliverMessage(type, resources, { full });
        if (delivery.kind !== "deliver") continue;
        expect(delivery.to).not.toContain(NEGATIVE);
        expect(delivery.to).not.toContain(CONNECTED);
      }
    }
  });
});

describe("Balcony's choice among what section 8.5.2.1.1 allows", () => {
  it.each(["normal", "chat", "headline"] as const)(
    "%s to a bare JID goes to every resource of non-negative priority",
    (type) => {
      const delivery = deliverMessage(type, new Set([LOW, NEGATIVE, HIGH]), { full: false });
      expect(delivery).toEqual({ kind: "deliver", to: [LOW, HIGH] });
    },
  );
});
