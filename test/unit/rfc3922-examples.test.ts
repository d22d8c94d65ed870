// The examples of RFC 3922 sections 4 and 5, through the converter.

import { runVectors } from "../support/vectors.ts";

runVectors("rfc3922-examples.json");
