// Everything an application does with a chain: node check.mjs ENDPOINTS CHAIN
import { open, run } from "./network.mjs";
import { reads } from "./reads.mjs";
import { watches } from "./watches.mjs";
import { writes } from "./writes.mjs";

const network = open(process.argv[2], Number(process.argv[3]));
await run({ ...reads(network), ...writes(network), ...watches(network) });
