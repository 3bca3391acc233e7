// Texts and what belongs to them, up to so many characters: what has not been
// asked for longest is forgotten first.
export class Kept {
  #entries = new Map();
  #characters = 0;
  #most;

  constructor(most) {
    this.#most = most;
  }

  get(key) {
    const entry = this.#entries.get(key);

    if (entry) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry?.value;
  }

  set(key, value, { length } = key) {
    this.#characters += length - (this.#entries.get(key)?.length ?? 0);
    this.#entries.delete(key);
    this.#entries.set(key, { value, length });
    for (const [oldest, entry] of this.#entries) {
      if (this.#characters <= this.#most) {
        break;
      }
      this.#entries.delete(oldest);
      this.#characters -= entry.length;
    }
  }
}
