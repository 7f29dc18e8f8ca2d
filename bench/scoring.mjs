// The score of a carrier for a driver in plain JavaScript, by the rules of lmdr.matching.carriers, whose speed and results
// are compared with it. Reads {"cases": [[prefs, carrier, weights?], ...], "runs": n}, writes {results, milliseconds}.

import { readFileSync } from "node:fs";

const WEIGHTS = {
  location: 25, pay: 20, operationType: 15, turnover: 12, safety: 10, truckAge: 8, fleetSize: 5, qualityScore: 5,
};
const OPERATION_TYPES = {
  OTR: { OTR: 100, Regional: 40, Local: 10 },
  Regional: { OTR: 50, Regional: 100, Local: 60 },
  Local: { OTR: 10, Regional: 50, Local: 100 },
};

const orDefault = (value, otherwise) => (value === undefined || value === null || value === "" ? otherwise : value);

function normalizeCarrier(carrier) {
  return {
    DOT_NUMBER: orDefault(carrier.dot_number, null),
    LEGAL_NAME: orDefault(carrier.legal_name, orDefault(carrier.title, orDefault(carrier.dba_name, "Unknown Carrier"))),
    DBA_NAME: orDefault(carrier.dba_name, null),
    PHY_CITY: orDefault(carrier.phy_city, ""),
    PHY_STATE: orDefault(carrier.phy_state, ""),
    PHY_ZIP: orDefault(carrier.phy_zip, ""),
    TELEPHONE: orDefault(carrier.telephone, null),
    EMAIL_ADDRESS: orDefault(carrier.email_address, null),
    NBR_POWER_UNIT: parseInt(carrier.nbr_power_unit) || 0,
    DRIVER_TOTAL: parseInt(carrier.driver_total) || 1,
    RECENT_MILEAGE: parseFloat(carrier.recent_mileage) || 0,
    PAY_CPM: parseFloat(carrier.pay_cpm) || 0,
    TURNOVER_PERCENT: parseFloat(carrier.turnover_percent) || 0,
    ACCIDENT_RATE: parseFloat(carrier.accident_rate) || 0,
    AVG_TRUCK_AGE: parseFloat(carrier.avg_truck_age) || 0,
    COMBINED_SCORE: parseFloat(carrier.combined_score) || 50,
    isClient: carrier.clientCarriers || carrier.clientCarriers2 || false,
  };
}

function estimateDistanceFromZips(start, end) {
  if (!start || !end) return 500;
  if (String(start) === String(end)) return 0;
  const [startArea, endArea] = [String(start).substring(0, 3), String(end).substring(0, 3)];
  if (startArea === endArea) return 15;
  return Math.min(Math.abs(parseInt(startArea) - parseInt(endArea)) * 50, 500);
}

function scoreLocation(homeZip, carrierZip, maxDistance) {
  const distance = estimateDistanceFromZips(homeZip, carrierZip);
  return distance > maxDistance ? 0 : Math.max(0, (1 - distance / maxDistance) * 100);
}

function scorePay(cpm, minCPM) {
  if (!cpm) return 50;
  return cpm < minCPM ? 20 : Math.min(100, 60 + Math.min(40, (cpm - minCPM) * 100));
}

function scoreOperationType(inferred, preferred) {
  if (!preferred || preferred === "no_preference") return 80;
  if (inferred === preferred) return 100;
  return Object.hasOwn(OPERATION_TYPES, preferred) ? OPERATION_TYPES[preferred][inferred] : 20;
}

function scoreTurnover(turnover, maxTurnover) {
  if (!turnover) return 50;
  return turnover > maxTurnover ? 10 : (1 - turnover / 100) * 100;
}

function scoreSafety(rate) {
  if (rate === 0) return 100;
  if (!rate) return 50;
  return rate > 5 ? 10 : Math.max(0, 100 - rate * 50);
}

function scoreTruckAge(age, maxAge) {
  if (!age) return 50;
  return age > maxAge ? 10 : (1 - age / maxAge) * 100;
}

function scoreFleetSize(units, preferred) {
  if (!preferred || preferred === "no_preference") return 80;
  return preferred === (units < 50 ? "small" : units < 500 ? "medium" : "large") ? 100 : 40;
}

function inferOperationType(carrier) {
  const miles = carrier.RECENT_MILEAGE / carrier.DRIVER_TOTAL;
  return miles > 100000 ? "OTR" : miles > 50000 ? "Regional" : "Local";
}

function calculateMatchScore(prefs, row, customWeights) {
  const carrier = normalizeCarrier(row);
  const inferredOpType = inferOperationType(carrier);
  const scores = {
    location: scoreLocation(prefs.homeZip, carrier.PHY_ZIP, prefs.maxDistance || 100),
    pay: scorePay(carrier.PAY_CPM, prefs.minCPM || 0),
    operationType: scoreOperationType(inferredOpType, prefs.operationType),
    turnover: scoreTurnover(carrier.TURNOVER_PERCENT, prefs.maxTurnover || 100),
    safety: scoreSafety(carrier.ACCIDENT_RATE),
    truckAge: scoreTruckAge(carrier.AVG_TRUCK_AGE, prefs.maxTruckAge || 10),
    fleetSize: scoreFleetSize(carrier.NBR_POWER_UNIT, prefs.fleetSize),
    qualityScore: carrier.COMBINED_SCORE,
  };
  const weights = customWeights || WEIGHTS;
  let points = 0;
  let total = 0;
  for (const name of Object.keys(scores)) {
    if (!weights[name]) continue;
    points += scores[name] * weights[name];
    total += weights[name];
  }
  return { overallScore: total === 0 ? 0 : Math.round(points / total), scores, inferredOpType, carrier };
}

const { cases, runs } = JSON.parse(readFileSync(0, "utf8"));
const milliseconds = [];
let results = [];
for (let run = 0; run < runs; run += 1) {
  const started = performance.now();
  results = cases.map(([prefs, carrier, weights]) => calculateMatchScore(prefs, carrier, weights));
  milliseconds.push(performance.now() - started);
}
// JSON has no NaN and no infinities.
const encode = (key, value) => (typeof value === "number" && !Number.isFinite(value) ? { $num: String(value) } : value);
console.log(JSON.stringify({ results, milliseconds }, encode));
