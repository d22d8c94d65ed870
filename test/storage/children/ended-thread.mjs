// Ends a checkpoint thread while it works, and prints that it has ended. Arguments: URL of the thread's module, database.

const [module, file] = process.argv.slice(2);
const { startCheckpointThread } = await import(module);
const thread = startCheckpointThread(file, []);
const job = thread.copy();
await thread.end();
console.log((await job).log);
