// What a reader does: choosing an event, walking from one to the next, asking what led to it.

const SIGNS = {
  call: "an operation begins", return: "an operation ends", timer: "a timer fires", sync: "data is on disk", write: "a write",
  store: "the shared store", job: "a job", start: "a node starts", crash: "a node ends", pause: "a node stands still",
  fault: "a fault", session: "a session",
};
const KEYS = [
  ["j k", "next, previous event shown"], ["n p", "next, previous event of all"], ["← →", "previous, next on the same node"],
  ["c", "back to the cause"], ["d", "the decisive event"], ["a", "all events, or what explains it"], ["Tab", "the other run"],
  ["Esc", "choose none"],
];

const byId = (id) => document.getElementById(id);
const panel = byId("panel");

class View {
  constructor(run) {
    this.run = run;
    this.chosen = -1;
    this.box = document.createElement("section");
    this.box.className = "run";
    this.box.innerHTML =
      (run.name ? `<h2>${escaped(run.name)}</h2>` : "") +
      '<div class="heads"><div></div></div>' +
      `<div class="scroll" tabindex="0" aria-label="diagram${run.name ? " of " + escaped(run.name) : ""}"></div>`;
    byId("runs").append(this.box);
    this.box.addEventListener("click", (event) => this.clicked(event));
    this.box.addEventListener("focusin", () => (present = this));
    this.heads = this.box.querySelector(".heads");
    this.picture = this.box.querySelector(".scroll");
    this.picture.addEventListener("scroll", () => (this.heads.scrollLeft = this.picture.scrollLeft));
  }

  draw() {
    const frame = layout(this.run, this.box.clientWidth);
    const [names] = this.heads.children;
    names.style.width = `${frame.width}px`;
    names.innerHTML = this.run.columns
      .map((name, n) => `<span style="left:${frame.x[n]}px;max-width:${frame.step - 4}px" title="${escaped(name)}">${escaped(name)}</span>`)
      .join("");
    this.picture.innerHTML = draw(this.run, this.run.rows(), frame);
    this.svg = this.picture.firstChild;
    this.light();
  }

  clicked({ target }) {
    present = this;
    const gap = target.closest(".gap");
    const row = target.closest(".row");
    if (gap) {
      for (let place = Number(gap.dataset.from); place < Number(gap.dataset.to); place++) this.run.open.add(place);
      this.draw();
    } else if (row) this.choose(Number(row.dataset.place), false);
  }

  choose(place, scroll = true) {
    if (place < 0 || place >= this.run.marks.length) return;
    this.chosen = place;
    if (!this.run.open.has(place)) {
      this.run.open.add(place);
      this.draw();
    } else this.light();
    tell(this);
    if (scroll) this.svg.querySelector(".chosen").scrollIntoView({ block: "center" });
  }

  none() {
    this.chosen = -1;
    this.light();
    panel.innerHTML = "<p>Choose an event: click on it, or press <kbd>j</kbd>.</p>";
  }

  // Past above with an arrow up, future with an arrow down, everything else pale.
  light() {
    const mark = this.run.marks[this.chosen];
    const isKnown = mark && this.run.known.has(mark.anchor);
    const past = isKnown ? this.run.past(mark.anchor) : new Set();
    const future = isKnown ? this.run.future(mark.anchor) : new Set();
    this.around = { past: 0, future: 0 };
    this.svg.classList.toggle("asked", Boolean(isKnown));
    for (const row of this.svg.querySelectorAll(".row")) {
      const other = this.run.marks[row.dataset.place];
      const side = other === mark ? "chosen" : past.has(other.anchor) ? "past" : future.has(other.anchor) ? "future" : "";
      row.setAttribute("class", `row ${side}${other.faults.length || other.shape === "bar" ? " struck" : ""}`);
      row.querySelector(".side").textContent = { past: "↑", future: "↓" }[side] || "";
      if (side in this.around) this.around[side]++;
    }
  }

