// The official Wix client (@wix/sdk and @wix/data), as it is, against the sandbox.

import assert from "node:assert/strict";

import { collections, indexes, items } from "@wix/data";
import { ApiKeyStrategy, createClient } from "@wix/sdk";

import { check, door, refusal, runChecks, server } from "./checks.mjs";

const sent = []; // every request of every client: {method, url, headers}

// `fetch` is an option of createClient; all that is done in it is to send the request to another origin.
async function connect(origin, apiKey) {
  const { wixKey, siteId } = await door("", undefined, origin);
  const redirected = (url, init = {}) => {
    const target = String(url).replace("https://www.wixapis.com", origin);
    sent.push({ method: init.method ?? "GET", url: target, headers: new Headers(init.headers) });
    return fetch(target, init);
  };
  return createClient({
    auth: ApiKeyStrategy({ siteId, apiKey: apiKey ?? wixKey }),
    modules: { items, collections, indexes },
    fetch: redirected,
  });
}

const wix = await connect(server);
const PERMISSIONS = { insert: "ADMIN", update: "ADMIN", remove: "ADMIN", read: "ANYONE" };
const DAY = new Date("2024-01-02T03:04:05.678Z");
let made = 0;

const ROWS = [
  {
    _id: "a1", name: "Acme", state: "TX", trucks: 10, dot: 123, active: true, tags: ["reefer", "flatbed"], added: DAY,
    boss: "d1", note: "", address: { city: "Reno", geo: { lat: 1.5 } },
  },
  {
    _id: "a2", name: "birch lines", state: "TX", trucks: 4, dot: 200, active: false, tags: ["flatbed"],
    added: new Date("2024-06-01T00:00:00.000Z"), boss: "gone", note: null,
  },
  { _id: "a3", name: "Cold", state: "CA", trucks: 6, dot: "200", active: true, tags: [], added: new Date("2025-01-01T00:00:00Z"), address: { city: "Elko" } },
  { _id: "a4", name: "100% Delta", state: "NV", tags: ["tanker"] },
];
const DRIVERS = ["Dana", "Eli", "Finn"].map((name, n) => ({ _id: `d${n + 1}`, name }));

// Two new collections that reference each other; `rows` go into the first, DRIVERS into the second.
async function newSite({ rows = ROWS, client = wix } = {}) {
  made += 1;
  const [C, D] = [`Carriers${made}`, `Drivers${made}`];
  await client.collections.createDataCollection({
    _id: D, displayName: "Drivers", fields: [{ key: "name", displayName: "Name", type: "TEXT" }], permissions: PERMISSIONS,
  });
  const both = { referencedCollectionId: D, referencingFieldKey: "carriers", referencingDisplayName: "Carriers" };
  await client.collections.createDataCollection({
    _id: C,
    displayName: "Carriers",
    fields: [
      { key: "name", displayName: "Name", type: "TEXT" },
      { key: "dot", displayName: "DOT", type: "NUMBER" },
      { key: "added", displayName: "Added", type: "DATETIME" },
      { key: "tags", displayName: "Tags", type: "ARRAY_STRING" },
      { key: "boss", displayName: "Boss", type: "REFERENCE", typeMetadata: { reference: { referencedCollectionId: D } } },
      { key: "drivers", displayName: "Drivers", type: "MULTI_REFERENCE", typeMetadata: { multiReference: both } },
    ],
    permissions: PERMISSIONS,
  });
  if (rows.length) await client.items.bulkInsert(C, rows);
  await client.items.bulkInsert(D, DRIVERS);
  return { C, D };
}

const ids = (result) => result.items.map((item) => item._id);
const codeOf = (error) => error.details?.applicationError?.code ?? error.code;
const last = () => sent[sent.length - 1];

async function numbered(count) {
  const { C, D } = await newSite({ rows: [] });
  for (let start = 0; start < count; start += 1000) {
    const size = Math.min(1000, count - start);
    await wix.items.bulkInsert(C, Array.from({ length: size }, (_, n) => ({ _id: `i${String(start + n).padStart(5, "0")}`, n: start + n })));
  }
  return { C, D };
}

async function finished(jobId) {
  for (let tries = 0; tries < 200; tries += 1) {
    const told = await wix.items.getAsyncJobStatus(jobId);
    if (["SUCCEEDED", "FAILED"].includes(told.status)) return told;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`job ${jobId} did not end`);
}

// ---------------------------------------------------------------------- items.query: what is found

async function found(refine) {
  const { C } = await shared;
  return ids(await refine(wix.items.query(C)).ascending("_id").find());
}
const shared = newSite();

check("eq compares values of the same type and any element of an array", async () => {
  assert.deepEqual(await found((q) => q.eq("state", "TX")), ["a1", "a2"]);
  assert.deepEqual(await found((q) => q.eq("dot", 200)), ["a2"]);
  assert.deepEqual(await found((q) => q.eq("dot", "200")), ["a3"]);
  assert.deepEqual(await found((q) => q.eq("tags", "flatbed")), ["a1", "a2"]);
  assert.deepEqual(await found((q) => q.eq("active", true)), ["a1", "a3"]);
  assert.deepEqual(await found((q) => q.eq("name", "acme")), []);
});

check("ne leaves out what is equal and keeps what has no value", async () => {
  assert.deepEqual(await found((q) => q.ne("state", "TX")), ["a3", "a4"]);
  assert.deepEqual(await found((q) => q.ne("tags", "flatbed")), ["a3", "a4"]);
  assert.deepEqual(await found((q) => q.ne("trucks", 10)), ["a2", "a3", "a4"]);
});

check("gt ge lt le compare numbers strings and dates", async () => {
  assert.deepEqual(await found((q) => q.gt("trucks", 4)), ["a1", "a3"]);
  assert.deepEqual(await found((q) => q.ge("trucks", 4)), ["a1", "a2", "a3"]);
  assert.deepEqual(await found((q) => q.lt("trucks", 6)), ["a2"]);
  assert.deepEqual(await found((q) => q.le("trucks", 6)), ["a2", "a3"]);
  assert.deepEqual(await found((q) => q.gt("name", "Z")), ["a2"]);
  assert.deepEqual(await found((q) => q.gt("added", DAY)), ["a2", "a3"]);
  assert.deepEqual(await found((q) => q.le("added", DAY)), ["a1"]);
  assert.deepEqual(await found((q) => q.eq("added", DAY)), ["a1"]);
  assert.deepEqual(await found((q) => q.gt("_id", "a2")), ["a3", "a4"]);
});

check("between takes its start and leaves out its end", async () => {
  assert.deepEqual(await found((q) => q.between("trucks", 4, 10)), ["a2", "a3"]);
  assert.deepEqual(await found((q) => q.between("added", DAY, new Date("2025-01-01T00:00:00Z"))), ["a1", "a2"]);
});

check("startsWith endsWith and contains ignore case and take every character as it is", async () => {
  assert.deepEqual(await found((q) => q.startsWith("name", "AC")), ["a1"]);
  assert.deepEqual(await found((q) => q.endsWith("name", "LINES")), ["a2"]);
  assert.deepEqual(await found((q) => q.contains("name", "OL")), ["a3"]);
  assert.deepEqual(await found((q) => q.contains("name", "%")), ["a4"]);
  assert.deepEqual(await found((q) => q.contains("name", "_")), []);
});

