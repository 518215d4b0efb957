"use strict";
// Shows /status (docs/status.md) and asks for it again every two seconds. All text from the relay
// goes into the page as text, never as HTML: table names and server messages come from outside.

const POLL_MS = 2000;
const TIMEOUT_MS = 5000;
const HISTORY_MS = 5 * 60 * 1000;
const GAP_MS = 8000;         // Between two samples: further apart, the line is broken.
const RATE_SAMPLES = 5;      // A table's rate is measured over so many polls.
const FROZEN_MS = 15000;     // The relay looks at itself once a second.
const CATCHING_UP_S = 5;     // With an older unpublished change than this, publishing is behind.
const FULL_SOON_S = 3600;
const TABLES_MAX = 50;
const EVENTS_MAX = 20;       // Before the button is pressed.

const byId = (id) => document.getElementById(id);

// --- Figures in words ----------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en-US", {maximumFractionDigits: 0});
const UNKNOWN = "not known now";

const count = (n) => n == null ? UNKNOWN : whole.format(n);
const changes = (n) => `${count(n)} ${n === 1 ? "change" : "changes"}`;
const rate = (n) => n == null ? "–" : n > 0 && n < 10 ? n.toFixed(1) : whole.format(n);

function size(bytes) {
  if (bytes == null) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit < 4; ++unit) bytes /= 1024;
  return `${unit && bytes < 100 ? bytes.toFixed(1) : whole.format(bytes)} ${units[unit]}`;
}

// "45 s", "2 min 5 s", "3 h 20 min", "2 d 4 h".
function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s > 365 * 86400) return "more than a year";
  const steps = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = Math.max(0, steps.findIndex(([, length]) => s >= length));
  if (s < 60) return `${s} s`;
  const [unit, length] = steps[first];
  const [nextUnit, nextLength] = steps[first + 1];
  const rest = Math.floor(s % length / nextLength);
  return `${Math.floor(s / length)} ${unit}${rest ? ` ${rest} ${nextUnit}` : ""}`;
}

// In the reader's time zone; with the day when it is not today.
function clock(time) {
  const date = new Date(time);
  const text = date.toLocaleTimeString("en-GB");
  if (date.toDateString() === new Date().toDateString()) return text;
  return `${date.toLocaleDateString("en-GB", {day: "numeric", month: "short"})}, ${text}`;
}

const lasts = (seconds) => `about ${duration(seconds)} at the present pace`;
const sinceText = (time, seconds) => `${clock(time)}, for ${duration(seconds)}`;

// --- What the relay's figures mean: values in, values out ----------------------------------------

const BEHIND_BYTES = 64 * 1024 * 1024;  // Capture is behind with more WAL than this, or for CATCHING_UP_S.
const captureIsBehind = ({capture}) => capture.lag_bytes > BEHIND_BYTES || capture.lag_seconds >= CATCHING_UP_S;
const isBehind = ({publish}) => publish.lag_seconds >= CATCHING_UP_S;
const isDraining = (status) => status.publish.state === "working" && isBehind(status);

function spoolLasts({spool, publish}) {
  if (spool.obstacle) return "it is full";
  if (publish.state === "working" && publish.lag_seconds < CATCHING_UP_S) return "not filling: Kafka keeps up";
  if (spool.seconds_until_full == null) return "not growing now";
  return lasts(spool.seconds_until_full);
}

// How much more WAL until the slot is lost. Not known is not the same as no limit.
function safeWal({slot_status, safe_wal_bytes: safe, wal_limit}) {
  if (slot_status === "lost") return "the slot is lost";
  if (safe == null) return wal_limit === "none" ? "no limit set" : UNKNOWN;
  return safe < 0 ? `beyond the limit by ${size(-safe)}` : `${size(safe)} more`;
}

const serversOf = (troubles) => [...new Set(troubles.map((trouble) => trouble.server).filter(Boolean))];
const list = (words) => new Intl.ListFormat("en", {type: "conjunction"}).format(words);