  // The next row that is shown, in that direction.
  step(by) {
    const shown = [...this.run.open].sort((a, b) => a - b);
    const at = shown.indexOf(this.chosen);
    this.choose(at < 0 ? shown[by > 0 ? 0 : shown.length - 1] : shown[at + by] ?? this.chosen);
  }

  decisive() {
    const place = this.run.marks.findIndex((mark) => mark.decisive);
    if (place >= 0) this.choose(place);
  }
}

// Everything there is to say of the chosen event.
function tell(view) {
  const { run, chosen, around } = view;
  const mark = run.marks[chosen];
  const node = run.columns[mark.at] ?? "";
  const from = run.columns[mark.from];
  const title = mark.name ? `${mark.name}${from && from !== node ? ` from ${from} to ${node}` : ""}` : mark.words;
  const said = [
    `<h2>${escaped(title)}</h2>`,
    `<p>${escaped(node || "the world")}, ${milliseconds(mark.time)} ms, event ${chosen + 1} of ${run.marks.length}${mark.decisive ? ", <b>the decisive one</b>" : ""}</p>`,
    mark.name && mark.words ? `<p>${escaped(mark.words)}</p>` : "",
    mark.faults.length ? `<p>planned fault ${mark.faults.join(", ")}</p>` : "",
    table(mark.fields),
    lineOf(run, mark.anchor === mark.event && mark.name ? run.known.get(mark.event)?.cause : mark.anchor),
    why(run, mark),
    effectsOf(run, mark.event),
    stateOf(run, mark.event),
    run.known.has(mark.anchor)
      ? `<p>Of the rows shown, ${around.past} led to it (↑) and ${around.future} came of it (↓); the pale ones did neither.</p>`
      : "",
  ];
  panel.innerHTML = said.join("");
}

const table = (pairs) =>
  pairs.length ? `<table>${pairs.map(([name, text]) => `<tr><td>${escaped(name)}<td>${escaped(text)}</tr>`).join("")}</table>` : "";

function lineOf(run, event) {
  const line = run.lines[event];
  return line ? `<p><code>${escaped(line[0])}</code><br><code>${escaped(line[1])}</code></p>` : "";
}

const goTo = (run, id) =>
  run.markOf.has(id)
    ? `<button class="link" data-go="${run.markOf.get(id)}">${escaped(run.words[id])}</button>`
    : escaped(run.words[id] || "");

function why(run, mark) {
  const cause = run.causeOf(mark.anchor === mark.event ? mark.event : mark.anchor);
  return cause ? `<h3>because</h3><p>${goTo(run, cause)}</p>` : "";
}

function effectsOf(run, event) {
  const effects = (run.effects.get(event) || []).filter((id) => run.words[id]);
  if (!event || !effects.length) return "";
  const shown = effects.slice(0, 12).map((id) => {
    const arrival = (run.effects.get(id) || []).find((later) => run.markOf.has(later));
    const words = run.markOf.has(id) || !arrival ? goTo(run, id) : goTo(run, arrival).replace(escaped(run.words[arrival]), escaped(run.words[id]));
    return `<li>${words}${lineOf(run, id)}</li>`;
  });
  const more = effects.length > 12 ? `<li>and ${effects.length - 12} more</li>` : "";
  return `<h3>what it did</h3><ul>${shown.join("")}${more}</ul>`;
}

function stateOf(run, event) {
  const entry = run.states[event];
  if (!entry) return "";
  const before = run.stateBefore(event);
  const changes = Object.entries(entry.set).map(([name, text]) => {
    const old = name in before ? `<del>${escaped(name)} = ${escaped(before[name])}</del>` : "";
    return `${old}<ins>${escaped(name)} = ${escaped(text)}</ins>`;
  });
  const same = Object.entries(before).filter(([name]) => !(name in entry.set));
  const rest = same.length ? `<details><summary>${same.length === 1 ? "1 field stays as it was" : same.length + " fields stay as they were"}</summary>${table(same)}</details>` : "";
  return `<h3>state of ${escaped(entry.node)}</h3>${changes.join("") || "<p>does not change</p>"}${rest}`;
}

