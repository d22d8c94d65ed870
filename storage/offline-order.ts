// The order of offline messages when older ones were added behind.

/**
 * @param messages in their present order
 * @param added so many at the end come before the others of the same time
 * @returns undefined: they are in order
 */
export function inOrder<M extends { readonly at: number }>(messages: readonly M[], added: number): M[] | undefined {
  const behind = Math.max(0, messages.length - added);
  const ranked = messages.map((message, index) => ({ message, rank: index < behind ? 1 : 0 }));
  ranked.sort((a, b) => a.message.at - b.message.at || a.rank - b.rank);
  const sorted = ranked.map(({ message }) => message);
  return sorted.every((message, index) => message === messages[index]) ? undefined : sorted;
}