function troubleTitle(troubles, sides) {
  const servers = serversOf(troubles);
  if (troubles.every((trouble) => trouble.kind === "at risk")) return "The replication slot is in danger";
  if (!servers.length || troubles.some((trouble) => !trouble.server)) return `${list(sides)} cannot go on`;
  const kinds = new Set(troubles.map((trouble) => trouble.kind));
  const verb = kinds.size > 1 ? "cannot be used" : kinds.has("away") ? (servers.length > 1 ? "are away" : "is away")
      : kinds.has("refuses") ? (servers.length > 1 ? "refuse" : "refuses") : "cannot be used";
  return `${list(servers)} ${verb}`;
}

function captureFact(status) {
  const {capture, spool} = status;
  const works = capture.troubles.every((trouble) => trouble.kind === "at risk");
  if (capture.state === "pausing") return "ends what it does now, and then pauses";
  if (capture.state !== "paused" && capture.state !== "starting" && works) return `goes on: ${changes(spool.backlog_changes)} wait in the spool`;
  const room = capture.safe_wal_bytes;
  const limit = room == null ? "" : room < 0 ? ` The slot is ${safeWal(capture)}.` :
      ` It can keep ${size(room)} more until the slot is lost.`;
  if (spool.phase !== "streaming") return "has not begun: the first snapshot is not complete";
  return `stands still; PostgreSQL keeps the WAL for it.${limit}`;
}

function publishFact({publish, spool}) {
  if (publish.state !== "working") return `stands still; the spool keeps ${changes(spool.backlog_changes)} for it`;
  return spool.backlog_changes ? `goes on with what the spool holds: ${changes(spool.backlog_changes)}` : "has nothing left to do";
}

function troubleAdvice(troubles) {
  const remedies = [...new Set(troubles.map((trouble) => trouble.remedy).filter(Boolean))];
  const servers = serversOf(troubles.filter((trouble) => trouble.kind === "away"));
  if (servers.length) {
    remedies.unshift(`Bring ${list(servers)} back. The relay then goes on by itself; it needs no restart.`);
  }
  return remedies.join("\n") || "See what the server says below. The relay tries again by itself.";
}

function sideFacts(status) {
  const facts = [["Capture", captureFact(status)], ["Publishing", publishFact(status)]];
  if (status.publish.state !== "working") facts.push(["The spool lasts", spoolLasts(status), "key"]);
  return facts;
}

const SIDE_NAMES = {capture: "Capture", publish: "Publishing"};

// The oldest trouble of each side: they need not have begun at the same time.
function sinceFacts(status, sides) {
  return sides.map((side) => {
    const oldest = status[side].troubles.reduce((a, b) => a.seconds >= b.seconds ? a : b);
    return [sides.length > 1 ? `${SIDE_NAMES[side]}: since` : "Since", sinceText(oldest.since, oldest.seconds), "key"];
  });
}

function troubleVerdict(status, sides) {
  const troubles = sides.flatMap((side) => status[side].troubles);
  const oldest = troubles.reduce((a, b) => a.seconds >= b.seconds ? a : b);
  const names = sides.map((side) => SIDE_NAMES[side]);
  return {
    key: "trouble:" + sides + ":" + troubles.map((trouble) => trouble.server + trouble.kind), level: "bad",
    title: troubleTitle(troubles, names),
    facts: [...sinceFacts(status, sides), ...sideFacts(status), ["What to do", troubleAdvice(troubles), "key"]],
    reports: troubles.map((trouble) => trouble.what),
    reportsMatter: troubles.some((trouble) => trouble.kind !== "away"),
    heard: ` since ${clock(oldest.since)}`,
  };
}

function pausedVerdict(status, sides) {
  const names = list(sides.map((side) => side === "capture" ? "capture" : "publishing"));
  return {
    key: "paused:" + sides, level: "warn", title: `An operator has paused ${names}`,
    facts: [...sideFacts(status),
            ["What to do", `Resume when you are ready: bottledwater resume${sides.length === 1 ? " " + sides[0] : ""}, with the relay's --spool.`, "key"]],
  };
}

