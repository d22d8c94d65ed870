// Operations as log records: what stands in their JSON (docs/http-binding.md, Events).

import { describe, expect, it } from "vitest";
import { EventWriter, eventOf } from "../../gateway/bindings/http/event-data.ts";
import type { OutboundOperation } from "../../gateway/operations.ts";
import { Jid } from "../../server/jid.ts";

const juliet = Jid.fromTrusted("juliet@example.com");

function notify(watcher: string, object: string): OutboundOperation {
  const subscription = "s1";
  return { kind: "notify", transId: 't"1', target: juliet, watcher: Jid.fromTrusted(watcher), object, subscription };
}

describe("notify events of one document for several watchers", () => {
  const { write } = new EventWriter();
  const record = (operation: OutboundOperation) => eventOf(operation, 7, () => "rfc3922", write);
  const read = (watcher: string, object: string): unknown => JSON.parse(record(notify(watcher, object)).data);

  it("have the whole document each, whatever the one before had", () => {
    const documents = ['<a note="\n">', '<a note="\n">', "<b>\u2028</b>", "", "<b>\u2028</b>"];
    const watchers = [
      "romeo@example.net",
      "paris@example.net",
      "romeo@example.net",
      "tybalt@example.net",
      "p@example.net",
    ];
    for (const [n, object] of documents.entries()) {
      const watcher = watchers[n] as string;
      expect(read(watcher, object)).toEqual({
        transId: 't"1',
        target: "pres:juliet@example.com",
        watcher: `pres:${watcher}`,
        contentType: "application/pidf+xml",
        object,
        subscription: "s1",
      });
    }
  });

  it("are filed under the presentity", () => {
    expect(record(notify("romeo@example.net", ""))).toMatchObject({
      presentity: "romeo@example.net",
      type: "notify",
      at: 7,
    });
  });
});
