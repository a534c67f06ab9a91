/** `ring-level put KEY VALUE` */
import { EXIT, type Command } from './command.ts';
import { REQUEST_FLAGS_HELP, readRequest, withClient } from './request.ts';
import { printWrite } from './write.ts';

export const putCommand: Command = {
  name: 'put',
  summary: 'write a value',
  help: `ring-level put KEY VALUE [flags]

Prints 'ok VERSION' once the write is acknowledged. Any failure: one line on standard error, exit status 2.

${REQUEST_FLAGS_HELP}`,
  run(args, { output }) {
    const request = readRequest('put', args, ['KEY', 'VALUE']);
    return withClient(request.urls, request.options, output, async (client) => {
      printWrite(await client.put(request.args.positional(0), request.args.positional(1)), request.form, output);
      return EXIT.ok;
    });
  },
};