check("hasSome and hasAll look into arrays and at single values", async () => {
  assert.deepEqual(await found((q) => q.hasSome("tags", ["reefer", "tanker"])), ["a1", "a4"]);
  assert.deepEqual(await found((q) => q.hasAll("tags", ["reefer", "flatbed"])), ["a1"]);
  assert.deepEqual(await found((q) => q.hasSome("state", "TX", "NV")), ["a1", "a2", "a4"]);
  assert.deepEqual(await found((q) => q.hasSome("_id", ["a3", "a1"])), ["a1", "a3"]);
  assert.deepEqual(await found((q) => q.hasSome("tags", [])), []);
});

check("isEmpty is null or missing and the empty string is a value", async () => {
  assert.deepEqual(await found((q) => q.isEmpty("note")), ["a2", "a3", "a4"]);
  assert.deepEqual(await found((q) => q.isNotEmpty("note")), ["a1"]);
  assert.deepEqual(await found((q) => q.eq("note", null)), ["a2", "a3", "a4"]);
  assert.deepEqual(await found((q) => q.eq("note", undefined)), ["a2", "a3", "a4"]);
  assert.deepEqual(await found((q) => q.eq("note", "")), ["a1"]);
});

check("or and not join filters", async () => {
  assert.deepEqual(await found((q) => q.eq("state", "CA").or(wix.items.filter().eq("trucks", 4))), ["a2", "a3"]);
  assert.deepEqual(await found((q) => q.ge("trucks", 1).and(wix.items.filter().eq("active", true))), ["a1", "a3"]);
  assert.deepEqual(await found((q) => q.not(wix.items.filter().eq("state", "TX"))), ["a3", "a4"]);
  const odd = wix.items.filter().gt("trucks", 5).not(wix.items.filter().eq("name", "Cold"));
  assert.deepEqual(await found((q) => q.isNotEmpty("state").and(odd.or(wix.items.filter().eq("_id", "a4")))), ["a1", "a4"]);
});

check("two conditions on one field both hold", async () => {
  assert.deepEqual(await found((q) => q.gt("trucks", 4).lt("trucks", 10)), ["a3"]);
  assert.deepEqual(await found((q) => q.ne("state", "TX").ne("state", "NV")), ["a3"]);
});

check("dotted paths reach into objects", async () => {
  assert.deepEqual(await found((q) => q.eq("address.city", "Reno")), ["a1"]);
  assert.deepEqual(await found((q) => q.gt("address.geo.lat", 1)), ["a1"]);
  assert.deepEqual(await found((q) => q.isNotEmpty("address")), ["a1", "a3"]);
});

check("a filter given as an object may use in nin and exists", async () => {
  const { C } = await shared;
  const select = async (where) => ids(await wix.items.query(C, { filter: where, sort: [{ fieldName: "_id", order: "ASC" }] }));
  assert.deepEqual(await select({ trucks: { $in: [4, 6] } }), ["a2", "a3"]);
  assert.deepEqual(await select({ trucks: { $exists: false } }), ["a4"]);
  assert.deepEqual(await select({ $or: [{ state: "CA" }, { state: "NV" }] }), ["a3", "a4"]);
});

check("an unknown operator and a regular expression are refused", async () => {
  const { C } = await shared;
  assert.equal(codeOf(await refusal(wix.items.query(C, { filter: { name: { $regex: "A" } } }))), "WDE0070");
  const odd = await refusal(wix.items.query(C, { filter: { name: { $nonsense: 1 } } }));
  assert.match(odd.message, /nonsense|WDE/);
});

// ---------------------------------------------------------------------- items.query: order, pages, shape

check("without a sort the newest come first", async () => {
  const { C } = await newSite({ rows: [] });
  for (const id of ["x", "y", "z"]) {
    await wix.items.insert(C, { _id: id });
    await door("/clock", { advance: 1 });
  }
  assert.deepEqual(ids(await wix.items.query(C).find()), ["z", "y", "x"]);
});

check("ascending and descending sort by several fields with missing values lowest", async () => {
  const { C } = await shared;
  const query = wix.items.query(C);
  assert.deepEqual(ids(await query.ascending("trucks").find()), ["a4", "a2", "a3", "a1"]);
  assert.deepEqual(ids(await query.descending("trucks").find()), ["a1", "a3", "a2", "a4"]);
  assert.deepEqual(ids(await query.ascending("name").find()), ["a4", "a1", "a3", "a2"]);
  assert.deepEqual(ids(await query.descending("state").ascending("trucks").find()), ["a2", "a1", "a4", "a3"]);
});

check("limit pages forth and back with the total when it is asked for", async () => {
  const { C } = await numbered(101);
  const first = await wix.items.query(C).ascending("_id").gt("_id", "i").limit(50).find({ consistentRead: true, returnTotalCount: true });
  assert.deepEqual([first.length, first.totalCount, first.totalPages, first.currentPage, first.hasNext(), first.hasPrev()], [50, 101, 3, 0, true, false]);
  const second = await first.next();
  assert.deepEqual([second.items[0].n, second.currentPage, second.hasPrev()], [50, 1, true]);
  const third = await second.next();
  assert.deepEqual([third.items.map((item) => item.n), third.hasNext()], [[100], false]);
  const back = await third.prev();
  assert.deepEqual(back.items.map((item) => item.n), second.items.map((item) => item.n));
});

check("fifty is the page where no limit is given and next goes on from there", async () => {
  const { C } = await numbered(120);
  let page = await wix.items.query(C).ascending("n").find();
  assert.equal(page.totalCount, undefined);
  const sizes = [page.length];
  const seen = [...page.items];
  while (page.hasNext()) {
    page = await page.next();
    sizes.push(page.length);
    seen.push(...page.items);
  }
  assert.deepEqual(sizes, [50, 50, 20]);
  assert.deepEqual(seen.map((item) => item.n), Array.from({ length: 120 }, (_, n) => n));
});

check("pages of a thousand bring every item once", async () => {
  const { C } = await numbered(2500);
  const seen = [];
  let page = await wix.items.query(C).ascending("_id").limit(1000).find();
  for (seen.push(...page.items); page.hasNext(); seen.push(...page.items)) page = await page.next();
  assert.equal(new Set(seen.map((item) => item._id)).size, 2500);
  assert.equal(seen.length, 2500);
});

check("skip starts further on", async () => {
  const { C } = await numbered(12);
  const page = await wix.items.query(C).ascending("n").skip(10).limit(5).find();
  assert.deepEqual([page.items.map((item) => item.n), page.hasNext()], [[10, 11], false]);
});

check("a limit above a thousand is refused by the server and zero by the client", async () => {
  const { C } = await shared;
  const error = await refusal(wix.items.query(C).limit(1001).find());
  assert.equal(error.details.validationError.fieldViolations[0].field, "query.paging.limit");
  const none = await refusal((async () => wix.items.query(C).limit(0).find())());
  assert.match(none.message, /WDE0033/);
});

check("fields brings those and the id alone", async () => {
  const { C } = await shared;
  const page = await wix.items.query(C).fields("name", "address.city").ascending("_id").find();
  assert.deepEqual(page.items[0], { _id: "a1", name: "Acme", address: { city: "Reno" } });
  assert.deepEqual(page.items[3], { _id: "a4", name: "100% Delta" });
});