function stalledVerdict(status) {
  const reasons = status.reasons.map((reason) => reason[0].toUpperCase() + reason.slice(1));
  return {
    key: "stalled", level: "bad", title: "No progress, although there is work", text: reasons.join("\n"),
    facts: [...sideFacts(status), ["What to do", "Look at the recent events below, and at the logs of PostgreSQL and Kafka.", "key"]],
  };
}

function capturingVerdict({capture}) {
  return {
    key: "capturing", level: "busy", title: "Capture is behind PostgreSQL",
    text: `Both sides work. ${size(capture.lag_bytes)} of PostgreSQL's WAL are not captured yet, since ${duration(capture.lag_seconds)}: ` +
          "a large transaction is being decoded, or much was written, perhaps in other databases of the cluster.",
  };
}

function startingVerdict({capture, spool}) {
  const snapshot = capture.state === "starting" && spool.phase !== "streaming";
  return {
    key: "starting", level: "busy", title: snapshot ? "The first snapshot is being taken" : "The relay is starting",
    text: snapshot ? `${count(capture.snapshot_rows)} rows read so far. Consumers see them when all tables are complete.`
                   : "It connects to PostgreSQL and Kafka.",
  };
}

function drainingVerdict(status) {
  const seconds = status.publish.seconds_until_drained;
  const end = seconds == null ? "The backlog does not shrink yet." :
      `It will have caught up in about ${duration(seconds)}, at ${clock(Date.parse(status.time) + seconds * 1000)}.`;
  return {
    key: "draining", level: "busy", title: "Publishing is catching up",
    text: `Both sides work. ${changes(status.spool.backlog_changes)} are on their way from the spool to Kafka. ${end}`,
  };
}

const WELL = {key: "well", level: "ok", title: "Everything works",
              text: "Changes go from PostgreSQL through the spool to Kafka without delay."};

// What matters most now: {key, level, title, text, facts, reports}. `key` changes when it is
// something else.
function verdictOf(status) {
  const sides = (state) => ["capture", "publish"].filter((side) => status[side].state === state);
  const inTrouble = ["capture", "publish"].filter((side) =>
    status[side].state === "trouble" || status[side].troubles.some((trouble) => trouble.kind === "at risk"));
  const paused = [...sides("paused"), ...sides("pausing")];
  if (inTrouble.length) return troubleVerdict(status, inTrouble);
  if (paused.length) return pausedVerdict(status, paused);
  if (!status.ready) return stalledVerdict(status);
  if (sides("starting").length) return startingVerdict(status);
  if (isDraining(status)) return drainingVerdict(status);
  return captureIsBehind(status) ? capturingVerdict(status) : WELL;
}

const moreRoom = ({phase, max_bytes: limit}) => "give it a larger disk" +
    (phase === "snapshot" ? ", since publishing begins when the snapshot is complete" : limit ? " or raise --spool-max-bytes" : "");

function notesOf({capture, publish, spool}) {
  const leftOut = capture.rows_left_out + publish.rows_left_out;
  const unpublished = publish.state !== "working" || publish.lag_seconds >= CATCHING_UP_S;
  return [
    unpublished && !spool.obstacle && spool.seconds_until_full != null && spool.seconds_until_full < FULL_SOON_S &&
        `The spool will soon be full. Capture pauses then, and WAL grows on PostgreSQL's disk: ${moreRoom(spool)}.`,
    leftOut && `${count(leftOut)} ${leftOut === 1 ? "row was" : "rows were"} left out since the start: the tables and the log say which.`,
    publish.held?.length && `${count(publish.held.length)} ${publish.held.length === 1 ? "table is" : "tables are"} held: what waits of them stays in the spool until they are resumed.`,
    spool.tables_to_read_again && `${count(spool.tables_to_read_again)} ${spool.tables_to_read_again === 1 ? "table waits" : "tables wait"} to be read again; the relay does that by itself.`,
  ].filter(Boolean);
}

function silentVerdict(link) {
  const seconds = (Date.now() - link.lastAnswer) / 1000;
  return {
    key: "silent", level: "bad", title: "The relay does not answer",
    facts: [["Since", sinceText(link.lastAnswer, seconds), "key"],
            ["Shown below", link.status ? "the last answer; it may be different now" : "nothing yet"],
            ["What to do", "Look whether the process runs, and at the end of its log. A stopped relay loses nothing: " +
                           "PostgreSQL keeps the WAL and the spool stays, so start it again.", "key"]],
    reports: [link.failure], heard: ` since ${clock(link.lastAnswer)}`,
  };
}

