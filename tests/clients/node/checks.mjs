// Runs named checks one after the other and reports each as a line of JSON: {"check", "problem"}, "" for none.

const checks = [];

export const server = process.env.SANDBOX_URL;

export function check(name, body) {
  checks.push({ name, body });
}

export async function runChecks() {
  for (const { name, body } of checks) {
    let problem = "";
    try {
      await body();
    } catch (error) {
      problem = String(error?.stack ?? JSON.stringify(error)) || "it threw nothing";
    }
    console.log(JSON.stringify({ check: name, problem }));
  }
}

// What a promise is rejected with; throws when it is not.
export async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("this should have been refused, and was not");
}

// The sandbox's own doors: seeds, faults, the clock, the counts.
export async function door(path, body, url = server) {
  const method = body === undefined ? "GET" : "POST";
  const answer = await fetch(`${url}/_sandbox${path}`, { method, body: JSON.stringify(body) });
  const told = await answer.json();
  if (answer.status !== 200) throw new Error(`${path}: ${told.error}`);
  return told;
}