check("a random order has every item and the same seed the same order", async () => {
  const { C } = await numbered(40);
  const [one, two] = [await wix.items.query(C).randomSort({ seed: 7 }).find(), await wix.items.query(C).randomSort({ seed: 7 }).find()];
  assert.deepEqual(ids(one), ids(two));
  assert.equal(new Set(ids(one)).size, 40);
  assert.notDeepEqual(ids(one), ids(await wix.items.query(C).randomSort({ seed: 8 }).find()));
});

check("include puts the referenced item in place and leaves a dangling id", async () => {
  const { C } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d2", "d3", "d1"]);
  const page = await wix.items.query(C).include("boss", "drivers").ascending("_id").find();
  assert.deepEqual([page.items[0].boss._id, page.items[0].boss.name], ["d1", "Dana"]);
  assert.ok(page.items[0].boss._createdDate instanceof Date);
  assert.deepEqual(page.items[0].drivers.map((driver) => driver.name).sort(), ["Dana", "Eli", "Finn"]);
  assert.equal(typeof (page.items[1].boss ?? ""), "string");
  assert.equal(page.items.length, 4);
  const plain = await wix.items.query(C).ascending("_id").find();
  assert.deepEqual([plain.items[0].boss, "drivers" in plain.items[0]], ["d1", false]);
  const cut = await wix.items.query(C).include("drivers", 2).eq("_id", "a1").find();
  assert.equal(cut.items[0].drivers.length, 2);
});

check("a multi-reference is found by the ids it holds", async () => {
  const { C } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d1", "d2"]);
  await wix.items.insertReference(C, "drivers", "a3", "d2");
  const query = wix.items.query(C).ascending("_id");
  assert.deepEqual(ids(await query.hasSome("drivers", ["d2"]).find()), ["a1", "a3"]);
  assert.deepEqual(ids(await query.hasAll("drivers", ["d1", "d2"]).find()), ["a1"]);
});

check("the options of a read change nothing but what they say", async () => {
  const { C } = await shared;
  const options = { suppressHooks: true, language: "en", showDrafts: true, appOptions: { x: 1 }, consistentRead: true };
  assert.equal((await wix.items.query(C).find(options)).length, 4);
});

check("a short query is a GET and one longer than 2048 characters a POST", async () => {
  const { C } = await shared;
  await wix.items.query(C).eq("state", "TX").find();
  assert.deepEqual([last().method, new URL(last().url).searchParams.has(".r")], ["GET", true]);
  const many = Array.from({ length: 200 }, (_, n) => `nobody-with-a-long-id-${n}`);
  const page = await wix.items.query(C).hasSome("_id", [...many, "a3"]).find();
  assert.deepEqual([last().method, new URL(last().url).pathname], ["POST", "/wix-data/v2/items/query"]);
  assert.deepEqual(ids(page), ["a3"]);
});

check("a query given as an object finds the same", async () => {
  const { C } = await shared;
  const told = await wix.items.query(C, { filter: { state: "TX" }, sort: [{ fieldName: "_id", order: "DESC" }], fields: ["name"] }, { consistentRead: true });
  assert.deepEqual(told.items, [{ _id: "a2", name: "birch lines" }, { _id: "a1", name: "Acme" }]);
});

// ---------------------------------------------------------------------- count and distinct

check("count counts what the query holds for", async () => {
  const { C } = await shared;
  assert.equal(await wix.items.query(C).eq("state", "TX").count(), 2);
  assert.equal(await wix.items.count(C), 4);
  assert.equal(await wix.items.count(C, { filter: { trucks: { $gt: 4 } }, consistentRead: true }), 2);
});

check("distinct gives each value once and looks into arrays", async () => {
  const { C } = await shared;
  assert.deepEqual((await wix.items.query(C).distinct("state")).items, ["CA", "NV", "TX"]);
  assert.deepEqual((await wix.items.query(C).eq("state", "TX").distinct("tags")).items, ["flatbed", "reefer"]);
  assert.deepEqual((await wix.items.distinct(C, "state")).values, ["CA", "NV", "TX"]);
});

check("distinct values come in pages in the order asked for", async () => {
  const { C } = await numbered(70);
  let page = await wix.items.query(C).descending("n").distinct("n");
  const seen = [...page.items];
  while (page.hasNext()) {
    page = await page.next();
    seen.push(...page.items);
  }
  assert.deepEqual(seen, Array.from({ length: 70 }, (_, n) => 69 - n));
  const few = await wix.items.query(C).gt("n", 9).limit(3).distinct("n");
  assert.deepEqual(few.items, [10, 11, 12]);
});

// ---------------------------------------------------------------------- one item

