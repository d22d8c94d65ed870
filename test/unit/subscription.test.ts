// RFC 6121 appendix A: all 72 rows, copied from its tables 2 to 9, and pre-approval (section 3.4).

import { describe, expect, it } from "vitest";
import { type Direction, type SubscriptionState, transition } from "../../server/roster/subscription.ts";
import type { SubscriptionType } from "../../server/stanza.ts";

const RFC_NAMES: Record<string, SubscriptionState> = {
  None: "none",
  "None + Pending Out": "none+out",
  "None + Pending In": "none+in",
  "None + Pending Out+In": "none+out+in",
  To: "to",
  "To + Pending In": "to+in",
  From: "from",
  "From + Pending Out": "from+out",
  Both: "both",
};

// Each line: existing state | MUST, M.N. (must not) or S.N. (should not) | new state, "-" for "no state change".
const TABLES: { section: string; direction: Direction; type: SubscriptionType; rows: string }[] = [
  {
    section: "A.2.1",
    direction: "outbound",
    type: "subscribe",
    rows: `None | MUST | None + Pending Out
      None + Pending Out | MUST | -
      None + Pending In | MUST | None + Pending Out+In
      None + Pending Out+In | MUST | -
      To | MUST | -
      To + Pending In | MUST | -
      From | MUST | From + Pending Out
      From + Pending Out | MUST | -
      Both | MUST | -`,
  },
  {
    section: "A.2.2",
    direction: "outbound",
    type: "unsubscribe",
    rows: `None | MUST | -
      None + Pending Out | MUST | None
      None + Pending In | MUST | -
      None + Pending Out+In | MUST | None + Pending In
      To | MUST | None
      To + Pending In | MUST | None + Pending In
      From | MUST | -
      From + Pending Out | MUST | From
      Both | MUST | From`,
  },
  {
    section: "A.2.3",
    direction: "outbound",
    type: "subscribed",
    rows: `None | M.N. | pre-approval
      None + Pending Out | M.N. | pre-approval
      None + Pending In | MUST | From
      None + Pending Out+In | MUST | From + Pending Out
      To | M.N. | pre-approval
      To + Pending In | MUST | Both
      From | M.N. | -
      From + Pending Out | M.N. | -
      Both | M.N. | -`,
  },
  {
    section: "A.2.4",
    direction: "outbound",
    type: "unsubscribed",
    rows: `None | S.N. | -
      None + Pending Out | S.N. | -
      None + Pending In | MUST | None
      None + Pending Out+In | MUST | None + Pending Out
      To | S.N. | -
      To + Pending In | MUST | To
      From | MUST | None
      From + Pending Out | MUST | None + Pending Out
      Both | MUST | To`,
  },
  {
    section: "A.3.1",
    direction: "inbound",
    type: "subscribe",
    rows: `None | MUST | None + Pending In
      None + Pending Out | MUST | None + Pending Out+In
      None + Pending In | S.N. | -
      None + Pending Out+In | S.N. | -
      To | MUST | To + Pending In
      To + Pending In | S.N. | -
      From | S.N. [2] | -
      From + Pending Out | S.N. [2] | -
      Both | S.N. [2] | -`,
  },
  {
    section: "A.3.2",
    direction: "inbound",
    type: "unsubscribe",
    rows: `None | S.N. | -
      None + Pending Out | S.N. | -
      None + Pending In | MUST [1] | None
      None + Pending Out+In | MUST [1] | None + Pending Out
      To | S.N. | -
      To + Pending In | MUST [1] | To
      From | MUST [1] | None
      From + Pending Out | MUST [1] | None + Pending Out
      Both | MUST [1] | To`,
  },
  {
    section: "A.3.3",
    direction: "inbound",
    type: "subscribed",
    rows: `None | S.N. | -
      None + Pending Out | MUST | To
      None + Pending In | S.N. | -
      None + Pending Out+In | MUST | To + Pending In
      To | S.N. | -
      To + Pending In | S.N. | -
      From | S.N. | -
      From + Pending Out | MUST | Both
      Both | S.N. | -`,
  },
  {
    section: "A.3.4",
    direction: "inbound",
    type: "unsubscribed",
    rows: `None | S.N. | -
      None + Pending Out | MUST | None
      None + Pending In | S.N. | -
      None + Pending Out+In | MUST | None + Pending In
      To | MUST | None
      To + Pending In | MUST | None + Pending In
      From | S.N. | -
      From + Pending Out | MUST | From
      Both | MUST | From`,
  },
];

describe.each(TABLES)("RFC 6121 $section: $direction $type [S-6.0b]", ({ direction, type, rows }) => {
  it.each(rows.split("\n").map((row) => row.split("|").map((cell) => cell.trim()) as [string, string, string]))(
    "%s | %s | %s",
    (existing, must, next) => {
      const state = RFC_NAMES[existing] as SubscriptionState;
      const after = transition({ state, approved: false }, { direction, type });
      const passed = direction === "outbound" ? after.route : after.deliver;
      expect(passed).toBe(must.startsWith("MUST"));
      expect(after.state).toBe(next === "-" || next === "pre-approval" ? state : RFC_NAMES[next]);
      expect(after.approved).toBe(next === "pre-approval");
      if (must === "S.N. [2]") expect(after.reply).toBe("subscribed");
      else if (must === "MUST [1]") expect(after.reply).toBe("unsubscribed");
      else expect(after.reply).toBeUndefined();
    },
  );
});

describe("RFC 6121 section 3.4: pre-approval", () => {
  it.each([
    ["none", "from"],
    ["none+out", "from+out"],
    ["to", "both"],
  ] as const)("an approved contact in state %s that asks is answered at once and becomes %s", (state, granted) => {
    const after = transition({ state, approved: true }, { direction: "inbound", type: "subscribe" });
    expect(after).toEqual({
      state: granted,
      approved: true,
      route: false,
      deliver: false,
      reply: "subscribed",
      push: true,
      presence: "current",
    });
  });

  it("outbound unsubscribed cancels it, pushes the item and routes nothing (section 3.2.2)", () => {
    const after = transition({ state: "none", approved: true }, { direction: "outbound", type: "unsubscribed" });
    expect(after).toMatchObject({ state: "none", approved: false, route: false, push: true });
  });

  it("a normal approval sets no flag (section 3.4.2, rule 2)", () => {
    const after = transition({ state: "none+in", approved: false }, { direction: "outbound", type: "subscribed" });
    expect(after).toMatchObject({ state: "from", approved: false, route: true });
  });
});

describe("presence that follows a change", () => {
  it.each([
    ["none+in", "outbound", "subscribed", "current"], // section 3.1.5
    ["to+in", "outbound", "subscribed", "current"],
    ["from", "outbound", "unsubscribed", "unavailable"], // section 3.2.2
    ["both", "outbound", "unsubscribed", "unavailable"],
    ["both", "inbound", "unsubscribe", "unavailable"], // section 3.3.3
    ["none+in", "outbound", "unsubscribed", undefined],
    ["none", "outbound", "unsubscribed", undefined],
    ["to", "outbound", "unsubscribe", undefined],
    ["none+out", "inbound", "subscribed", undefined],
  ] as const)("%s, %s %s: %s", (state, direction, type, presence) => {
    expect(transition({ state, approved: false }, { direction, type }).presence).toBe(presence);
  });
});
