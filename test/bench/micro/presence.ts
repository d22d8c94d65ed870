// Presence broadcast (RFC 6121 section 4.4.2): one resource says that it is away, and that it is back, to 50 and to 200 who
// watch it. Each figure is for one watcher told.

import { report, type Task } from "./harness.ts";
import { type BenchClient, BenchStage } from "./stage.ts";
import { available, element } from "./stanzas.ts";

const ROSTERS = [50, 200];

async function broadcast(stage: BenchStage, watchers: number): Promise<Task> {
  const user = `juliet-${watchers}`;
  const names = Array.from({ length: watchers }, (_, n) => `${user}-${n}`);
  for (const name of names) await stage.befriend(user, name);
  const clients: BenchClient[] = [];
  for (const name of names) clients.push(await stage.client(name));
  const juliet = await stage.client(user);
  const states = [element(available("", "<show>away</show>")), element(available())];
  const told = () => clients.reduce((sum, { transport }) => sum + transport.sends, 0);
  let calls = 0;
  let before = 0;
  return {
    name: `to ${watchers}`,
    operations: watchers,
    run: async () => {
      if (calls === 0) before = told();
      await juliet.receive(states[calls % 2] as (typeof states)[number]);
      calls += 1;
      for (const client of clients) client.flush();
      juliet.flush();
    },
    counted: () => `${(told() - before) / calls} told a broadcast`,
  };
}

export async function run(): Promise<void> {
  const stage = await BenchStage.open();
  try {
    const tasks: Task[] = [];
    for (const watchers of ROSTERS) tasks.push(await broadcast(stage, watchers));
    await report("presence, per watcher", tasks);
  } finally {
    await stage.close();
  }
}
