// SPDX-License-Identifier: Apache-2.0
// Standard JSON in, standard JSON out, by the solc of node_modules.
const solc = require("solc");
process.stdout.write(solc.compile(require("fs").readFileSync(0, "utf8")));
