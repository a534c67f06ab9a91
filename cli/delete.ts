/** `ring-level delete KEY` */
import { EXIT, type Command } from './command.ts';
import { REQUEST_FLAGS_HELP, readRequest, withClient } from './request.ts';
import { printWrite } from './write.ts';

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'delete a key',
  help: `ring-level delete KEY [flags]

Prints 'ok VERSION' once the delete is acknowledged, whether or not the key was there. Any failure: one line on
standard error, exit status 2.

${REQUEST_FLAGS_HELP}`,
  run(args, { output }) {
    const request = readRequest('delete', args, ['KEY']);
    return withClient(request.urls, request.options, output, async (client) => {
      printWrite(await client.delete(request.args.positional(0)), request.form, output);
      return EXIT.ok;
    });
  },
};