function showHelp() {
  const found = new Set(views.flatMap(({ run }) => run.marks.map((mark) => mark.symbol)));
  const signs = Object.entries(SIGNS).filter(([symbol]) => found.has(symbol));
  byId("help").innerHTML =
    KEYS.map(([keys, words]) => `<span>${keys.split(" ").map((key) => `<kbd>${key}</kbd>`).join(" ")} ${words}</span>`).join("") +
    signs.map(([symbol, words]) => `<span><svg width="24" height="20" style="display:inline">${sign(symbol, 12, 10)}</svg>${words}</span>`).join("") +
    "<span>→ a message; ✗ it is lost; dashed: still under way</span><span>no line: the node is down; dotted: it stands still</span>";
}

function press(what) {
  const button = document.querySelector(`[data-do="${what}"]`);
  if (what === "all" || what === "essence") {
    for (const name of ["all", "essence"]) document.querySelector(`[data-do="${name}"]`).setAttribute("aria-pressed", name === what);
    for (const view of views) {
      what === "all" ? view.run.showAll() : view.run.showEssence();
      if (view.chosen >= 0) view.run.open.add(view.chosen);
      view.draw();
    }
    if (present.chosen >= 0) present.choose(present.chosen);
  } else if (what === "decisive") views.forEach((view) => view.decisive());
  else if (what === "differ") views.forEach((view) => view.choose(Math.min(view.run.differs, view.run.marks.length - 1)));
  else if (what === "help") button.setAttribute("aria-expanded", !(byId("help").hidden = !byId("help").hidden));
}

function keyed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { run, chosen } = present;
  const doing = {
    j: () => present.step(1), k: () => present.step(-1), ArrowDown: () => present.step(1), ArrowUp: () => present.step(-1),
    n: () => present.choose(chosen + 1), p: () => present.choose(chosen - 1),
    ArrowLeft: () => chosen >= 0 && present.choose(run.neighbour(chosen, -1)),
    ArrowRight: () => chosen >= 0 && present.choose(run.neighbour(chosen, 1)),
    c: () => chosen >= 0 && present.choose(run.markOf.get(run.causeOf(run.marks[chosen].anchor)) ?? -1),
    d: () => press("decisive"), Escape: () => present.none(), "?": () => press("help"),
    a: () => press(document.querySelector('[data-do="all"]').getAttribute("aria-pressed") === "true" ? "essence" : "all"),
  }[event.key];
  if (doing) {
    event.preventDefault();
    doing();
  }
}

// All events in words, for those who would rather read: made when it is opened.
function list() {
  const box = byId("list");
  const total = views.reduce((sum, { run }) => sum + run.events.length, 0);
  box.hidden = false;
  box.querySelector("summary").textContent = `All ${total} events in words (time in ms)`;
  box.addEventListener("toggle", () => {
    box.querySelector("table").innerHTML = views
      .flatMap(({ run }) => [
        run.name ? `<tr><th colspan="2">${escaped(run.name)}</tr>` : "",
        ...run.events.map(([, , , time, words]) => `<tr><td>${milliseconds(time)}<td>${escaped(words)}</tr>`),
      ])
      .join("");
  }, { once: true });
}

async function unpacked() {
  const packed = Uint8Array.from(atob(byId("data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

let views = [], present;

unpacked().then((runs) => {
  byId("stage").hidden = false;
  views = runs.map((data) => new View(new Run(data)));
  present = views[0];
  document.querySelector('[data-do="differ"]').hidden = present.run.differs === null;
  document.querySelector('[data-do="decisive"]').hidden = !views.some(({ run }) => run.marks.some((mark) => mark.decisive));
  showHelp();
  list();
  views.forEach((view) => view.draw());
  present.none();
  document.addEventListener("keydown", keyed);
  document.addEventListener("click", ({ target }) => {
    const what = target.closest("[data-do]");
    const where = target.closest("[data-go]");
    if (what) press(what.dataset.do);
    if (where) present.choose(Number(where.dataset.go));
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) views.forEach((view) => view.draw());
    width = innerWidth;
  });
  document.body.dataset.ready = "yes";
});
