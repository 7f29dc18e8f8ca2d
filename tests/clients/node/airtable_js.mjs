// The official airtable.js, as it is, against the sandbox.

import assert from "node:assert/strict";
import fs from "node:fs";

import Airtable from "airtable";

import { check, door, refusal, runChecks, server } from "./checks.mjs";

const { token } = await door("");
const seed = JSON.parse(fs.readFileSync(new URL("../everything.json", import.meta.url), "utf8"));

async function newBase(plan = seed, options = {}, url = server) {
  const { id, tables } = await door("/seed", plan, url);
  const key = url === server ? token : (await door("", undefined, url)).token;
  const base = new Airtable({ apiKey: key, endpointUrl: url, ...options }).base(id);
  return { id, tables, base, carriers: base("Carriers"), drivers: base("Drivers") };
}

const names = (records) => records.map((record) => record.get("Name"));
const ACME = "Acme Freight";
const BIRCH = "Birch Lines";
const COLD = `Cold 'n' "Fast"`;
const NOBODY = "rec00000000000000";
const LONG = `OR(${"{Name}='nobody at all',".repeat(700)}{Name}='${BIRCH}')`;

async function requestsOf(id, url = server) {
  return (await door("/stats", undefined, url)).airtable[id].endpoints;
}

// ---------------------------------------------------------------------- select

