/** `ring-level status` */
import { EXIT, type Command } from './command.ts';
import { DEFAULT_URL, readRequest, withClient } from './request.ts';
import { statusTable } from './status-table.ts';

export const statusCommand: Command = {
  name: 'status',
  summary: 'nodes, liveness, hints waiting, converged or not',
  help: `ring-level status [flags]

Asks one node, which asks the others. Any failure: one line on standard error, exit status 2.

  --url URL        a node, or several with commas between (default ${DEFAULT_URL})
  --timeout-ms N   give up after so many milliseconds
  --json           everything that the nodes report, as one line of JSON`,
  run(args, { output }) {
    const request = readRequest('status', args, []);
    return withClient(request.urls, request.options, output, async (client) => {
      const status = await client.status();
      if (request.form === 'json') output.line(JSON.stringify(status));
      else for (const line of statusTable(status)) output.line(line);
      return EXIT.ok;
    });
  },
};
