/** `npm run vectors`: writes examples/protocol-vectors.json anew. Look at the difference before it is committed: other implementations rely on it. */
import { writeFileSync } from 'node:fs';
import { VECTORS_PATH, buildVectors, vectorsText } from './build.ts';

writeFileSync(VECTORS_PATH, vectorsText(buildVectors()));
