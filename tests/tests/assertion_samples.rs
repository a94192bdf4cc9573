//! The checks of `docs/edge-assertion.md` in other languages: that they are the ones in `tests/samples/edge-assertion/`,
//! and that they pass and refuse what the bridge does.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples/edge-assertion")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs a driver of the sample: for each vector `true` or `false`, as a JSON list.
fn verdicts(program: &str, arguments: &[&str]) -> Vec<Value> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(samples())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a JSON list")
}

fn assert_agrees(program: &str, arguments: &[&str]) {
    let vectors: Value = serde_json::from_str(&read(&samples().join("vectors.json"))).expect("vectors");
    let requests = vectors["requests"].as_array().expect("requests");
    let verdicts = verdicts(program, arguments);
    assert_eq!(verdicts.len(), requests.len());
    for (request, verdict) in requests.iter().zip(verdicts) {
        let expected = json!(request["refused_for"].is_null());
        assert_eq!(verdict, expected, "{program}: {}", request["name"]);
    }
}

#[test]
fn i03_the_check_in_python_passes_and_refuses_what_the_bridge_does() {
    let driver = "import json, sys; sys.path.insert(0, '.')
from check import passed_the_edge
vectors = json.load(open('vectors.json'))
keys = [bytes.fromhex(key) for key in vectors['keys']]
print(json.dumps([passed_the_edge(keys, r['method'], r['host'], r['path'], r['headers'], r['now'])
                  for r in vectors['requests']]))";
    assert_agrees("python3", &["-c", driver]);
}

#[test]
fn i03_the_check_for_node_passes_and_refuses_what_the_bridge_does() {
    let driver = "import { readFileSync } from 'node:fs';
const { passedTheEdge } = await import(process.cwd() + '/check.mjs');
const vectors = JSON.parse(readFileSync('vectors.json', 'utf8'));
const keys = vectors.keys.map((key) => Buffer.from(key, 'hex'));
console.log(JSON.stringify(vectors.requests.map(({ method, host, path, headers, now }) =>
  passedTheEdge(keys, { method, url: path + '?q=1', rawHeaders: [['Host', host], ...headers].flat() }, now))));";
    assert_agrees("node", &["--input-type=module", "--eval", driver]);
}

#[test]
fn the_documentation_shows_the_checks_that_are_tested() {
    let page = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/edge-assertion.md"));
    for (language, file) in [("python", "check.py"), ("js", "check.mjs")] {
        let shown = format!("```{language}\n{}```\n", read(&samples().join(file)));
        assert!(page.contains(&shown), "docs/edge-assertion.md does not show {file} as it is");
    }
}
