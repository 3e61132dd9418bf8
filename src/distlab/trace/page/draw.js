// The picture of a run: columns are nodes, rows are events, time goes down (not to scale).
//
// No sign is told by its colour alone: each kind of event has a shape, faults have numbers, the decisive event has a ring.

const ROW = 30, GUTTER = 78, LEAST = 54, MOST = 150, NOTES = 260, WIDE = 7.2;

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const milliseconds = (time) => (time % 1000 ? (time / 1000).toFixed(1) : String(time / 1000));
const cutTo = (text, pixels) => {
  const most = Math.max(1, Math.floor(pixels / WIDE));
  return text.length <= most ? text : text.slice(0, most - 1) + "…";
};

// Where columns stand in that width, and whether there is room for notes beside them.
function layout(run, width) {
  const columns = Math.max(1, run.columns.length);
  const withNotes = width >= GUTTER + columns * LEAST + NOTES;
  const room = width - GUTTER - (withNotes ? NOTES : 8);
  const step = Math.max(LEAST, Math.min(MOST, room / columns));
  const x = run.columns.map((_, place) => GUTTER + step * (place + 0.5));
  const end = GUTTER + step * columns;
  return { x, step, end, notes: withNotes ? end + 10 : 0, width: withNotes ? width : Math.max(width, end + 8) };
}

