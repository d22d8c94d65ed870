// The presentities of the foreign side (docs/http-binding.md): they write to users.

import { request } from "node:http";
import type { Random } from "../../fuzz/random.ts";
import { cpim } from "../../support/foreign.ts";
import { messageId } from "./message.ts";
import type { World } from "./world.ts";

const WAIT_MS = 15_000;

export class ForeignSide {
  readonly #world: World;
  readonly #token: string;
  readonly #random: Random;

  constructor(world: World, token: string, random: Random) {
    this.#world = world;
    this.#token = token;
    this.#random = random;
  }

  /** One message after the other in the name of a presentity, until it is calm. */
  async write(presentity: string): Promise<void> {
    const { users, messageMs } = this.#world.options;
    for (let place = 1; ; place += 1) {
      await this.#world.pause(this.#random.below(2 * messageMs));
      if (this.#world.calm) return;
      await this.#post(presentity, this.#random.pick(users), place);
    }
  }

  // An answer that does not come leaves open whether it was delivered: the contract has no key to ask again with.
  async #post(presentity: string, user: string, place: number): Promise<void> {
    const { ledger, options } = this.#world;
    const id = messageId("f", presentity, "net", place);
    const sender = `${presentity}@${options.foreignDomain}`;
    ledger.wrote({ id, kind: "from-foreign", sender, from: undefined, to: user, place }, "by POST");
    const object = cpim(sender, `${user}@${options.domain}`, id);
    const status = await this.#send(object).catch((error: Error) => {
      ledger.note(id, `no answer: ${error.message}`);
      return 0;
    });
    if (status === 200) ledger.accepted(id, "with 200");
    else if (status >= 300) ledger.refused(id, `status ${status}`);
  }

  #send(object: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const sending = request({
        host: "127.0.0.1",
        port: this.#world.ports.http,
        path: "/cpim/v1/messages",
        method: "POST",
        agent: false,
        headers: { authorization: `Bearer ${this.#token}`, "content-type": "message/cpim" },
        timeout: WAIT_MS,
      });
      sending.on("response", (response) => {
        response.resume();
        response.on("error", () => {}); // its status has come
        resolve(response.statusCode ?? 0);
      });
      sending.on("timeout", () => sending.destroy(new Error("it took too long")));
      sending.on("error", reject);
      sending.end(object);
    });
  }
}
