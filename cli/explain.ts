/** `ring-level explain KEY` */
import { EXIT, type Command } from './command.ts';
import { explanationLines } from './explain-text.ts';
import { DEFAULT_URL, readRequest, withClient } from './request.ts';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'why a key has its value: replicas, hints, who wins, what happens next',
  help: `ring-level explain KEY [flags]

Asks one node, which asks all others what their databases have of the key. Tells each replica's version, the hints for
it, which version wins by which rule, what may be newer, and what the nodes will do next. The value is not shown. Exit
status 0, also when there is no such key. Any failure: one line on standard error, exit status 2.

  --url URL        a node, or several with commas between (default ${DEFAULT_URL})
  --timeout-ms N   give up after so many milliseconds
  --json           everything as one line of JSON
  --               what follows is no flag: ring-level explain -- -key`,
  run(args, { output }) {
    const request = readRequest('explain', args, ['KEY']);
    return withClient(request.urls, request.options, output, async (client) => {
      const answer = await client.explain(request.args.positional(0));
      if (request.form === 'json') output.line(JSON.stringify(answer));
      else for (const line of explanationLines(answer)) output.line(line);
      return EXIT.ok;
    });
  },
};
