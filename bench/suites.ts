/** All benchmarks there are. Another one is a line here. */
import type { Suite } from './suite.ts';
import { millionSuite } from './suites/million.ts';
import { rangeSuite } from './suites/range.ts';
import { rateSuite } from './suites/rate.ts';
import { restartSuite } from './suites/restart.ts';
import { startSuite } from './suites/start.ts';
import { throughputSuite } from './suites/throughput.ts';
import { ycsbSuite } from './suites/ycsb.ts';

export const SUITES: readonly Suite[] = [throughputSuite, ycsbSuite, rateSuite, startSuite, restartSuite, millionSuite, rangeSuite];
