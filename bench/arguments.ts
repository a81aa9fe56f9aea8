/** Values of command-line options, checked. */

export function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(`Expected a whole number of at least ${least} for --${name}, got '${text}'.`);
}

export function oneOf<T extends string>(name: string, text: string, ...choices: readonly T[]): T {
  const choice = choices.find((each) => each === text);
  if (choice !== undefined) return choice;
  throw new RangeError(`Expected ${choices.join(' or ')} for --${name}, got '${text}'.`);
}