function frozenVerdict(link) {
  return {
    key: "frozen", level: "bad", title: "The relay answers, but its status stands still",
    facts: [["Since", sinceText(link.status.time, (Date.now() - link.lastChange) / 1000), "key"],
            ["What to do", "Look at the end of its log. When GET /livez answers 503 as well, restart it: nothing is lost.", "key"]],
  };
}

// --- What is remembered between polls ------------------------------------------------------------

const link = {lastAnswer: Date.now(), lastChange: Date.now(), failures: 0, failure: "", status: null};
const samples = [];       // {time, captured, published, backlog}, of the last five minutes.
const tableSamples = [];  // {time, changes: Map}, of the last polls.
let largestBacklog = 0;   // Since publishing last kept up.
const view = {sort: "changes", descending: true, allEvents: false, said: ""};

function remember(status) {
  if (link.status?.time !== status.time) link.lastChange = Date.now();
  Object.assign(link, {lastAnswer: Date.now(), failures: 0, status});
  const time = Date.parse(status.time);
  samples.push({time, captured: status.capture.changes_per_second, published: status.publish.changes_per_second,
                backlog: status.spool.backlog_changes});
  while (time - samples[0].time > HISTORY_MS) samples.shift();
  tableSamples.push({time, changes: new Map(status.publish.tables.map((table) => [table.table, table.changes]))});
  while (tableSamples.length > RATE_SAMPLES) tableSamples.shift();
  largestBacklog = isBehind(status) ? Math.max(largestBacklog, status.spool.backlog_changes) : 0;
}

// Changes per second of a table; null before the second poll and after a restart.
function tableRate(name, now) {
  const [oldest] = tableSamples;
  const seconds = (tableSamples.at(-1).time - oldest.time) / 1000;
  const difference = now - (oldest.changes.get(name) ?? 0);
  return seconds > 0 && difference >= 0 ? difference / seconds : null;
}

// --- Showing -------------------------------------------------------------------------------------

