// XEP-0049 1.2: Private XML Storage. What the elements mean is the clients' business, but for bookmarks (XEP-0048), which are
// kept elsewhere, too.

import { Element, parse } from "ltx";
import type { PrivateElement } from "../../storage/store.ts";
import type { Bookmarks } from "../bookmarks/bookmarks.ts";
import { stanzaError } from "../errors.ts";
import { NS } from "../namespaces.ts";
import { isError } from "../pubsub/errors.ts";
import type { IqRequest } from "../router/dispatch.ts";
import type { Core } from "../router/routing.ts";
import { elements, type IqReply, namespaceOf, result } from "../stanza.ts";
import { serialize } from "../xml/serialize.ts";
import { defineModule, type Module } from "./module.ts";

export function privateXml(core: Core, bookmarks: Bookmarks): Module {
  return defineModule({
    name: "private-xml",
    spec: "XEP-0049 1.2",
    features: [{ var: NS.privateXml, on: ["domain"] }],
    setup: () => ({
      iq: [
        {
          type: "get",
          ns: NS.privateXml,
          name: "query",
          to: ["account"],
          refusal: "forbidden", // section 2.3: preferable
          handle: (request) => get(core, bookmarks, request),
        },
        {
          type: "set",
          ns: NS.privateXml,
          name: "query",
          to: ["account"],
          refusal: "forbidden",
          handle: (request) => set(core, bookmarks, request),
        },
      ],
    }),
  });
}

async function get(core: Core, bookmarks: Bookmarks, { payload, to }: IqRequest): Promise<IqReply> {
  const [wanted, ...others] = ownElements(payload) ?? [];
  if (wanted === undefined) return withoutNamespace();
  if (others.length > 0) return stanzaError("bad-request", "one element at a time (XEP-0049 section 2.3)");
  if (isBookmarks(wanted)) {
    const list = await bookmarks.list(to);
    if (isError(list)) return list;
    return result(new Element("query", { xmlns: NS.privateXml }).cnode(list).up());
  }
  const ns = namespaceOf(wanted);
  const xml = await core.store.profiles.privateXml(to.bareString, ns, wanted.name);
  if (xml !== undefined) return result(parse(`<query xmlns='${NS.privateXml}'>${xml}</query>`) as Element);
  const query = new Element("query", { xmlns: NS.privateXml });
  query.c(wanted.name, { xmlns: ns });
  return result(query);
}

async function set(core: Core, bookmarks: Bookmarks, { payload, to }: IqRequest): Promise<IqReply> {
  const children = ownElements(payload);
  if (children === undefined) return withoutNamespace();
  const { privateXmlBytes: bytes, privateXmlElements } = core.limits;
  const write = (elements: readonly PrivateElement[]): Promise<void> =>
    core.store.profiles.setPrivateXml(to.bareString, elements, { bytes, elements: privateXmlElements });
  const lists = children.filter(isBookmarks);
  const others = grouped(children.filter((element) => !isBookmarks(element)));
  if (lists.length > 0) return (await bookmarks.replace(to, lists, (rest) => write([...others, rest]))) ?? result();
  await write(others);
  return result();
}

function isBookmarks(element: Element): boolean {
  return element.name === "storage" && namespaceOf(element) === NS.bookmarkStorage;
}

/** The children, if there are any and each is in a namespace of its own: section 2.3, a MUST. */
function ownElements(payload: Element): readonly Element[] | undefined {
  const children = elements(payload);
  const own = children.every((el) => namespaceOf(el) !== NS.privateXml && namespaceOf(el) !== "");
  return children.length > 0 && own ? children : undefined;
}

function withoutNamespace(): IqReply {
  return stanzaError("not-acceptable", "an element in a namespace of its own is needed (XEP-0049 section 2.3)");
}

/** Section 2.3: there may be several of one name and namespace. An empty one says as much as none. */
function grouped(children: readonly Element[]): PrivateElement[] {
  const byKind = new Map<string, PrivateElement>();
  for (const el of children) {
    const ns = namespaceOf(el);
    const key = `${el.name} ${ns}`;
    const isEmpty = el.children.length === 0 && Object.keys(el.attrs).every((name) => name === "xmlns");
    const xml = isEmpty ? "" : serialize(el);
    byKind.set(key, { ns, name: el.name, xml: (byKind.get(key)?.xml ?? "") + xml });
  }
  return [...byKind.values()];
}