check("insert answers the item with its id owner and times and keeps dates at any depth", async () => {
  const { C } = await newSite({ rows: [] });
  const item = { name: "A & B", added: DAY, nested: { d: new Date(0), n: null, list: [{ at: DAY }] }, tags: ["x"], n: 0.1 };
  const made = await wix.items.insert(C, item);
  assert.match(made._id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(made._createdDate instanceof Date && made._updatedDate instanceof Date);
  assert.equal(typeof made._owner, "string");
  const { _id, _owner, _createdDate, _updatedDate, ...rest } = made;
  assert.deepEqual(rest, item);
  assert.deepEqual(await wix.items.get(C, _id), made);
});

check("insert keeps an id that is given and refuses it a second time", async () => {
  const { C } = await newSite({ rows: [] });
  assert.equal((await wix.items.insert(C, { _id: "my-id", n: 1 }))._id, "my-id");
  assert.equal(codeOf(await refusal(wix.items.insert(C, { _id: "my-id", n: 2 }))), "WDE0074");
  assert.equal((await wix.items.get(C, "my-id")).n, 1);
});

check("the times that a client sends are ignored and its owner is kept", async () => {
  const { C } = await newSite({ rows: [] });
  const made = await wix.items.insert(C, { _id: "t", _createdDate: new Date(0), _updatedDate: new Date(0), _owner: "me" });
  assert.ok(made._createdDate.getFullYear() > 2000 && made._updatedDate.getFullYear() > 2000);
  assert.equal(made._owner, "me");
});

check("get gives one item with its fields or its references or null for none", async () => {
  const { C } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d1", "d2"]);
  assert.equal((await wix.items.get(C, "a1")).name, "Acme");
  assert.deepEqual(await wix.items.get(C, "a1", { fields: ["name"] }), { _id: "a1", name: "Acme" });
  const full = await wix.items.get(C, "a1", { consistentRead: true, includeReferences: [{ field: "drivers", limit: 1 }, { field: "boss" }] });
  assert.deepEqual([full.boss.name, full.drivers.length], ["Dana", 1]);
  assert.equal(await wix.items.get(C, "zz"), null);
});

check("ids of odd characters are found again", async () => {
  const { C } = await newSite({ rows: [] });
  for (const id of ["a/b c%", "query", "ü & = +", "https://x.example/1"]) {
    await wix.items.insert(C, { _id: id, n: 1 });
    assert.equal((await wix.items.get(C, id))?._id, id);
    assert.deepEqual(await wix.items.get(C, id, { fields: ["n"] }), { _id: id, n: 1 });
    assert.equal((await wix.items.update(C, { _id: id, n: 2 })).n, 2);
    assert.equal((await wix.items.remove(C, id))._id, id);
    assert.equal(await wix.items.get(C, id), null);
  }
});

check("update replaces the whole item keeps its birth and moves its time", async () => {
  const { C } = await newSite();
  const before = await wix.items.get(C, "a1");
  await door("/clock", { advance: 5 });
  const after = await wix.items.update(C, { _id: "a1", name: "New" });
  assert.deepEqual(Object.keys(after).sort(), ["_createdDate", "_id", "_owner", "_updatedDate", "name"]);
  assert.deepEqual(after._createdDate, before._createdDate);
  assert.ok(after._updatedDate - before._updatedDate >= 5000);
  assert.equal(codeOf(await refusal(wix.items.update(C, { _id: "zz" }))), "WDE0073");
});

check("save inserts what is new and replaces what is there", async () => {
  const { C } = await newSite();
  assert.equal((await wix.items.save(C, { _id: "a1", n: 1 })).name, undefined);
  assert.equal((await wix.items.save(C, { _id: "b1", n: 2 }))._id, "b1");
  assert.ok((await wix.items.save(C, { n: 3 }))._id);
  assert.equal(await wix.items.count(C), 6);
});

check("patch sets removes increments and works on arrays and leaves the rest", async () => {
  const { C } = await newSite();
  const told = await wix.items
    .patch(C, "a1")
    .setField("x", 1)
    .setField("address.city", "Elko")
    .incrementField("trucks", 2)
    .appendToArray("tags", "tanker")
    .removeFromArray("tags", "reefer")
    .removeField("note")
    .run();
  assert.deepEqual([told.x, told.trucks, told.tags, told.name], [1, 12, ["flatbed", "tanker"], "Acme"]);
  assert.deepEqual(told.address, { city: "Elko", geo: { lat: 1.5 } });
  assert.equal("note" in told, false);
  assert.deepEqual(await wix.items.get(C, "a1"), told);
  const direct = await wix.items.patch(C, "a1", [{ action: "SET_FIELD", fieldPath: "added", value: new Date(0) }]);
  assert.deepEqual(direct.added, new Date(0));
  assert.equal(codeOf(await refusal(wix.items.patch(C, "zz").setField("x", 1).run())), "WDE0073");
  assert.equal(codeOf(await refusal(wix.items.patch(C, "a1").incrementField("name", 1).run())), "WDE0080");
});

check("remove gives the item back and null when there was none", async () => {
  const { C } = await newSite();
  assert.equal((await wix.items.remove(C, "a1")).name, "Acme");
  assert.equal(await wix.items.remove(C, "a1"), null);
  assert.equal(await wix.items.count(C), 3);
});

check("any value under any key is kept as no schema is enforced", async () => {
  const { C } = await newSite({ rows: [] });
  const odd = { dot: "not a number", added: 5, tags: { a: [1, "x", null, true, { deep: DAY }] }, "key with space": 1, big: 2 ** 53 - 1 };
  const { _id } = await wix.items.insert(C, odd);
  const read = await wix.items.get(C, _id);
  for (const key of Object.keys(odd)) assert.deepEqual(read[key], odd[key]);
});

// ---------------------------------------------------------------------- many items

check("bulkInsert tells what was inserted and skips what is there", async () => {
  const { C } = await newSite();
  const told = await wix.items.bulkInsert(C, [{ n: 1 }, { _id: "a1", n: 2 }, { _id: "b2", n: 3, added: DAY }]);
  assert.deepEqual([told.inserted, told.skipped, told.errors], [2, 1, []]);
  assert.equal(told.insertedItemIds[1], "b2");
  assert.equal((await wix.items.get(C, told.insertedItemIds[0])).n, 1);
  assert.equal((await wix.items.get(C, "a1")).n, undefined);
  assert.deepEqual((await wix.items.get(C, "b2")).added, DAY);
});

check("bulkUpdate replaces and skips what is missing", async () => {
  const { C } = await newSite();
  const told = await wix.items.bulkUpdate(C, [{ _id: "a1", n: 1 }, { _id: "zz", n: 2 }]);
  assert.deepEqual([told.updated, told.skipped, told.updatedItemIds], [1, 1, ["a1"]]);
  const after = await wix.items.get(C, "a1");
  assert.deepEqual([after.n, after.name], [1, undefined]);
});

check("bulkSave inserts and replaces", async () => {
  const { C } = await newSite();
  const told = await wix.items.bulkSave(C, [{ _id: "a1", n: 1 }, { n: 2 }, { _id: "new", n: 3 }]);
  assert.deepEqual([told.inserted, told.updated, told.updatedItemIds], [2, 1, ["a1"]]);
  assert.equal(told.insertedItemIds[1], "new");
  assert.equal(await wix.items.count(C), 6);
});

check("bulkPatch changes each and skips what is missing", async () => {
  const { C } = await newSite();
  const told = await wix.items.bulkPatch(C, ["a1", "a2", "zz"]).setField("x", 1).incrementField("trucks", 1).run();
  assert.deepEqual([told.updated, told.skipped, told.updatedItemIds], [2, 1, ["a1", "a2"]]);
  const [a1, a2] = [await wix.items.get(C, "a1"), await wix.items.get(C, "a2")];
  assert.deepEqual([a1.x, a1.trucks, a1.name, a2.trucks], [1, 11, "Acme", 5]);
});

check("bulkRemove removes and skips what is missing", async () => {
  const { C } = await newSite();
  const told = await wix.items.bulkRemove(C, ["a1", "zz", "a2"]);
  assert.deepEqual([told.removed, told.skipped, told.removedItemIds], [2, 1, ["a1", "a2"]]);
  assert.equal(await wix.items.count(C), 2);
});

check("a thousand go in one call and the client itself refuses more", async () => {
  const { C } = await numbered(1000);
  assert.equal(await wix.items.count(C), 1000);
  const before = sent.length;
  const error = await refusal(wix.items.bulkInsert(C, Array.from({ length: 1001 }, () => ({}))));
  assert.deepEqual([codeOf(error), sent.length], ["WDE0006", before]);
});

check("truncate empties the collection and keeps it", async () => {
  const { C, D } = await newSite();
  assert.equal(await wix.items.truncate(C), undefined);
  assert.deepEqual([await wix.items.count(C), await wix.items.count(D)], [0, 3]);
  assert.equal((await wix.collections.getDataCollection(C)).displayName, "Carriers");
});

check("asyncRemoveByFilter removes in the background and tells how many", async () => {
  const { C } = await newSite();
  const { jobId } = await wix.items.asyncRemoveByFilter(C, { state: "TX" });
  assert.deepEqual(await finished(jobId), { status: "SUCCEEDED", successCount: 2 });
  assert.deepEqual(ids(await wix.items.query(C).ascending("_id").find()), ["a3", "a4"]);
});

check("asyncPatchByFilter changes in the background and tells how many", async () => {
  const { C } = await newSite();
  const { jobId } = await wix.items.asyncPatchByFilter(C, wix.items.filter().gt("trucks", 4), [{ action: "SET_FIELD", fieldPath: "big", value: true }]);
  assert.deepEqual(await finished(jobId), { status: "SUCCEEDED", successCount: 2 });
  assert.deepEqual(ids(await wix.items.query(C).eq("big", true).ascending("_id").find()), ["a1", "a3"]);
});

// ---------------------------------------------------------------------- references

check("insertReference isReferenced and removeReference work on one relation with two faces", async () => {
  const { C, D } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d1", "d2"]);
  await wix.items.insertReference(C, "drivers", "a2", "d1");
  assert.equal(await wix.items.isReferenced(C, "drivers", "a1", "d2"), true);
  assert.equal(await wix.items.isReferenced(C, "drivers", "a2", "d2"), false);
  assert.equal(await wix.items.isReferenced(D, "carriers", "d1", "a2"), true);
  const other = await wix.items.queryReferenced(D, "d1", "carriers");
  assert.deepEqual(other.items.map((item) => item.name), ["Acme", "birch lines"]);
  await wix.items.removeReference(C, "drivers", "a1", "d1");
  assert.equal(await wix.items.isReferenced(D, "carriers", "d1", "a1"), false);
  assert.equal(await wix.items.isReferenced(C, "drivers", "a2", "d1"), true);
});

check("replaceReferences leaves the new ones alone", async () => {
  const { C } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d1", "d2"]);
  await wix.items.replaceReferences(C, "drivers", "a1", ["d3", "d2"]);
  const told = await wix.items.queryReferenced(C, "a1", "drivers");
  assert.deepEqual(told.items.map((item) => item._id).sort(), ["d2", "d3"]);
});

check("queryReferenced gives full items in the order of the references and pages", async () => {
  const { C, D } = await newSite();
  const many = Array.from({ length: 120 }, (_, n) => `e${String(n).padStart(3, "0")}`);
  await wix.items.bulkInsert(D, many.map((_id) => ({ _id, name: _id })));
  await wix.items.insertReference(C, "drivers", "a1", many);
  let page = await wix.items.queryReferenced(C, "a1", "drivers", { limit: 50, returnTotalCount: true });
  const seen = [...page.items];
  assert.equal(page.totalCount, 120);
  while (page.hasNext()) {
    page = await page.next();
    seen.push(...page.items);
  }
  assert.deepEqual(seen.map((item) => item.name), many);
  const back = await wix.items.queryReferenced(C, "a1", "drivers", { order: "desc", limit: 2 });
  assert.deepEqual(ids(back), ["e119", "e118"]);
});

check("queryReferencedItems takes several items at once", async () => {
  const { C } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d1"]);
  await wix.items.insertReference(C, "drivers", "a2", ["d2", "d3"]);
  const told = await wix.items.queryReferencedItems(C, ["a1", "a2"], "drivers");
  assert.deepEqual(told.results.map((one) => one.item.name).sort(), ["Dana", "Eli", "Finn"]);
  assert.equal(told.pagingMetadata.count, 3);
});

check("queryReferencedItems projects and pages", async () => {
  const { C } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d3", "d1", "d2"]);
  const options = { fields: ["name"], paging: { limit: 2 }, order: "ASC", returnTotalCount: true };
  const told = await wix.items.queryReferencedItems(C, "a1", "drivers", options);
  assert.deepEqual(told.results.map((one) => one.item), [{ _id: "d3", name: "Finn" }, { _id: "d1", name: "Dana" }]);
  assert.deepEqual([told.pagingMetadata.hasNext, told.pagingMetadata.total], [true, 3]);
});

check("the other face of a relation is included too", async () => {
  const { C, D } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", "d1");
  await wix.items.insertReference(D, "carriers", "d1", "a2");
  const [dana] = (await wix.items.query(D).include("carriers").eq("_id", "d1").find()).items;
  assert.deepEqual(dana.carriers.map((one) => one._id).sort(), ["a1", "a2"]);
  assert.equal(await wix.items.isReferenced(C, "drivers", "a2", "d1"), true);
});

check("references outlive an update and go with the item", async () => {
  const { C, D } = await newSite();
  await wix.items.insertReference(C, "drivers", "a1", ["d1", "d2"]);
  await wix.items.update(C, { _id: "a1", name: "New" });
  assert.equal((await wix.items.queryReferenced(C, "a1", "drivers")).items.length, 2);
  await wix.items.remove(D, "d1");
  assert.deepEqual(ids(await wix.items.queryReferenced(C, "a1", "drivers")), ["d2"]);
  await wix.items.remove(C, "a1");
  assert.deepEqual(ids(await wix.items.queryReferenced(D, "d2", "carriers")), []);
});

check("an item write cannot set a multi-reference and a bulk one drops it silently", async () => {
  const { C } = await newSite();
  assert.equal(codeOf(await refusal(wix.items.insert(C, { _id: "n1", drivers: ["d1"] }))), "WDE0303");
  const told = await wix.items.bulkInsert(C, [{ _id: "n2", drivers: ["d1"] }]);
  assert.equal(told.inserted, 1);
  assert.deepEqual((await wix.items.queryReferenced(C, "n2", "drivers")).items, []);
});

check("a reference from nothing is not made and the client does not tell", async () => {
  const { C, D } = await newSite();
  await wix.items.insertReference(C, "drivers", "zz", "d1");
  assert.deepEqual((await wix.items.queryReferenced(D, "d1", "carriers")).items, []);
  const error = await refusal(wix.items.replaceReferences(C, "name", "a1", ["d1"]));
  assert.equal(codeOf(error), "WDE0020");
});

// ---------------------------------------------------------------------- aggregates and search

check("aggregate groups counts sums averages and bounds", async () => {
  const { C } = await shared;
  const told = await wix.items.aggregate(C).group("state").count().sum("trucks").avg("trucks").min("trucks").max("trucks").ascending("state").run();
  assert.deepEqual(told.items.map(({ state, count, trucksSum, trucksAvg, trucksMin, trucksMax }) => [state, count, trucksSum, trucksAvg, trucksMin, trucksMax]), [
    ["CA", 1, 6, 6, 6, 6],
    ["NV", 1, 0, null, null, null],
    ["TX", 2, 14, 7, 4, 10],
  ]);
  assert.equal(told.items[2]._id, "TX");
});

check("aggregate filters before and after and orders and bounds", async () => {
  const { C } = await shared;
  const told = await wix.items
    .aggregate(C)
    .filter(wix.items.filter().gt("trucks", 1))
    .group("state", "active")
    .count()
    .sum("trucks", "all")
    .having(wix.items.filter().gt("all", 4))
    .descending("all")
    .skip(0)
    .limit(1)
    .run();
  assert.deepEqual(told.items, [{ _id: { state: "TX", active: true }, state: "TX", active: true, count: 1, all: 10 }]);
  assert.equal(told.hasNext(), true);
  assert.deepEqual((await told.next()).items.map((row) => row.all), [6]);
});

check("aggregate without groups is one row", async () => {
  const { C } = await shared;
  const told = await wix.items.aggregate(C).count().max("trucks", "most").run();
  assert.deepEqual(told.items.map(({ count, most }) => [count, most]), [[4, 10]]);
});

check("a pipeline filters groups sorts and bounds", async () => {
  const { C } = await shared;
  const { stages, expressions: e, pipelineBuilder } = items;
  const pipeline = pipelineBuilder()
    .withStages([
      stages.filter().gt("trucks", 1),
      stages.group().by(e.field("state"), "state").sum(e.field("trucks"), "all").avg(e.field("trucks"), "mean").count("many").push(e.field("name"), "names"),
      stages.sort().descending("all"),
      stages.limit(1),
    ])
    .build();
  const { results } = await wix.items.aggregatePipeline(C, pipeline);
  assert.deepEqual(results.map(({ _id, ...row }) => row), [{ state: "TX", all: 14, mean: 7, many: 2, names: ["Acme", "birch lines"] }]);
});

check("a pipeline includes and excludes fields", async () => {
  const { C } = await shared;
  const { stages, pipelineBuilder } = items;
  const only = pipelineBuilder().withStages([stages.filter().eq("_id", "a1"), stages.project().include("name", "address.city")]).build();
  assert.deepEqual((await wix.items.aggregatePipeline(C, only)).results, [{ _id: "a1", name: "Acme", address: { city: "Reno" } }]);
  const less = pipelineBuilder().withStages([stages.filter().eq("_id", "a4"), stages.project().exclude("tags", "_createdDate", "_updatedDate", "_owner")]).build();
  assert.deepEqual((await wix.items.aggregatePipeline(C, less)).results, [{ _id: "a4", name: "100% Delta", state: "NV" }]);
});

check("a pipeline reshapes and computes", async () => {
  const { C } = await shared;
  const { stages, expressions: e, pipelineBuilder } = items;
  const pipeline = pipelineBuilder()
    .withStages([
      stages.filter().eq("_id", "a1"),
      stages
        .project()
        .include("name")
        .reshape(e.toUpper(e.field("name")), "loud")
        .reshape(e.add(e.field("trucks"), e.numeric(1)), "more")
        .reshape(e.concat(e.field("state"), e.text("-"), e.stringify(e.field("dot"))), "key"),
    ])
    .build();
  const { results } = await wix.items.aggregatePipeline(C, pipeline);
  assert.deepEqual(results.map(({ _id, ...row }) => row), [{ name: "Acme", loud: "ACME", more: 11, key: "TX-123" }]);
});

check("every expression of the client is computed", async () => {
  const { C } = await shared;
  const { stages, expressions: e, pipelineBuilder } = items;
  const [trucks, name] = [e.field("trucks"), e.field("name")];
  const made = {
    add: [e.add(trucks, e.numeric(1.5), e.numeric(-1)), 10.5],
    sum: [e.sum(trucks, e.field("nothing"), e.numeric(2)), 12],
    subtract: [e.subtract(trucks, e.numeric(3)), 7],
    multiply: [e.multiply(trucks, trucks, e.numeric(2)), 200],
    divide: [e.divide(trucks, e.numeric(4)), 2.5],
    mod: [e.mod(trucks, e.numeric(4)), 2],
    abs: [e.abs(e.subtract(e.numeric(3), trucks)), 7],
    floor: [e.floor(e.numeric(-1.5)), -2],
    ceil: [e.ceil(e.numeric(-1.5)), -1],
    concat: [e.concat(name, e.text(" "), e.field("state")), "Acme TX"],
    stringify: [e.stringify(e.field("active")), "true"],
    toLower: [e.toLower(name), "acme"],
    toUpper: [e.toUpper(name), "ACME"],
    substring: [e.substring(name, e.numeric(1), e.numeric(2)), "cm"],
    rest: [e.substring(name, e.numeric(2)), "me"],
    length: [e.length(name), 4],
  };
  let project = stages.project().exclude("_id");
  for (const [key, [expression]] of Object.entries(made)) project = project.reshape(expression, key);
  const nested = stages.project().include("city").reshape(e.toUpper(name), "carrier");
  project = project.projectNested(nested, "address");
  const pipeline = pipelineBuilder().withStages([stages.filter().eq("_id", "a1"), project]).build();
  const { results } = await wix.items.aggregatePipeline(C, pipeline);
  const expected = Object.fromEntries(Object.entries(made).map(([key, [, value]]) => [key, value]));
  assert.deepEqual(results, [{ ...expected, address: { city: "Reno", carrier: "ACME" } }]);
  const mistaken = pipelineBuilder().withStages([stages.project().reshape(e.add(name, trucks), "x")]).build();
  assert.equal(codeOf(await refusal(wix.items.aggregatePipeline(C, mistaken))), "WDE0080");
});

check("a pipeline comes in pages", async () => {
  const { C } = await shared;
  const { stages, pipelineBuilder } = items;
  const sorted = [stages.sort().ascending("_id"), stages.project().include("name")];
  const second = pipelineBuilder().withStages(sorted).withPaging({ limit: 2, offset: 2 }).build();
  const told = await wix.items.aggregatePipeline(C, second, { returnTotalCount: true });
  assert.deepEqual(told.results.map((row) => row._id), ["a3", "a4"]);
  assert.deepEqual([told.pagingMetadata.offset, told.pagingMetadata.total, told.pagingMetadata.hasNext], [2, 4, false]);
  const cursor = (paging) => wix.items.aggregatePipeline(C, { stages: [], cursorPaging: paging });
  const first = await wix.items.aggregatePipeline(C, { ...second, paging: undefined, cursorPaging: { limit: 3 } });
  assert.deepEqual(first.results.map((row) => row._id), ["a1", "a2", "a3"]);
  const next = await cursor({ limit: 3, cursor: first.pagingMetadata.cursors.next });
  assert.deepEqual([next.results.map((row) => row._id), next.pagingMetadata.hasNext], [["a4"], false]);
});

check("a pipeline unwinds arrays and turns objects into arrays", async () => {
  const { C } = await shared;
  const { stages, pipelineBuilder } = items;
  const unwind = pipelineBuilder().withStages([stages.filter().eq("_id", "a1"), stages.unwind("tags")]).build();
  assert.deepEqual((await wix.items.aggregatePipeline(C, unwind)).results.map((row) => row.tags), ["reefer", "flatbed"]);
  const turned = pipelineBuilder().withStages([stages.filter().eq("_id", "a3"), stages.objectToArray("address", "parts")]).build();
  const [row] = (await wix.items.aggregatePipeline(C, turned)).results;
  assert.equal(row.parts.length, 1);
  assert.ok(JSON.stringify(row.parts).includes("Elko"));
});

check("search finds words in any text and keeps to its filter", async () => {
  const { C } = await shared;
  const search = wix.items.search(C).ascending("_id");
  assert.deepEqual(ids(await search.expression("acme").run()), ["a1"]);
  assert.deepEqual(ids(await search.expression("ACNE").fuzzy().run()), ["a1"]);
  assert.deepEqual(ids(await search.expression("acme lines").orMode().run()), ["a1", "a2"]);
  assert.deepEqual(ids(await search.expression("acme lines").andMode().run()), []);
  assert.deepEqual(ids(await search.expression("reno elko").eq("state", "CA").run()), ["a3"]);
  assert.deepEqual((await wix.items.search(C, { search: { expression: "cold" } })).items.map((item) => item._id), ["a3"]);
});

check("search comes in pages and brings references", async () => {
  const rows = Array.from({ length: 60 }, (_, n) => ({ _id: `s${String(n).padStart(2, "0")}`, text: "found", boss: "d1" }));
  const { C } = await newSite({ rows });
  const first = await wix.items.search(C).expression("found").ascending("_id").include("boss").fields("boss").limit(40).run();
  assert.deepEqual([first.length, first.items[0].boss.name, first.hasNext()], [40, "Dana", true]);
  const second = await first.next();
  assert.deepEqual([second.length, ids(second)[0], second.hasNext()], [20, "s40", false]);
});

// ---------------------------------------------------------------------- collections and indexes

check("a collection is made with its system fields and read back", async () => {
  const { C, D } = await newSite({ rows: [] });
  const read = await wix.collections.getDataCollection(C);
  assert.deepEqual([read._id, read.displayName, read.collectionType, read.maxPageSize], [C, "Carriers", "NATIVE", 1000]);
  assert.match(read.revision, /^\d+$/);
  assert.deepEqual(read.fields.filter((field) => field.systemField).map((field) => [field.key, field.type]), [
    ["_id", "TEXT"],
    ["_owner", "TEXT"],
    ["_createdDate", "DATETIME"],
    ["_updatedDate", "DATETIME"],
  ]);
  assert.deepEqual(read.fields.slice(0, 3).map((field) => [field.key, field.displayName, field.type]), [["name", "Name", "TEXT"], ["dot", "DOT", "NUMBER"], ["added", "Added", "DATETIME"]]);
  assert.deepEqual(read.permissions, PERMISSIONS);
  const other = (await wix.collections.getDataCollection(D)).fields.find((field) => field.key === "carriers");
  assert.deepEqual([other.type, other.typeMetadata.multiReference.referencedCollectionId, other.typeMetadata.multiReference.referencingFieldKey], ["MULTI_REFERENCE", C, "drivers"]);
  const error = await refusal(wix.collections.createDataCollection({ _id: C, fields: [{ key: "x", type: "TEXT" }], permissions: PERMISSIONS }));
  assert.equal(codeOf(error), "WDE0104");
});

check("a collection that is not there is WDE0025 by every way", async () => {
  for (const ask of [
    () => wix.collections.getDataCollection("Nowhere"),
    () => wix.collections.getDataCollection("Stores/Products", { consistentRead: true, fields: ["fields"] }),
    () => wix.items.query("Nowhere").find(),
    () => wix.items.get("Nowhere", "x"),
    () => wix.items.insert("Nowhere", {}),
    () => wix.items.bulkInsert("Nowhere", [{}]),
    () => wix.items.query("Nowhere").count(),
  ]) {
    assert.equal(codeOf(await refusal(ask())), "WDE0025");
  }
});

check("collections are listed in pages and in an order", async () => {
  const { C, D } = await newSite({ rows: [] });
  const everything = [];
  for (let offset = 0; ; offset += 100) {
    const page = await wix.collections.listDataCollections({ sort: { fieldName: "id", order: "ASC" }, paging: { limit: 100, offset } });
    everything.push(...page.collections.map((one) => one._id));
    if (page.collections.length < 100) break;
  }
  assert.ok(everything.includes(C) && everything.includes(D));
  assert.deepEqual(everything, [...everything].sort());
  const one = await wix.collections.listDataCollections({ paging: { limit: 1 }, sort: { fieldName: "id", order: "DESC" } });
  assert.deepEqual(one.collections.map((each) => each._id), [everything.at(-1)]);
  assert.equal(one.pagingMetadata.total, everything.length);
});

check("updateDataCollection replaces all and needs the current revision", async () => {
  const { C } = await newSite();
  const before = await wix.collections.getDataCollection(C);
  const stripped = { ...before, displayName: "Hauliers", fields: before.fields.filter((field) => !["dot"].includes(field.key)), permissions: { ...PERMISSIONS, read: "ADMIN" } };
  const after = await wix.collections.updateDataCollection(stripped);
  assert.deepEqual([after.displayName, after.permissions.read, after.fields.some((field) => field.key === "dot")], ["Hauliers", "ADMIN", false]);
  assert.ok(Number(after.revision) > Number(before.revision));
  assert.ok(await refusal(wix.collections.updateDataCollection(stripped)));
  assert.equal((await wix.items.get(C, "a1")).dot, 123);
});

check("patchDataCollection changes what it names", async () => {
  const { C } = await newSite({ rows: [] });
  const told = await wix.collections.patchDataCollection(C, { displayName: "New" });
  assert.equal(told.dataCollection.displayName, "New");
  const read = await wix.collections.getDataCollection(C);
  assert.deepEqual([read.displayName, read.fields.length], ["New", 10]);
});

check("a field is made changed and deleted on its own", async () => {
  const { C } = await newSite();
  const fields = async () => Object.fromEntries((await wix.collections.getDataCollection(C)).fields.map((field) => [field.key, field]));
  await wix.collections.createDataCollectionField(C, { field: { key: "x", displayName: "X", type: "TEXT" } });
  assert.equal((await fields()).x.type, "TEXT");
  await wix.collections.updateDataCollectionField(C, { field: { key: "x", displayName: "Ex", type: "NUMBER" } });
  assert.deepEqual([(await fields()).x.displayName, (await fields()).x.type], ["Ex", "NUMBER"]);
  await wix.collections.patchDataCollectionField(C, { key: "x", displayName: "Exx" });
  assert.deepEqual([(await fields()).x.displayName, (await fields()).x.type], ["Exx", "NUMBER"]);
  await wix.collections.deleteDataCollectionField(C, { fieldKey: "x" });
  assert.equal((await fields()).x, undefined);
});

check("a deleted collection is gone and may be restored", async () => {
  const { C } = await newSite();
  assert.equal(await wix.collections.deleteDataCollection(C), undefined);
  assert.equal(codeOf(await refusal(wix.items.query(C).find())), "WDE0026");
  await wix.collections.restoreDataCollection(C);
  assert.equal((await wix.collections.getDataCollection(C))._id, C);
  assert.equal(await wix.items.count(C), 4);
});

check("an index is built listed and dropped", async () => {
  const { C } = await newSite();
  const index = await wix.indexes.createIndex(C, { name: "dot", fields: [{ path: "dot", order: "ASC" }], unique: false });
  assert.deepEqual([index.name, index.status], ["dot", "BUILDING"]);
  const { indexes: listed } = await wix.indexes.listIndexes(C);
  assert.deepEqual(listed.map(({ name, status, unique, fields }) => [name, status, unique, fields]), [["dot", "ACTIVE", false, [{ path: "dot", order: "ASC" }]]]);
  await wix.indexes.dropIndex(C, "dot");
  assert.deepEqual((await wix.indexes.listIndexes(C)).indexes, []);
  const available = await wix.indexes.listAvailableIndexes(C);
  assert.deepEqual(available, { regular1Field: 0, regular3Field: 3, unique1Field: 1, total: 4 });
});

check("drafts are hidden and shown under the publish plugin", async () => {
  const { C } = await newSite();
  await wix.collections.addPublishPlugin(C, { publishOptions: { defaultStatus: "DRAFT" } });
  await wix.items.insert(C, { _id: "draft" });
  const sorted = () => wix.items.query(C).ascending("_id");
  assert.deepEqual(ids(await sorted().find()), ["a1", "a2", "a3", "a4"]);
  assert.equal((await sorted().find({ showDrafts: true })).length, 5);
  assert.deepEqual(ids(await sorted().eq("_publishStatus", "DRAFT").find({ showDrafts: true })), ["draft"]);
  assert.equal(await wix.items.get(C, "draft"), null);
  assert.equal((await wix.items.get(C, "draft", { showDrafts: true }))._publishStatus, "DRAFT");
  await wix.items.publishDataItemDraft(C, "draft");
  assert.equal((await wix.items.get(C, "draft"))._publishStatus, "PUBLISHED");
  await wix.items.unpublishDataItem(C, "draft");
  await wix.collections.deletePublishPlugin(C);
  assert.equal((await sorted().find()).length, 5);
});

check("drafts are kept beside the published items under the draft items plugin", async () => {
  const { C } = await newSite();
  const { dataCollection } = await wix.collections.addDraftItemsPlugin(C, { draftItemsOptions: {} });
  assert.deepEqual(dataCollection.plugins.map((plugin) => plugin.type), ["DRAFT_ITEMS"]);
  const drafts = `${C}__drafts`;
  assert.equal((await wix.items.createDataItemDraft(C, "a1")).name, "Acme");
  assert.equal(codeOf(await refusal(wix.items.createDataItemDraft(C, "a1"))), "WDE0074");
  await wix.items.update(drafts, { _id: "a1", name: "Acme Two" });
  assert.equal((await wix.items.get(C, "a1")).name, "Acme");
  assert.equal((await wix.items.publishDataItemDraft(C, "a1")).name, "Acme Two");
  assert.equal(await wix.items.count(drafts), 0);
  assert.equal((await wix.items.unpublishDataItem(C, "a1", { copyToDraft: true }))._id, "a1");
  assert.deepEqual([await wix.items.count(C), await wix.items.count(drafts)], [3, 1]);
  assert.equal(codeOf(await refusal(wix.items.publishDataItemDraft(C, "a2"))), "WDE0073");
  await wix.collections.deleteDraftItemsPlugin(C, { draftItemsRemovalAction: "PUBLISH_EXISTING_DRAFT_ITEMS" });
  assert.equal(await wix.items.count(C), 4);
});

check("plugins are put on and taken off", async () => {
  const { C } = await newSite({ rows: [] });
  const plugin = { type: "URLIZED", urlizedOptions: { format: "PLAIN" } };
  const { dataCollection } = await wix.collections.addDataCollectionPlugin(C, { plugin });
  assert.deepEqual(dataCollection.plugins, [plugin]);
  assert.ok(await refusal(wix.collections.addUrlizedPlugin(C, { urlizedOptions: {} })));
  const after = await wix.collections.deleteDataCollectionPlugin(C, { pluginType: "URLIZED" });
  assert.deepEqual(after.dataCollection.plugins, []);
});

check("a unique index refuses the second of a value and fails to build on doubles", async () => {
  const { C } = await newSite();
  await wix.indexes.createIndex(C, { name: "state", fields: [{ path: "state", order: "ASC" }], unique: true });
  const [failed] = (await wix.indexes.listIndexes(C)).indexes;
  assert.deepEqual([failed.status, failed.failure.code], ["FAILED", "WDE0113"]);
  await wix.indexes.dropIndex(C, "state");
  await wix.indexes.createIndex(C, { name: "name", fields: [{ path: "name", order: "ASC" }], unique: true });
  assert.equal(codeOf(await refusal(wix.items.insert(C, { name: "Acme" }))), "WDE0123");
  const told = await wix.items.bulkInsert(C, [{ name: "Cold" }, { name: "Echo" }]);
  assert.deepEqual([told.inserted, told.errors.length, told.errors[0].code ?? codeOf(told.errors[0])], [1, 1, "WDE0123"]);
});

// ---------------------------------------------------------------------- refusals and limits

check("a key without data rights is refused with WDE0027", async () => {
  const { C, D } = await newSite();
  const closed = { ...(await wix.collections.getDataCollection(D)), permissions: { ...PERMISSIONS, read: "ADMIN" } };
  await wix.collections.updateDataCollection(closed);
  await door("/rights", { data: false });
  try {
    assert.equal(codeOf(await refusal(wix.items.query(D).find())), "WDE0027");
    assert.equal((await wix.items.query(C).find()).length, 4); // anyone may read this one
    assert.equal(codeOf(await refusal(wix.items.insert(C, {}))), "WDE0027");
  } finally {
    await door("/rights", { data: true });
  }
  assert.equal(await wix.items.count(C), 4);
});

check("no key is refused", async () => {
  const { C } = await shared;
  const stranger = await connect(server, " ");
  assert.ok(await refusal(stranger.items.query(C).find()));
});

check("a key that names an account and no site is refused with WDE0117", async () => {
  const { C } = await shared;
  const { wixKey } = await door("");
  const client = createClient({
    auth: ApiKeyStrategy({ accountId: "00000000-0000-4000-8000-000000000000", apiKey: wixKey }),
    modules: { items },
    fetch: (url, init) => fetch(String(url).replace("https://www.wixapis.com", server), init),
  });
  assert.equal(codeOf(await refusal(client.items.query(C).find())), "WDE0117");
});

check("an item over 500 KB and a body over 4 MB are refused", async () => {
  const { C } = await newSite({ rows: [] });
  assert.equal(codeOf(await refusal(wix.items.insert(C, { text: "x".repeat(600_000) }))), "WDE0009");
  const heavy = Array.from({ length: 12 }, () => ({ text: "x".repeat(400_000) }));
  assert.equal(codeOf(await refusal(wix.items.bulkInsert(C, heavy))), "WDE0109");
  assert.equal(await wix.items.count(C), 0);
});

check("keys that start with a dollar are refused", async () => {
  const { C } = await newSite({ rows: [] });
  assert.equal(codeOf(await refusal(wix.items.insert(C, { nested: { $x: 1 } }))), "WDE0134");
});

check("the quota of a minute ends in WDE0014 and comes back with the next", async () => {
  const origin = process.env.QUOTA_URL;
  const client = await connect(origin);
  const { C } = await newSite({ client });
  let reads = 0;
  const error = await refusal((async () => {
    for (; reads < 100; reads += 1) await client.items.query(C).find();
  })());
  assert.equal(codeOf(error), "WDE0014");
  assert.ok(reads > 0 && reads <= 20);
  await door("/clock", { advance: 61 }, origin);
  assert.equal((await client.items.query(C).find()).length, 4);
});

check("what was just written may be missing from a read unless it is asked for", async () => {
  const origin = process.env.STALE_URL;
  const writer = await connect(origin);
  const { C } = await newSite({ client: writer });
  await door("/clock", { advance: 120 }, origin);
  await writer.items.insert(C, { _id: "late" });
  const other = await connect(origin);
  assert.equal(await other.items.get(C, "late"), null);
  assert.equal((await other.items.get(C, "late", { consistentRead: true }))._id, "late");
  assert.equal((await writer.items.get(C, "late"))?._id, "late"); // the client echoes X-Wix-Consistent
  await door("/clock", { advance: 120 }, origin);
  assert.equal((await other.items.get(C, "late"))._id, "late");
});

check("server errors arrive as what they are", async () => {
  const { C } = await newSite();
  const body = (code) => ({ message: `${code}: x`, details: { applicationError: { code, description: `${code}: x`, data: {} } } });
  for (const [status, code] of [[504, "WDE0028"], [429, "WDE0014"], [500, "WDE0053"]]) {
    await door("/faults", { rules: [{ match: { service: "wix", path: "/items/count" }, kind: "status", status, body: body(code) }] });
    assert.equal(codeOf(await refusal(wix.items.count(C))), code);
  }
  await door("/faults", { rules: [{ match: { service: "wix", path: "/items/count" }, kind: "status", status: 502, body: "<html>bad gateway</html>" }] });
  assert.equal(codeOf(await refusal(wix.items.count(C))), 502);
  assert.equal(await wix.items.count(C), 4);
});

check("an answer that is lost leaves the item there and the id tells", async () => {
  const { C } = await newSite({ rows: [] });
  await door("/faults", { rules: [{ match: { service: "wix", method: "POST", path: "/v2/items" }, kind: "drop_after_commit" }] });
  await refusal(wix.items.insert(C, { _id: "once" }));
  assert.equal(codeOf(await refusal(wix.items.insert(C, { _id: "once" }))), "WDE0074");
  assert.equal(await wix.items.count(C), 1);
});

await runChecks();
