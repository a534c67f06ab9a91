/** config/: what a node is told. Schema, defaults, loading from file, environment and flags. */
export { ConfigError, describeProblem, type ConfigProblem } from './errors.ts';
export { TEXT_FORMS, environmentName } from './keys.ts';
export { defaultNodeConfig, loadNodeConfig, type ConfigSources, type FlagValue } from './load.ts';
export { nearestName } from './nearest.ts';
export { isLoopbackHost, type Member, type NodeConfig, type NodeConfigInput } from './schema.ts';
