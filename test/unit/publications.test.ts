// What the gateway keeps of documents that it has read (gateway/publications.ts).

import { expect, test } from "vitest";
import { ReadDocuments } from "../../gateway/publications.ts";
import { Jid } from "../../server/jid.ts";
import type { Publication } from "../../storage/store.ts";

const TUPLES = [{ type: "unavailable" as const, statuses: [] }];

function addressOf(number: number): Jid {
  return Jid.fromTrusted(`p${number}@example.net`);
}

function publication(document: string): Publication {
  return { etag: "e", document, publishedAt: 0, expiresAt: null };
}

function keptOf(documents: ReadDocuments, count: number): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  return all.filter((i) => documents.get(addressOf(i), "e") !== undefined);
}

test("documents of one tuple are bounded by their characters, 16 million in all; the oldest go", () => {
  const documents = new ReadDocuments();
  const large = publication("x".repeat(250_000));
  for (let i = 0; i < 70; i++) documents.keep(addressOf(i), large, TUPLES);
  expect(keptOf(documents, 70)).toEqual(Array.from({ length: 64 }, (_, i) => i + 6));
});

test("what is forgotten or put in the place of another counts no more", () => {
  const documents = new ReadDocuments();
  const large = publication("x".repeat(4_000_000));
  for (let i = 0; i < 4; i++) documents.keep(addressOf(i), large, TUPLES);
  documents.keep(addressOf(1), large, TUPLES);
  expect(keptOf(documents, 4)).toEqual([0, 1, 2, 3]);
  documents.forget(addressOf(2));
  expect(keptOf(documents, 4)).toEqual([0, 1, 3]);
  documents.keep(addressOf(4), large, TUPLES);
  expect(keptOf(documents, 5)).toEqual([0, 1, 3, 4]);
});

test("a document that would take more than half of the room is not kept, and neither is an older one", () => {
  const documents = new ReadDocuments();
  documents.keep(addressOf(0), publication("x"), TUPLES);
  documents.keep(addressOf(0), publication("x".repeat(8_000_001)), TUPLES);
  expect(keptOf(documents, 1)).toEqual([]);
});