check("all gives every record in the order of creation", async () => {
  const { carriers } = await newBase();
  const records = await carriers.select().all();
  assert.deepEqual(names(records), [ACME, BIRCH, COLD]);
  assert.match(records[0].id, /^rec[0-9A-Za-z]{14}$/);
  assert.equal(records[0].get("Fleet"), 120);
  assert.deepEqual(records[0].get("Tags"), ["reefer", "flatbed"]);
  assert.equal(records[1].get("Notes"), undefined);
  assert.match(records[0]._rawJson.createdTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
});

check("eachPage hands over page after page until there are no more", async () => {
  const { drivers } = await newBase();
  for (let start = 0; start < 220; start += 10) {
    await drivers.create(Array.from({ length: 10 }, (_, n) => ({ fields: { Name: `D${start + n}` } })));
  }
  const pages = [];
  await drivers.select({ sort: [{ field: "Name" }] }).eachPage((records, fetchNextPage) => {
    pages.push(names(records));
    fetchNextPage();
  });
  assert.deepEqual(pages.map((page) => page.length), [100, 100, 23]);
  assert.equal(new Set(pages.flat()).size, 223);
});

check("eachPage can be left after the first page", async () => {
  const { id, drivers } = await newBase();
  const first = await new Promise((resolve, reject) => {
    drivers.select({ pageSize: 2 }).eachPage(resolve, reject);
  });
  assert.deepEqual(names(first), ["Dana", "Eli"]);
  assert.equal((await requestsOf(id))["GET /v0/{base}/{table}"].requests, 1);
});

check("firstPage gives one page", async () => {
  const { drivers } = await newBase();
  assert.deepEqual(names(await drivers.select({ pageSize: 2 }).firstPage()), ["Dana", "Eli"]);
});

check("maxRecords bounds the whole and pageSize each page", async () => {
  const { drivers } = await newBase();
  await drivers.create(Array.from({ length: 10 }, (_, n) => ({ fields: { Name: `D${n}` } })));
  const sizes = [];
  await drivers.select({ maxRecords: 12, pageSize: 5 }).eachPage((records, next) => {
    sizes.push(records.length);
    next();
  });
  assert.deepEqual(sizes, [5, 5, 2]);
});

check("fields narrows the cells", async () => {
  const { carriers } = await newBase();
  const [acme] = await carriers.select({ fields: ["Name", "Driver count"] }).firstPage();
  assert.deepEqual(acme.fields, { Name: ACME, "Driver count": 2 });
});

check("filterByFormula keeps what it holds for", async () => {
  const { carriers } = await newBase();
  const select = async (filterByFormula) => names(await carriers.select({ filterByFormula }).all());
  assert.deepEqual(await select("AND({Active}, {Fleet} >= 40)"), [ACME, COLD]);
  assert.deepEqual(await select("SEARCH('lines', LOWER({Name}))"), [BIRCH]);
  assert.deepEqual(await select("IS_AFTER({Audited}, '2026-03-05T20:00:00Z')"), [BIRCH]);
  assert.deepEqual(await select("NOT({Notes})"), [BIRCH]);
  assert.deepEqual(await select(""), [ACME, BIRCH, COLD]);
});

check("sort goes up and down and by several fields", async () => {
  const { carriers } = await newBase();
  const select = async (sort) => names(await carriers.select({ sort }).all());
  assert.deepEqual(await select([{ field: "Fleet" }]), [BIRCH, COLD, ACME]);
  assert.deepEqual(await select([{ field: "Fleet", direction: "desc" }]), [ACME, COLD, BIRCH]);
  assert.deepEqual(
    await select([{ field: "Active", direction: "desc" }, { field: "Fleet", direction: "asc" }]),
    [COLD, ACME, BIRCH],
  );
});

check("a view is taken by its name", async () => {
  const { carriers } = await newBase();
  assert.equal((await carriers.select({ view: "Board" }).all()).length, 3);
  const error = await refusal(carriers.select({ view: "No such view" }).all());
  assert.deepEqual([error.error, error.statusCode], ["VIEW_NAME_NOT_FOUND", 422]);
});

check("cells as text follow the zone and the locale", async () => {
  const { carriers } = await newBase();
  const [acme] = await carriers
    .select({ cellFormat: "string", timeZone: "America/Chicago", userLocale: "en-us", maxRecords: 1 })
    .all();
  assert.equal(acme.get("Rate"), "$2.50");
  assert.equal(acme.get("Drivers"), "Dana, Eli");
  assert.equal(acme.get("Fleet"), "120");
});

check("returnFieldsByFieldId keys the cells by id", async () => {
  const { carriers } = await newBase();
  const [acme] = await carriers.select({ returnFieldsByFieldId: true, fields: ["Name"] }).firstPage();
  const [[key, value]] = Object.entries(acme.fields);
  assert.match(key, /^fld[0-9A-Za-z]{14}$/);
  assert.equal(value, ACME);
});

check("recordMetadata adds the count of comments", async () => {
  const { base, carriers } = await newBase();
  const [acme] = await carriers.select().firstPage();
  const path = `/Carriers/${acme.id}/comments`;
  const made = await base.makeRequest({ method: "POST", path, body: { text: "Checked" } });
  assert.equal(made.body.text, "Checked");
  const told = await carriers.select({ recordMetadata: ["commentCount"] }).firstPage();
  assert.deepEqual(told.map((record) => record.commentCount), [1, 0, 0]);
});

check("a long formula goes out as a POST and pages through it", async () => {
  const { id, carriers, drivers } = await newBase();
  const records = await carriers
    .select({ filterByFormula: LONG, timeZone: "utc", userLocale: "en-ie", fields: ["Name"], sort: [{ field: "Name" }] })
    .all();
  assert.deepEqual(records.map((record) => record.fields), [{ Name: BIRCH }]);
  const everyone = await drivers.select({ filterByFormula: LONG.replace(BIRCH, "x").replace("OR", "NOT(OR") + ")", pageSize: 2 }).all();
  assert.deepEqual(names(everyone), ["Dana", "Eli", "Finn"]);
  const made = await requestsOf(id);
  assert.equal(made["POST /v0/{base}/{table}/listRecords"].requests, 3);
  assert.equal(made["GET /v0/{base}/{table}"], undefined);
});

check("select can be told to use POST", async () => {
  const { id, carriers } = await newBase();
  const options = { method: "post", cellFormat: "string", timeZone: "utc", userLocale: "en-us", maxRecords: 2, pageSize: 1 };
  const records = await carriers.select(options).all();
  assert.deepEqual(records.map((record) => record.get("Fleet")), ["120", "8"]);
  assert.deepEqual(Object.keys(await requestsOf(id)), ["POST /v0/{base}/{table}/listRecords"]);
});

check("the old list and forEach still read every record", async () => {
  const { drivers } = await newBase();
  const read = [];
  await new Promise((resolve, reject) => {
    drivers.forEach({}, (record) => read.push(record), (error) => (error ? reject(error) : resolve()));
  });
  assert.deepEqual(names(read), ["Dana", "Eli", "Finn"]);
  const [page, offset] = await new Promise((resolve, reject) => {
    drivers.list(100, null, {}, (error, records, next) => (error ? reject(error) : resolve([records, next])));
  });
  assert.deepEqual(names(page), ["Dana", "Eli", "Finn"]);
  assert.equal(offset, undefined);
});

check("callbacks get what promises get", async () => {
  const { carriers } = await newBase();
  const records = await new Promise((resolve, reject) => {
    carriers.select().firstPage((error, page) => (error ? reject(error) : resolve(page)));
  });
  const found = await new Promise((resolve, reject) => {
    carriers.find(records[0].id, (error, record) => (error ? reject(error) : resolve(record)));
  });
  assert.deepEqual(found.fields, records[0].fields);
});

check("configure sets what every base uses", async () => {
  const { id } = await newBase();
  Airtable.configure({ apiKey: token, endpointUrl: server });
  const base = Airtable.base(id);
  assert.equal(base.getId(), id);
  assert.equal((await base.table("Drivers").select().all()).length, 3);
});

// ---------------------------------------------------------------------- one record

check("find gives one record by its id from the table named by name or by id", async () => {
  const { base, tables, carriers } = await newBase();
  const [acme] = await carriers.select().firstPage();
  const found = await carriers.find(acme.id);
  assert.deepEqual(found.fields, acme.fields);
  assert.deepEqual((await base(tables.Carriers).find(acme.id)).fields, acme.fields);
});

check("create makes one record and answers its computed cells", async () => {
  const { carriers } = await newBase();
  const made = await carriers.create({ Name: "Delta", Fleet: 3, Founded: "2020-02-29" });
  assert.equal(made.get("Shout"), "DELTA");
  assert.equal(made.get("Number"), 4);
  assert.deepEqual((await carriers.find(made.id)).fields, made.fields);
});

check("create with typecast makes the choices and reads loose values", async () => {
  const { carriers } = await newBase();
  const made = await carriers.create({ Name: "Delta", Status: "Odd", Fleet: "12" }, { typecast: true });
  assert.deepEqual([made.get("Status"), made.get("Fleet")], ["Odd", 12]);
});

check("update merges and replace clears", async () => {
  const { carriers } = await newBase();
  const [acme] = await carriers.select().firstPage();
  const merged = await carriers.update(acme.id, { Fleet: 121, Notes: null });
  assert.deepEqual([merged.get("Fleet"), merged.get("Notes"), merged.get("Email")], [121, undefined, "desk@acme.example"]);
  const replaced = await carriers.replace(acme.id, { Name: "Acme" });
  assert.deepEqual([replaced.get("Name"), replaced.get("Email"), replaced.get("Drivers")], ["Acme", undefined, undefined]);
  const cast = await carriers.update(acme.id, { Status: "Brand new" }, { typecast: true });
  assert.equal(cast.get("Status"), "Brand new");
});

check("a record updates replaces saves fetches and destroys itself", async () => {
  const { drivers } = await newBase();
  const dana = (await drivers.select().firstPage())[0];
  await dana.patchUpdate({ Miles: 5 });
  assert.deepEqual([dana.get("Name"), dana.get("Miles")], ["Dana", 5]);
  await dana.putUpdate({ Name: "Dana B." });
  assert.deepEqual(dana.fields, { Name: "Dana B." });
  await drivers.update(dana.id, { Miles: 6 });
  await dana.fetch();
  assert.equal(dana.get("Miles"), 6);
  dana.set("Miles", 7);
  await dana.save();
  assert.equal((await drivers.find(dana.id)).get("Miles"), 7);
  await dana.destroy();
  assert.equal((await drivers.select().all()).length, 2);
});

check("destroy removes one record", async () => {
  const { drivers } = await newBase();
  const [dana] = await drivers.select().firstPage();
  const gone = await drivers.destroy(dana.id);
  assert.equal(gone.id, dana.id);
  assert.deepEqual(names(await drivers.select().all()), ["Eli", "Finn"]);
});

// ---------------------------------------------------------------------- many records

check("create makes many in the order given", async () => {
  const { drivers } = await newBase();
  const rows = Array.from({ length: 10 }, (_, n) => ({ fields: { Name: `D${n}`, Miles: n } }));
  const made = await drivers.create(rows);
  assert.deepEqual(made.map((record) => record.fields), rows.map((row) => row.fields));
  const cast = await drivers.create([{ fields: { Name: "x", Miles: "7" } }], { typecast: true });
  assert.equal(cast[0].get("Miles"), 7);
});

check("update and replace change many", async () => {
  const { drivers } = await newBase();
  const [dana, eli] = await drivers.select().firstPage();
  const changed = await drivers.update([
    { id: eli.id, fields: { Miles: 2 } },
    { id: dana.id, fields: { Miles: 1 } },
  ]);
  assert.deepEqual(changed.map((record) => [record.id, record.get("Name"), record.get("Miles")]), [
    [eli.id, "Eli", 2],
    [dana.id, "Dana", 1],
  ]);
  const replaced = await drivers.replace([{ id: dana.id, fields: { Miles: 3 } }]);
  assert.deepEqual(replaced[0].fields, { Miles: 3 });
  const cast = await drivers.update([{ id: dana.id, fields: { Miles: "4" } }], { typecast: true });
  assert.equal(cast[0].get("Miles"), 4);
});

check("destroy removes many in the order given", async () => {
  const { drivers } = await newBase();
  const [dana, eli, finn] = await drivers.select().firstPage();
  const gone = await drivers.destroy([finn.id, dana.id]);
  assert.deepEqual(gone.map((record) => record.id), [finn.id, dana.id]);
  assert.deepEqual((await drivers.select().all()).map((record) => record.id), [eli.id]);
});

check("a batch with one bad record writes nothing", async () => {
  const { drivers } = await newBase();
  const error = await refusal(drivers.create([{ fields: { Name: "fine" } }, { fields: { Miles: "far" } }]));
  assert.deepEqual(
    [error.error, error.statusCode, error.message],
    ["INVALID_VALUE_FOR_COLUMN", 422, 'Field "Miles" cannot accept the provided value'],
  );
  assert.equal((await drivers.select().all()).length, 3);
});

check("more than ten in one call are refused", async () => {
  const { drivers } = await newBase();
  const rows = Array.from({ length: 11 }, (_, n) => ({ fields: { Name: `D${n}` } }));
  const error = await refusal(drivers.create(rows));
  assert.deepEqual([error.error, error.statusCode], ["INVALID_RECORDS", 422]);
  assert.equal(error.message, "A maximum of 10 records can be created per request but you have provided 11.");
});

check("makeRequest upserts as the library itself cannot", async () => {
  const { base } = await newBase();
  const body = { performUpsert: { fieldsToMergeOn: ["Name"] }, records: [{ fields: { Name: "Dana", Miles: 9 } }, { fields: { Name: "Gus" } }] };
  const { statusCode, body: told } = await base.makeRequest({ method: "PATCH", path: "/Drivers", body });
  assert.equal(statusCode, 200);
  assert.deepEqual([told.createdRecords.length, told.updatedRecords.length], [1, 1]);
  assert.equal(told.records[0].fields.Miles, 9);
});

// ---------------------------------------------------------------------- odd names and values

check("table and field names with special characters are found", async () => {
  const table = "Loads / 50% & \"more\" + ü?#";
  const field = "A / B's [x] + ü & y=z";
  const { base } = await newBase({ base: { name: "Odd" }, tables: [{ name: table, fields: [{ name: field, type: "singleLineText" }] }] });
  const made = await base(table).create({ [field]: "naïve ✓ 🚚 + & %" });
  await base(table).create([{ fields: { [field]: "b" } }]);
  assert.equal((await base(table).find(made.id)).get(field), "naïve ✓ 🚚 + & %");
  const read = await base(table).select({ fields: [field], sort: [{ field, direction: "desc" }] }).all();
  assert.deepEqual(read.map((record) => record.get(field)), ["naïve ✓ 🚚 + & %", "b"]);
  const some = await base(table).select({ filterByFormula: `{${field}} = 'naïve ✓ 🚚 + & %'` }).all();
  assert.deepEqual(some.map((record) => record.id), [made.id]);
  await base(table).destroy([made.id]);
  assert.equal((await base(table).select().all()).length, 1);
});

check("text of every script and kind comes back as it went", async () => {
  const { carriers } = await newBase();
  const text = "line\nline\ttab \"q\" 'q' \\ / ü 漢字 🚚 \u2028 \u00a0 <b>&amp;</b> ".repeat(50);
  const made = await carriers.create({ Name: "x", Notes: text });
  assert.equal((await carriers.find(made.id)).get("Notes"), text);
});

// ---------------------------------------------------------------------- refusals

check("a missing base is NOT_FOUND", async () => {
  const base = new Airtable({ apiKey: token, endpointUrl: server }).base("app00000000000000");
  const error = await refusal(base("Carriers").select().all());
  assert.deepEqual([error.error, error.statusCode, error.message], ["NOT_FOUND", 404, "Could not find what you are looking for"]);
});

check("a missing table or record is NOT_AUTHORIZED", async () => {
  const { base, carriers } = await newBase();
  for (const promise of [base("Nowhere").select().all(), carriers.find(NOBODY), carriers.destroy(NOBODY), carriers.update(NOBODY, {})]) {
    const error = await refusal(promise);
    assert.deepEqual([error.error, error.statusCode], ["NOT_AUTHORIZED", 403]);
  }
});

check("a batch that deletes a missing record is NOT_FOUND and names it", async () => {
  const { drivers } = await newBase();
  const error = await refusal(drivers.destroy([NOBODY]));
  assert.deepEqual([error.error, error.statusCode, error.message], ["NOT_FOUND", 404, `Could not find a record with ID "${NOBODY}".`]);
});

check("a key that is not let in is AUTHENTICATION_REQUIRED", async () => {
  const { id } = await newBase();
  const base = new Airtable({ apiKey: " ", endpointUrl: server }).base(id);
  const error = await refusal(base("Carriers").select().all());
  assert.deepEqual([error.error, error.statusCode], ["AUTHENTICATION_REQUIRED", 401]);
});

check("unknown fields are refused by name wherever they stand", async () => {
  const { carriers } = await newBase();
  for (const promise of [
    carriers.create({ Nmae: "x" }),
    carriers.select({ fields: ["Nmae"] }).all(),
    carriers.select({ sort: [{ field: "Nmae" }] }).all(),
  ]) {
    const error = await refusal(promise);
    assert.deepEqual([error.error, error.statusCode, error.message], ["UNKNOWN_FIELD_NAME", 422, 'Unknown field name: "Nmae"']);
  }
});

check("a batch update or a link of a missing record is ROW_DOES_NOT_EXIST", async () => {
  const { carriers, drivers } = await newBase();
  for (const promise of [drivers.update([{ id: NOBODY, fields: {} }]), carriers.create({ Drivers: [NOBODY] })]) {
    const error = await refusal(promise);
    assert.deepEqual([error.error, error.statusCode, error.message], ["ROW_DOES_NOT_EXIST", 422, `Record ID ${NOBODY} does not exist in this table`]);
  }
});

check("a broken formula is INVALID_FILTER_BY_FORMULA", async () => {
  const { carriers } = await newBase();
  const select = async (filterByFormula) => (await refusal(carriers.select({ filterByFormula }).all())).message;
  const start = "The formula for filtering records is invalid: ";
  assert.equal(await select("{Name}="), `${start}Invalid formula. Please check your formula text.`);
  assert.equal(await select("{Nme}=1"), `${start}Unknown field names: nme`);
  assert.equal(await select("BAD(1)"), `${start}Unknown function names: bad`);
});

check("a computed field is refused", async () => {
  const { carriers } = await newBase();
  const error = await refusal(carriers.create({ Name: "x", Shout: "X" }));
  assert.deepEqual([error.error, error.message], ["INVALID_VALUE_FOR_COLUMN", 'Field "Shout" cannot accept a value because the field is computed']);
});

check("server errors keep their own names", async () => {
  const { id, carriers } = await newBase();
  for (const [status, name] of [[500, "SERVER_ERROR"], [503, "SERVICE_UNAVAILABLE"], [413, "REQUEST_TOO_LARGE"]]) {
    await door("/faults", { rules: [{ match: { path: id }, kind: "status", status, body: {} }] });
    const error = await refusal(carriers.select().all());
    assert.deepEqual([error.error, error.statusCode], [name, status]);
  }
  assert.equal((await carriers.select().all()).length, 3);
});

// ---------------------------------------------------------------------- limits and time

check("a 429 is retried after a while until the answer is there", async () => {
  const { id, carriers } = await newBase();
  await door("/faults", { rules: [{ match: { path: id }, kind: "status", status: 429, body: { errors: [{ error: "RATE_LIMIT_REACHED" }] }, times: 3 }] });
  const random = Math.random;
  Math.random = () => 0.004; // the wait is this share of 5, 10, 20 s
  try {
    assert.equal((await carriers.select().all()).length, 3);
  } finally {
    Math.random = random;
  }
  assert.equal((await requestsOf(id))["GET /v0/{base}/{table}"].requests, 1);
  assert.equal((await door("/stats")).airtable[id].requests, 4);
});

check("noRetryIfRateLimited hands a 429 over as TOO_MANY_REQUESTS", async () => {
  const { id, carriers } = await newBase(seed, { noRetryIfRateLimited: true });
  await door("/faults", { rules: [{ match: { path: id }, kind: "status", status: 429, body: { errors: [{ error: "RATE_LIMIT_REACHED" }] } }] });
  const error = await refusal(carriers.select().all());
  assert.deepEqual([error.error, error.statusCode], ["TOO_MANY_REQUESTS", 429]);
});

check("a real lock-out is waited out and nothing is lost or doubled", async () => {
  const { id, drivers } = await newBase(seed, {}, process.env.LIMITED_URL);
  const random = Math.random;
  Math.random = () => 0.02;
  try {
    await Promise.all(Array.from({ length: 12 }, (_, n) => drivers.create({ Name: `D${n}` })));
    assert.equal((await drivers.select().all()).length, 15);
  } finally {
    Math.random = random;
  }
  const told = (await door("/stats", undefined, process.env.LIMITED_URL)).airtable[id];
  assert.ok(told.lockouts >= 1 && told["429"] > 1);
  assert.equal(told.recordsWritten, 12);
});

check("requestTimeout gives up on an answer that does not come", async () => {
  const { id, carriers } = await newBase(seed, { requestTimeout: 200 });
  await door("/faults", { rules: [{ match: { path: id }, kind: "delay", seconds: 1 }] });
  const error = await refusal(carriers.select().all());
  assert.match(String(error.name ?? error), /AbortError/);
});

await runChecks();
