// The clock of the kit for others, by the name that it has in the tests here.

export { VirtualClock as FakeClock } from "../../server/testing/virtual-clock.ts";
