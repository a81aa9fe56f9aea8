// Trains for so many steps and prints the digest of the weights.
import * as L from '../../../lib/index.js';
import { trained } from '../training.js';

const result = await trained(Number(process.argv[2]));
console.log(JSON.stringify({ isa: L.device().isa, ...result }));
