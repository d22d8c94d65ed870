// The part of xmpp.js that is used here; the package has no types of its own.

declare module "@xmpp/client" {
  import type { Element } from "ltx";

  export interface XmppClient {
    readonly reconnect: { delay: number; stop(): void };
    readonly streamManagement: { on(event: "resumed", listener: () => void): void };
    readonly iqCaller: { get(payload: Element, to?: string): Promise<Element> };
    on(event: "error", listener: (error: Error) => void): void;
    on(event: "disconnect", listener: () => void): void;
    on(event: "stanza", listener: (stanza: Element) => void): void;
    on(event: "online", listener: (jid: { toString(): string }) => void): void;
    send(stanza: unknown): Promise<void>;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
  }
  export function client(options: Record<string, string>): XmppClient;
  export function xml(name: string, attrs?: string | Record<string, string>, ...children: unknown[]): Element;
}