function draw(run, rows, frame) {
  const y = new Map();
  rows.forEach((row, n) => y.set(row.place ?? -1 - n, ROW * (n + 0.5) + 8));
  const height = ROW * rows.length + 20;
  const pieces = [lifelines(run, rows, frame, y, height)];
  rows.forEach((row, n) => {
    const at = y.get(row.place ?? -1 - n);
    pieces.push(row.gap ? gap(row.gap, at, frame) : markRow(run, rows, n, row.place, at, frame, y));
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${frame.width}" height="${height}" role="img"` +
    ` aria-label="space-time diagram, ${rows.length} rows; the same events are listed in words below">` +
    `<defs>${["", "fault", "bad"].map(tip).join("")}</defs>${pieces.join("")}</svg>`
  );
}

const tip = (style) =>
  `<marker id="tip${style}" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">` +
  `<path class="${style}" d="M0 0 L8 4 L0 8"/></marker>`;

function lifelines(run, rows, frame, y, height) {
  const lines = [];
  frame.x.forEach((x, column) => {
    let from = 0, life = "u";
    const close = (to) => {
      if (life !== "d" && to > from) lines.push(`<line class="life${life === "p" ? " paused" : ""}" x1="${x}" y1="${from}" x2="${x}" y2="${to}"/>`);
    };
    for (const row of rows) {
      if (row.gap) continue;
      const now = run.marks[row.place].lives[column] || "u";
      if (now !== life) {
        close(y.get(row.place));
        [from, life] = [y.get(row.place), now];
      }
    }
    close(height - 4);
  });
  return lines.join("");
}

function gap([from, to], y, frame) {
  const words = `⋮ ${to - from} more` + (frame.notes ? (to - from === 1 ? " event: show" : " events: show") : "");
  return (
    `<g class="gap" data-from="${from}" data-to="${to}" role="button"><rect class="back" x="0" y="${y - ROW / 2}" width="${frame.width}" height="${ROW}"/>` +
    `<text x="${frame.notes || GUTTER}" y="${y + 4}">${words}</text></g>`
  );
}

function markRow(run, rows, n, place, y, frame, places) {
  const mark = run.marks[place];
  const style = mark.decisive ? "bad" : mark.faults.length || mark.shape === "bar" ? "fault" : "";
  const words = noteOf(mark);
  let drawn;
  if (mark.shape === "bar") {
    drawn =
      `<rect class="bar" x="${GUTTER - 10}" y="${y - 11}" width="${frame.end - GUTTER + 10}" height="22"/>` +
      (frame.notes ? "" : `<text class="fault" x="${GUTTER}" y="${y + 4}">${escaped(cutTo(words, frame.end - GUTTER))}</text>`);
  } else if (mark.at < 0) drawn = "";
  else if (mark.shape === "point" || mark.from === mark.at) drawn = point(mark, frame.x[mark.at], y, style);
  else drawn = arrow(run, rows, n, mark, y, style, frame, places);
  const note = frame.notes
    ? `<text class="${style}" x="${frame.notes}" y="${y + 4}">${escaped(cutTo(words, (frame.width - frame.notes) * (mark.decisive ? 0.92 : 1)))}</text>`
    : "";
  return (
    `<g class="row" data-place="${place}"><title>${escaped(words)}</title>` +
    `<rect class="back" x="0" y="${y - ROW / 2}" width="${frame.width}" height="${ROW}"/>` +
    `<text class="side" x="3" y="${y + 4}"></text><text class="dim" x="${GUTTER - 16}" y="${y + 4}" text-anchor="end">${milliseconds(mark.time)}</text>` +
    `<g class="ink">${drawn}${note}</g></g>`
  );
}

// What stands beside the row: for a message what it says, for the rest what happened.
function noteOf(mark) {
  const said = mark.name ? mark.fields.map(([name, text]) => `${name}=${text}`).join(" ") : "";
  const numbers = mark.faults.length ? `(fault ${mark.faults.join(", ")})` : "";
  return [`${mark.words} ${numbers}`.trim(), said].filter(Boolean).join(", ");
}

const cross = (x, y) => `M${x - 6} ${y - 6} l12 12 m0 -12 l-12 12`;

function point(mark, x, y, style) {
  return (mark.decisive ? `<circle class="halo" cx="${x}" cy="${y}" r="11"/>` : "") + sign(mark.symbol, x, y, style);
}

function sign(symbol, x, y, style = "") {
  switch (symbol) {
    case "crash":
      return `<path class="${style || "fault"}" d="${cross(x, y)}" stroke-width="2"/>`;
    case "fault":
      return `<path class="${style || "fault"}" d="M${x + 2} ${y - 9} l-7 10 h6 l-3 8 8 -10 h-6 z" stroke-width="1.5"/>`;
    case "pause":
      return `<path class="fault" d="M${x - 4} ${y - 7} v14 m8 -14 v14" stroke-width="3"/>`;
    case "start":
      return `<path class="dot" d="M${x} ${y - 7} l7 12 h-14 z"/>`;
    case "timer":
      return `<circle class="open" cx="${x}" cy="${y}" r="6"/><path d="M${x} ${y - 4} v4 h3"/>`;
    case "sync": case "write":
      return `<rect class="dot" x="${x - 5}" y="${y - 5}" width="10" height="10"/>`;
    case "store":
      return `<path class="dot" d="M${x} ${y - 7} l7 7 -7 7 -7 -7 z"/>`;
    case "job":
      return `<rect class="open" x="${x - 6}" y="${y - 6}" width="12" height="12"/>`;
    case "return":
      return `<circle class="open" cx="${x}" cy="${y}" r="5"/>`;
    default:
      return `<circle class="dot" cx="${x}" cy="${y}" r="5"/>`;
  }
}

function arrow(run, rows, n, mark, y, style, frame, places) {
  const start = frame.x[mark.from], goal = frame.x[mark.at];
  if (start === undefined) return point(mark, goal, y, style);
  // The row at which it left: the last that is not later. Long arrows would cross everything: four rows are enough.
  let left = y - ROW / 2;
  for (let up = n - 1; up >= 0 && up >= n - 4; up--) {
    if (rows[up].gap) continue;
    left = places.get(rows[up].place);
    if (run.marks[rows[up].place].time <= mark.sent) break;
  }
  const top = Math.min(y - ROW / 3, left);
  const arrives = mark.shape === "arrow";
  const end = arrives ? goal + (goal > start ? -5 : 5) : start + (goal - start) * 0.66;
  const dashes = mark.shape === "under-way" ? ' stroke-dasharray="4 4"' : "";
  const line = `<line class="${style}" x1="${start}" y1="${top}" x2="${end}" y2="${y}"${dashes}${arrives ? ` marker-end="url(#tip${style})"` : ""}/>`;
  const lost = mark.shape === "lost" ? `<path class="${style || "fault"}" d="${cross(end, y)}" stroke-width="2"/>` : "";
  const room = Math.max(frame.step, Math.abs(goal - start)) - 10;
  const name = `<text class="label" x="${(start + end) / 2}" y="${(top + y) / 2 - 3}" text-anchor="middle">${escaped(mark.name.length * WIDE > room ? mark.short : mark.name)}</text>`;
  const ring = mark.decisive ? `<circle class="halo" cx="${goal}" cy="${y}" r="11"/>` : "";
  return line + lost + ring + name;
}
