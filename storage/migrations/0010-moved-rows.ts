// Schema 10: what schema 9 left in the tables before it is moved. A million archived messages take some ten seconds; killed
// in the middle, it goes on from there at the next start.

import type { Migration } from "./migration.ts";

const STEP_ROWS = 5_000;

// In the order of their places: whatever is there has been moved.
const archives = {
  left: "SELECT 1 FROM archive_message_2 LIMIT 1",
  sql: `
    INSERT INTO archive_message (place, contact, at, id, xml)
      SELECT key, contact, at, id, xml FROM archive_message_2 ORDER BY key LIMIT ${STEP_ROWS};
    DELETE FROM archive_message_2 WHERE key <= (SELECT max(place) FROM archive_message);
  `,
};

// The oldest first; their ids stay.
const offline = {
  left: "SELECT 1 FROM offline_message_1 LIMIT 1",
  sql: `
    INSERT OR IGNORE INTO offline_box (owner)
      SELECT owner FROM (SELECT owner FROM offline_message_1 ORDER BY id LIMIT ${STEP_ROWS});
    INSERT INTO offline_message
      SELECT message.id, box.number, message.at, message.xml
      FROM (SELECT * FROM offline_message_1 ORDER BY id LIMIT ${STEP_ROWS}) AS message
      JOIN offline_box AS box ON box.owner = message.owner;
    DELETE FROM offline_message_1 WHERE id IN (SELECT id FROM offline_message_1 ORDER BY id LIMIT ${STEP_ROWS});
  `,
};

const emptied = `
  DROP TABLE archive_message_2;
  DROP TABLE offline_message_1;
`;

/** The tenth schema. */
export const movedRows: Migration = { version: 10, name: "moved rows", repeat: [archives, offline], sql: emptied };
