// Cuts out of GitHub's published OpenAPI what the server of the tests answers: for each operation its
// path, verb, queries, body and statuses. To write `openapi.json.gz` anew, in a folder that is thrown away:
//
//   npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
//   node openapi.mjs package/generated/api.github.com.deref.json openapi.json.gz
//
// A body takes no other keys than those that are published (GitHub itself ignores many), and `nullable`
// becomes a type, as JSON Schema has it. What answers look like is left out, and so are descriptions.
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const WANTED =
  /^\/(user|orgs\/\{org\}\/projectsV2\/.*\/views|users\/\{user_id\}\/projectsV2\/.*\/views|repos\/\{owner\}\/\{repo\}(|\/(issues|labels|pulls)(|\/.*)|\/git\/(commits|matching-refs|ref|refs|trees)(|\/.*)))$/;
const VERBS = ["get", "post", "put", "patch", "delete"];
const KEPT = ["type", "enum", "properties", "required", "items", "oneOf", "anyOf", "allOf", "minItems",
  "maxItems", "minLength", "maxLength", "minimum", "maximum", "format", "additionalProperties"];

function schema(from) {
  if (from === undefined || typeof from !== "object") return from;
  const to = {};
  for (const key of KEPT.filter((key) => key in from)) to[key] = from[key];
  if (to.properties) to.properties = Object.fromEntries(Object.entries(to.properties).map(([k, v]) => [k, schema(v)]));
  for (const key of ["oneOf", "anyOf", "allOf"]) if (to[key]) to[key] = to[key].map(schema);
  if (to.items) to.items = schema(to.items);
  if (to.properties && !("additionalProperties" in from)) to.additionalProperties = false;
  return from.nullable ? { anyOf: [to, { type: "null" }] } : to;
}

const [from, to] = process.argv.slice(2);
const { info, paths } = JSON.parse(readFileSync(from, "utf8"));
const operations = Object.entries(paths).filter(([path]) => WANTED.test(path)).flatMap(([path, verbs]) =>
  VERBS.filter((verb) => verb in verbs).map((verb) => {
    const { parameters = [], requestBody, responses } = verbs[verb];
    const queries = parameters.filter((one) => one.in === "query").map((one) => [one.name, schema(one.schema)]);
    const body = schema(requestBody?.content?.["application/json"]?.schema);
    return { verb: verb.toUpperCase(), path, queries: Object.fromEntries(queries), body, statuses: Object.keys(responses).map(Number) };
  }));
writeFileSync(to, gzipSync(JSON.stringify({ source: "@octokit/openapi 23.0.2", version: info.version, operations }), { level: 9 }));
