// Everything an application does with a chain, on both at once: node check.mjs ENDPOINTS
import { open, run } from "./network.mjs";
import { reads } from "./reads.mjs";
import { watches } from "./watches.mjs";
import { writes } from "./writes.mjs";

await Promise.all([0, 1].map((index) => {
  const network = open(process.argv[2], index);
  return run(network.chain, { ...reads(network), ...writes(network), ...watches(network) });
}));
// Open sockets would keep the process; nothing is left to do.
process.exit(0);
