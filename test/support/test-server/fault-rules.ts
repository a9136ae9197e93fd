// The rules of a test server that select requests, and the fault for each.

/** How often a rule applies to the requests that it matches. */
export interface Repetition {
  /** Counted from 1 over the requests that meet the other conditions. */
  readonly nth?: number | readonly number[];
  /** 0 to 1, decided by the server's seeded generator. */
  readonly probability?: number;
  /** How often the rule applies. @default no limit, or once if `nth` is one number */
  readonly times?: number;
}

/** An active rule. */
export interface FaultRule<Match, Fault> {
  readonly on: Match;
  readonly fault: Fault;
  /** How often it has applied. */
  readonly hits: number;
  remove(): void;
}

/** The rules of a server. The first rule that matches a request applies. */
export class FaultRules<Match extends Repetition, Candidate, Fault> {
  readonly #rules: ActiveRule<Match, Fault>[] = [];
  readonly #random: () => number;
  readonly #meets: (candidate: Candidate, match: Match) => boolean;

  /** @param meets - Whether a request meets all conditions of a rule, apart from its repetition. */
  constructor(random: () => number, meets: (candidate: Candidate, match: Match) => boolean) {
    this.#random = random;
    this.#meets = meets;
  }

  add(on: Match, fault: Fault): FaultRule<Match, Fault> {
    const rule = new ActiveRule(on, fault, () => {
      const at = this.#rules.indexOf(rule);
      if (at >= 0) this.#rules.splice(at, 1);
    });
    this.#rules.push(rule);
    return rule;
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** The fault for this request, if any. Counts the request in every rule up to the one that applies. */
  strike(candidate: Candidate): Fault | undefined {
    return this.#rules.find((rule) => this.#meets(candidate, rule.on) && rule.takes(this.#random))?.fault;
  }
}

class ActiveRule<Match extends Repetition, Fault> implements FaultRule<Match, Fault> {
  readonly on: Match;
  readonly fault: Fault;
  readonly remove: () => void;
  hits = 0;
  #seen = 0;

  constructor(on: Match, fault: Fault, remove: () => void) {
    this.on = on;
    this.fault = fault;
    this.remove = remove;
  }

  takes(random: () => number): boolean {
    const { nth, probability, times } = this.on;
    this.#seen += 1;
    if (nth !== undefined && ![nth].flat().includes(this.#seen)) return false;
    if (times !== undefined && this.hits >= times) return false;
    if (probability !== undefined && random() >= probability) return false;
    this.hits += 1;
    return true;
  }
}