// Leaves what is equal alone, so that a selection and a screen reader's place stay.
function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  if (text != null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function show(name, text) {
  setText(document.querySelector(`[data-show=${name}]`), text);
}

function icon(level) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", "#icon-" + level);
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// Pairs for a <dl>: [term, text, class of the text].
function setPairs(element, pairs) {
  if (element.childElementCount !== 2 * pairs.length) {
    element.replaceChildren(...pairs.flatMap(() => [make("dt"), make("dd")]));
  }
  pairs.forEach(([term, text, key], i) => {
    setText(element.children[2 * i], term);
    setText(element.children[2 * i + 1], text);
    element.children[2 * i + 1].className = key || "";
  });
}

function setItems(element, texts) {
  if (element.childElementCount !== texts.length) element.replaceChildren(...texts.map(() => make("li")));
  texts.forEach((text, i) => setText(element.children[i], text));
}

function showVerdict(verdict, notes) {
  const reports = byId("verdict-reports");
  byId("verdict").dataset.level = verdict.level;
  byId("verdict").querySelector("use").setAttribute("href", "#icon-" + verdict.level);
  setText(byId("verdict-title"), verdict.title);
  setText(byId("verdict-text"), verdict.text || "");
  setPairs(byId("verdict-facts"), verdict.facts || []);
  reports.hidden = !verdict.reports?.length;
  setItems(reports.querySelector("ul"), verdict.reports || []);
  setItems(byId("notes"), notes);
  if (view.said === verdict.key) return;
  view.said = verdict.key;
  reports.open = Boolean(verdict.reportsMatter);
  announce(verdict);
  document.title = (verdict.level === "ok" ? "" : "(!) ") + `${verdict.title} – Bottled Water`;
}

// For screen readers, and only when something else is the matter than before.
function announce(verdict) {
  setText(byId("announcer"), `${verdict.title}${verdict.heard || ""}.`);
}

const STATES = {working: ["Working", "ok"], trouble: ["Trouble", "bad"], pausing: ["Pausing", "warn"], paused: ["Paused", "warn"], starting: ["Starting", "busy"]};
const SILENT = ["Not known", "warn"];

function showState(id, [word, level]) {
  const element = byId(id).querySelector(".state");
  if (element.dataset.shown === word) return;
  Object.assign(element.dataset, {shown: word, level});
  element.replaceChildren(icon(level), make("span", word));
}

function showFlow(id, state, perSecond) {
  const flow = state !== "working" ? "stopped" : perSecond > 0 ? "flowing" : "idle";
  const level = {stopped: state === "starting" ? "busy" : /^paus/.test(state) ? "warn" : "bad", flowing: "ok", idle: "busy"};
  Object.assign(byId(id).dataset, {flow, level: level[flow]});
  setText(byId(id).querySelector("span"), flow);
}

function spoolState(status) {
  const {spool, publish} = status;
  if (spool.obstacle) return ["Full", "bad"];
  if (isDraining(status)) return ["Draining", "busy"];
  if (publish.state !== "working" && spool.backlog_changes) return ["Filling", "warn"];
  return spool.phase === "streaming" ? ["Working", "ok"] : ["Starting", "busy"];
}

function showPipeline(status) {
  const {capture, spool, publish} = status;
  showState("capture", STATES[capture.state] || SILENT);
  showState("spool", spoolState(status));
  showState("publish", STATES[publish.state] || SILENT);
  showFlow("capture-flow", capture.state, capture.changes_per_second);
  showFlow("publish-flow", publish.state, publish.changes_per_second);
  show("captured-rate", rate(capture.changes_per_second));
  show("captured-total", changes(capture.changes));
  show("wal", size(capture.wal_on_disk_bytes ?? capture.retained_wal_bytes));
  show("safe-wal", safeWal(capture));
  show("backlog", count(spool.backlog_changes));
  show("spool-size", size(spool.bytes));
  show("spool-room", size(spool.room_bytes));
  show("spool-lasts", spoolLasts(status));
  show("published-rate", rate(publish.changes_per_second));
  show("published-total", changes(publish.changes));
  show("published-bytes", size(publish.bytes));
  show("lag", publish.lag_seconds < 1 ? "less than 1 s old" : `${duration(publish.lag_seconds)} old`);
}

// The line's runs of samples that follow each other, as SVG points.
function sparkRuns(series, highest) {
  const end = samples.at(-1).time;
  const runs = [];
  let before = -Infinity;
  for (const sample of samples) {
    if (sample[series] == null) continue;
    if (sample.time - before > GAP_MS) runs.push([]);
    before = sample.time;
    runs.at(-1).push([300 - 300 * (end - sample.time) / HISTORY_MS, 39 - 36 * sample[series] / highest]);
  }
  return runs;
}

function showSpark(svg) {
  const series = svg.dataset.series;
  const highest = Math.max(...samples.map((sample) => sample[series] ?? 0));
  const runs = sparkRuns(series, highest || 1);
  const points = (run) => run.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join("L");
  const area = (run) => `M${run[0][0].toFixed(1)},40L${points(run)}L${run.at(-1)[0].toFixed(1)},40Z`;
  svg.querySelector(".line").setAttribute("d", runs.map((run) => "M" + points(run)).join(""));
  svg.querySelector(".area").setAttribute("d", runs.map(area).join(""));
  const text = `at most ${rate(highest)}${series === "backlog" ? "" : "/s"} in the last ${duration(covered())}`;
  svg.setAttribute("aria-label", `Chart of ${series}: ${text}`);
  show(series + "-peak", text);
}

const covered = () => Math.max(1, (samples.at(-1).time - samples[0].time) / 1000);

function showDrain(status) {
  byId("drain").hidden = !isDraining(status);
  if (!isDraining(status)) return;
  const left = status.spool.backlog_changes;
  const done = largestBacklog ? 1 - left / largestBacklog : 0;
  const seconds = status.publish.seconds_until_drained;
  const end = seconds == null ? "its end is not known yet" :
      `ends at about ${clock(Date.parse(status.time) + seconds * 1000)}, in ${duration(seconds)}`;
  byId("drain-bar").value = done;
  setText(byId("drain-text"), `${Math.floor(done * 100)} % done: ${count(left)} of ${changes(largestBacklog)} ` +
          `still wait (the largest backlog seen here); ${end}.`);
}

// --- Tables --------------------------------------------------------------------------------------

function tablesShown(tables) {
  const wanted = byId("filter").value.trim().toLowerCase();
  const rows = tables.filter((table) => table.table.toLowerCase().includes(wanted))
      .map((table) => ({...table, rate: tableRate(table.table, table.changes)}));
  const compare = (a, b) => view.sort === "table" ? a.table.localeCompare(b.table) : (a[view.sort] ?? -1) - (b[view.sort] ?? -1);
  rows.sort((a, b) => (view.descending ? -1 : 1) * compare(a, b) || a.table.localeCompare(b.table));
  return rows;
}

function tableRow() {
  const row = make("tr");
  row.append(make("th", "", {scope: "row"}), make("td"), make("td"), make("td", "", {class: "wide"}), make("td"));
  return row;
}

function showTables({publish}) {
  const rows = tablesShown(publish.tables);
  const shown = rows.slice(0, TABLES_MAX);
  const body = byId("tables");
  while (body.children.length > shown.length) body.lastChild.remove();
  while (body.children.length < shown.length) body.append(tableRow());
  shown.forEach((table, i) => {
    const leftOut = table.rows_left_out;
    const texts = [table.table, count(table.changes), rate(table.rate), size(table.bytes), leftOut ? `${count(leftOut)} left out` : "0"];
    texts.forEach((text, column) => setText(body.children[i].children[column], text));
    body.children[i].classList.toggle("left-out", leftOut > 0);
  });
  setText(byId("tables-note"), !publish.tables.length ? "Nothing was published yet since the relay started." :
      `${count(shown.length)} of ${count(publish.tables.length)} tables of which something was published since the relay started.`);
}

function sortBy(header) {
  const column = header.dataset.sort;
  view.descending = view.sort === column ? !view.descending : column !== "table";
  view.sort = column;
  for (const other of document.querySelectorAll("[data-sort]")) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", view.descending ? "descending" : "ascending");
  if (link.status) showTables(link.status);
}

// --- Events --------------------------------------------------------------------------------------

const LEVELS = {warning: "warn", error: "bad", critical: "bad"};

// A message's own lines (SQL, commands) as code.
function appendLines(parent, text) {
  const [first, ...own] = text.split(/\n\s*/);
  parent.append(first, ...own.map((line) => make("code", line)));
}

// "... What you can do: (1) this; (2) that": each remedy on a line of its own.
function messageElement(message) {
  const element = make("div", null, {class: "message"});
  const [said, remedies] = message.split(/ What you can do: (?=\(1\))/);
  appendLines(element, remedies ? `${said} What you can do:` : said);
  if (!remedies) return element;
  const steps = make("ol");
  for (const remedy of remedies.split(/(?:; |\n\s*|^)\(\d+\) /).slice(1)) {
    appendLines(steps.appendChild(make("li")), remedy);
  }
  element.append(steps);
  return element;
}

function eventElement({time, level, message}) {
  const item = make("li", null, {class: "event"});
  item.append(make("time", clock(time), {datetime: time}),
              make("span", level, {class: "level", "data-level": LEVELS[level] || "none"}), messageElement(message));
  return item;
}

function showEvents({events}) {
  const wanted = byId("only-problems").checked ? events.filter((event) => LEVELS[event.level]) : events;
  const shown = wanted.slice(view.allEvents ? 0 : -EVENTS_MAX).reverse();
  const more = byId("more-events");
  more.hidden = wanted.length <= EVENTS_MAX;
  setText(more, view.allEvents ? `Show the newest ${EVENTS_MAX}` : `Show all ${wanted.length}`);
  more.setAttribute("aria-expanded", view.allEvents);
  const state = JSON.stringify(shown);
  if (byId("events").shown === state) return;
  byId("events").shown = state;
  const none = make("li", wanted === events ? "None yet." : "No warnings, no errors.", {class: "event"});
  byId("events").replaceChildren(...(shown.length ? shown.map(eventElement) : [none]));
}

// --- The rest ------------------------------------------------------------------------------------

// [term, text, needs attention].
function figuresOf({capture, publish}) {
  const counted = (term, n) => [term, count(n), n > 0];
  return [
    ["Transactions captured", count(capture.transactions)], ["Rows read by snapshots", count(capture.snapshot_rows)],
    ["Messages in Kafka", count(publish.messages)], ["Kafka transactions", count(publish.kafka_transactions)],
    counted("Rows left out", capture.rows_left_out + publish.rows_left_out),
    counted("Changes without a key", capture.changes_without_key),
    counted("Rows with a TOAST placeholder", capture.rows_with_unavailable_values),
    counted("TRUNCATEs", capture.truncates),
    ["Duplicates prevented", count(publish.repeats_prevented)],
    ["Durable in the spool up to", capture.captured_lsn || UNKNOWN], ["Confirmed to PostgreSQL", capture.confirmed_lsn || UNKNOWN],
    ["Committed in Kafka up to", publish.published_lsn || UNKNOWN],
  ];
}

function showFigures(status) {
  byId("figures").replaceChildren(...figuresOf(status).map(([term, text, attention]) => {
    const pair = make("div", null, {class: attention ? "attention" : ""});
    pair.append(make("dt", term), make("dd", attention ? `⚠ ${text}` : text));
    return pair;
  }));
}

function showAbout({version, source}) {
  setText(byId("source"), source.database ? `database ${source.database}, slot ${source.slot}` : "");
  setText(byId("about"), `Version ${version}. PostgreSQL cluster ${source.system_identifier || "not known yet"}. Times are this browser's (` +
          `${Intl.DateTimeFormat().resolvedOptions().timeZone}); figures count from the relay's start.`);
}

function showStatus(status) {
  const frozen = Date.now() - link.lastChange > FROZEN_MS;
  showVerdict(frozen ? frozenVerdict(link) : verdictOf(status), notesOf(status));
  setText(byId("updated"), `live, as of ${clock(status.time)}`);
  showPipeline(status);
  document.querySelectorAll(".spark").forEach(showSpark);
  showDrain(status);
  showTables(status);
  showEvents(status);
  showFigures(status);
  showAbout(status);
}

function showSilence() {
  showVerdict(silentVerdict(link), []);
  setText(byId("updated"), link.status ? `not live: as of ${clock(link.status.time)}` : "no answer yet");
  byId("drain").hidden = true;
  for (const id of ["capture", "spool", "publish"]) showState(id, SILENT);
  for (const id of ["capture-flow", "publish-flow"]) {
    Object.assign(byId(id).dataset, {flow: "stopped", level: "warn"});
    setText(byId(id).querySelector("span"), "not known");
  }
}

// --- Asking --------------------------------------------------------------------------------------

async function ask() {
  const response = await fetch("./status", {cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS)});
  if (!response.ok) throw new Error(`GET /status was answered with ${response.status}`);
  return response.json();
}

function explain(error) {
  return error.name === "TimeoutError" ? `GET /status took longer than ${TIMEOUT_MS / 1000} s` : String(error.message || error);
}

async function poll() {
  const status = await ask().catch((error) => {
    link.failure = explain(error);
    return null;
  });
  setTimeout(poll, POLL_MS);
  if (status) {
    remember(status);
    showStatus(status);
  } else if (++link.failures > 1 || !link.status) {  // A single lost answer is not worth an alarm.
    showSilence();
  }
}

for (const header of document.querySelectorAll("[data-sort]")) header.querySelector("button").onclick = () => sortBy(header);
byId("filter").oninput = () => link.status && showTables(link.status);
byId("only-problems").onchange = () => link.status && showEvents(link.status);
byId("more-events").onclick = () => {
  view.allEvents = !view.allEvents;
  if (link.status) showEvents(link.status);
};
poll();
