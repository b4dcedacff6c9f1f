import { parseArgs } from 'node:util';

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>;
type Parsed<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>;

/** A wrong call of a command: ends it with the message and exit code 2. */
export class UsageError extends Error {}

/** A failure that the message explains: ends the command with exit code 1. */
export class CommandError extends Error {}

/** A command of `scripts/`. */
export interface Command<O extends Options> {
  /** The first line is the call, such as `npm run list -- [options]`. */
  readonly usage: string;
  readonly options: O;
  /** Returns the exit code. */
  readonly run: (parsed: Parsed<O>) => Promise<number>;
}

/** Runs a command with the arguments of this process. `--help` prints the usage. */
export async function runCommand<const O extends Options>({
  usage,
  options,
  run,
}: Command<O>): Promise<void> {
  try {
    if (process.argv.slice(2).some((argument) => argument === '--help' || argument === '-h')) {
      console.log(usage);
      return;
    }
    process.exitCode = await run(parse(options));
  } catch (error) {
    const [call] = usage.split('\n');
    if (error instanceof UsageError)
      console.error(`${error.message}\nUsage: ${call}\nWith --help it lists the options.`);
    else if (error instanceof CommandError) console.error(error.message);
    else throw error;
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function parse<const O extends Options>(options: O): Parsed<O> {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Text from outside for a terminal: without control characters. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '�');
}

/** Checks the URL of a vault or a file; `undefined` when the option is not given. */
export function webAddress(option: string, value: string | undefined): string | undefined {
  if (value === undefined || (/^https?:\/\//i.test(value) && URL.canParse(value))) return value;
  throw new UsageError(`${option} must begin with http:// or https://: ${value}`);
}
