// The files that an import is read from: the main one or standard input, and those that it includes (XEP-0227 1.1 section 5).

import { createReadStream } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { attr } from "../stanza.ts";
import { DocumentReader, type Piece, type PieceLimits, PortableError } from "./document.ts";
import { isInclude, type Opened } from "./names.ts";

const CHUNK_BYTES = 65_536;

/** The main document. */
export type Source = {
  /** Its path; undefined: it is a stream, and can include nothing. */
  readonly file: string | undefined;
  /** For a person. */
  readonly name: string;
  readonly octets: AsyncIterable<Uint8Array>;
};

/** It is opened when it is read. */
export function fileSource(file: string): Source {
  return { file, name: file, octets: chunksOf(file) };
}

async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(file, { highWaterMark: CHUNK_BYTES });
}

/**
 * All pieces, those of included documents in the place of their `<include/>`. What comes before a fault is told before it
 * throws. Throws PortableError; file system errors as they come.
 */
export async function* readPieces(source: Source, limits: PieceLimits): AsyncGenerator<Piece> {
  const folder = source.file === undefined ? undefined : dirname(await realpath(source.file));
  yield* readDocument(source, limits, folder, []);
}

async function* readDocument(
  { file, name, octets }: Source,
  limits: PieceLimits,
  folder: string | undefined,
  path: readonly Opened[],
): AsyncGenerator<Piece> {
  const reader = new DocumentReader(name, limits, path);
  const open = [...path];
  async function* told(pieces: readonly Piece[]): AsyncGenerator<Piece> {
    for (const piece of pieces) {
      if (piece.kind === "entered") open.push(piece.element);
      if (piece.kind === "left") open.pop();
      if (piece.kind !== "whole" || !isInclude(piece.opened)) yield piece;
      else yield* readDocument(await included(piece, { file, name, folder }), limits, folder, open);
    }
  }
  try {
    for await (const chunk of octets) yield* told(reader.write(chunk));
    yield* told(reader.end());
  } catch (error) {
    if (error instanceof PortableError) yield* told(reader.pending());
    throw error;
  }
}

/** Only files in the folder of the main one, and below: an import is no way to have the server read others. */
async function included(
  { element, opened: { line } }: Extract<Piece, { kind: "whole" }>,
  { file, name, folder }: { file: string | undefined; name: string; folder: string | undefined },
): Promise<Source> {
  const fail = (what: string): never => {
    throw new PortableError(`${name}, line ${line}: ${what}`);
  };
  const href = attr(element, "href") ?? "";
  if (file === undefined || folder === undefined) return fail(`standard input cannot include ${href}; give the file`);
  const parse = attr(element, "parse") ?? "xml";
  if (href === "" || parse !== "xml" || attr(element, "xpointer") !== undefined) {
    return fail(
      "only an include with a relative href, and without xpointer or another parse than xml, can be followed",
    );
  }
  const path = decoded(href);
  if (path === undefined || isAbsolute(path) || /^[a-z][\w+.-]*:/i.test(href)) {
    return fail(`${href} is no relative path; put the file beside this one`);
  }
  const found = await realpath(resolve(dirname(file), path)).catch((error: NodeJS.ErrnoException) =>
    fail(`${href} cannot be read (${error.code ?? error.message}); put it where the file says`),
  );
  const inside = relative(folder, found);
  if (inside.startsWith("..") || isAbsolute(inside)) {
    return fail(`${href} is outside of the folder of the main file; put it there`);
  }
  return { ...fileSource(found), name: inside };
}

function decoded(href: string): string | undefined {
  try {
    const path = decodeURIComponent(href);
    return path.includes("\0") ? undefined : path;
  } catch {
    return undefined;
  }
}
