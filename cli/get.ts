/** `ring-level get KEY` */
import { versionToString } from '../data/index.ts';
import { EXIT, type Command } from './command.ts';
import { REQUEST_FLAGS_HELP, jsonValue, readRequest, withClient } from './request.ts';

export const getCommand: Command = {
  name: 'get',
  summary: 'read a value',
  help: `ring-level get KEY [flags]

Prints the value, byte for byte, and a newline. A key that is absent or deleted: prints nothing, exit status 1 (with
--json: the answer with "value":null). Any failure: one line on standard error, exit status 2.

${REQUEST_FLAGS_HELP}`,
  run(args, { output }) {
    const request = readRequest('get', args, ['KEY']);
    return withClient(request.urls, request.options, output, async (client) => {
      const { value, version, replied } = await client.getWithDetail(request.args.positional(0));
      if (request.form === 'json') {
        const shown = { ok: true, value: value === null ? null : jsonValue(value), version: version === null ? null : versionToString(version), replied };
        output.line(JSON.stringify(shown));
      } else if (value !== null) {
        output.bytes(value);
      }
      return value === null ? EXIT.failed : EXIT.ok;
    });
  },
};
