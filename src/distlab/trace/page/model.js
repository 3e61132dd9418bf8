"use strict";
// A run as the page knows it: which rows are shown, and what happened before what.
//
// Happened-before (L. Lamport, 1978): an event follows the one before it on its node, and the one that caused it.
// What the world does by itself stands on a host of its own, from which nothing follows.

const WORLD = "world";

class Run {
  constructor(data) {
    Object.assign(this, data);
    this.known = new Map();
    this.effects = new Map();
    const last = new Map();
    this.words = {};
    for (const [id, host, cause, time, words] of data.events) {
      this.words[id] = words;
      this.known.set(id, { host, cause, before: host === WORLD ? 0 : last.get(host) || 0, time });
      if (host !== WORLD) last.set(host, id);
      if (!this.effects.has(cause)) this.effects.set(cause, []);
      this.effects.get(cause).push(id);
    }
    this.markOf = new Map(this.marks.map((mark, place) => [mark.event, place]));
    this.showEssence();
  }

  showEssence() {
    this.open = new Set(this.marks.keys().filter((place) => this.marks[place].first));
  }

  showAll() {
    this.open = new Set(this.marks.keys());
  }

  // Rows from top to bottom: a place in marks, or a gap over [from, to).
  rows() {
    const rows = [];
    let at = 0;
    for (const place of [...this.open].sort((a, b) => a - b)) {
      if (place > at) rows.push({ gap: [at, place] });
      rows.push({ place });
      at = place + 1;
    }
    if (at < this.marks.length) rows.push({ gap: [at, this.marks.length] });
    return rows;
  }

  // What happened before the event, itself aside.
  past(id) {
    const found = new Set();
    const open = [id];
    while (open.length) {
      const { cause, before } = this.known.get(open.pop());
      for (const earlier of [cause, before]) {
        if (this.known.has(earlier) && !found.has(earlier)) {
          found.add(earlier);
          open.push(earlier);
        }
      }
    }
    return found;
  }

  // What it happened before. Events stand in an order in which nothing comes before its causes.
  future(id) {
    const found = new Set([id]);
    for (const [later, { cause, before }] of this.known) {
      if (found.has(cause) || found.has(before)) found.add(later);
    }
    found.delete(id);
    return found;
  }

  // The nearest mark that leads to this event: its cause, or the mark that shows its cause.
  causeOf(id) {
    let cause = (this.known.get(id) || {}).cause;
    while (cause && !this.markOf.has(cause)) cause = (this.known.get(cause) || {}).cause;
    return cause || 0;
  }

  // The next mark on the same node, in that direction; -1 if there is none.
  neighbour(place, step) {
    const { at } = this.marks[place];
    for (let other = place + step; other >= 0 && other < this.marks.length; other += step) {
      if (this.marks[other].at === at) return other;
    }
    return -1;
  }

  // A node's state before the event: what was told last, field by field.
  stateBefore(id) {
    const entry = this.states[id];
    if (entry.before) return entry.before;
    let state = {};
    for (const [number, other] of Object.entries(this.states)) {
      if (other.node !== entry.node) continue;
      if (Number(number) >= id) break;
      state = { ...(other.before || state), ...other.set };
    }
    return state;
  }
}
