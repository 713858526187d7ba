/** What a person sees while things happen. Colours appear on a terminal only. */
const isTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

// Whoever reads may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const paint = (code: string) => (text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint('1');
export const dim = paint('2');
export const green = paint('32');
export const red = paint('31');
export const yellow = paint('33');
export const cyan = paint('36');

export const say = (text = ''): void => void process.stdout.write(`${text}\n`);

export const heading = (text: string): void => say(`\n${bold(text)}`);

/** Names a step before it runs and says how long it took; a failed step says so and passes the error on. */
export async function step<Result>(title: string, work: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  const seconds = () => dim(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  say(`  ${dim('…')} ${title}`);
  try {
    const result = await work();
    say(`  ${green('✓')} ${title} ${seconds()}`);
    return result;
  } catch (error) {
    say(`  ${red('✗')} ${title} ${seconds()}`);
    throw error;
  }
}
