// What a stream needs of the connection beneath it: TCP with or without TLS, or WebSocket.

import type { SecureContext } from "node:tls";
import type { ChannelBindings } from "../sasl/mechanism.ts";

export interface TransportEvents {
  /** What came: of TCP any piece of it, of WebSocket a whole message. */
  data(chunk: Buffer): void;
  /** The peer is there, although it has nothing to say. */
  alive(): void;
  /** A message is longer than `messageBytes`. Nothing more of it is read. */
  overlong(): void;
  /** The peer's window has taken more of what was sent: `taken` has grown. */
  taken(): void;
  /** The peer sends no more, but may still read (half-close). Not called where the connection breaks. */
  ended(): void;
  /** The connection is gone. Called once. */
  closed(): void;
}

export interface Transport {
  /** Inside TLS. */
  readonly secure: boolean;
  /** The peer's IP address, for limits, throttling and the log. */
  readonly address: string;
  /** How much was ever handed to `send`, in characters; most of them are one octet on the wire. */
  readonly sent: number;
  /** How much of it the peer's window has taken. */
  readonly taken: number;
  /** Who listens; set before the first chunk can arrive. */
  events: TransportEvents;
  /** How long a message may be, where there are messages. Changes with the login. */
  messageBytes: number;
  /** Queues text, of WebSocket as one message; what one turn of the event loop sends leaves in one write. */
  send(text: string): void;
  /**
   * Resolves when the peer's window has taken what was sent so far, or the connection is gone. Within the call nothing is
   * written: a TLS socket that is written to may hand on what it has read, in the middle of the caller's stanza.
   */
  drained(): Promise<void>;
  /** Flow control towards the peer: stop or go on reading. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes; the connection is cut if the peer does not follow within some seconds. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
  /**
   * STARTTLS: sends `lastPlaintext` and continues inside TLS. Plaintext already received is discarded.
   * With an empty one: direct TLS, of which the first octets may have been received.
   */
  startTls(context: SecureContext, lastPlaintext: string): void;
  /** What a SASL exchange can bind to. Source: RFC 5929, RFC 9266. */
  channelBindings(): ChannelBindings;
}
