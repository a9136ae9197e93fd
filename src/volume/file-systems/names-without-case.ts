// Names on FAT and exFAT, which compare without case.

/** The names of a path, from the root on. */
export function namesIn(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

/** Whether two names are the same in upper case, character by character: "ß" stays "ß". */
export function isSameName(one: string, other: string): boolean {
  return one === other || (one.length === other.length && upperCase(one) === upperCase(other));
}

function upperCase(name: string): string {
  return Array.from(name, (character) => {
    const upper = character.toUpperCase();
    return upper.length === character.length ? upper : character;
  }).join('');
}
