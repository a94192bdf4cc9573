//! What the repository shows to people who bring their own Envoy or mesh works: each filter configuration is one that the
//! filter accepts and the schema describes, each bootstrap is one that Envoy accepts, and what the comments promise of a
//! sidecar and of ECDS happens.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

#[path = "examples/decision.rs"]
mod decision;
#[path = "examples/mistakes.rs"]
mod mistakes;
#[path = "examples/running.rs"]
mod running;
#[path = "examples/servers.rs"]
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use gateway_core::policy::Policy;
use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::{filter_wasm, repository};
use gateway_e2e::raw;
use launcher::edge::filter_configuration;
use launcher::settings::Settings;
use running::{Running, key_of, tool_call};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A bootstrap or manifest.
struct Shown {
    name: String,
    text: String,
}

/// The YAML files in one folder of the repository.
fn shown_in(folder: &str) -> Vec<Shown> {
    let files = std::fs::read_dir(repository().join(folder)).unwrap().map(|file| file.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let read = |path: PathBuf| Shown {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    };
    yaml.map(read).collect()
}

fn shown(folder: &str, name: &str) -> Shown {
    shown_in(folder).into_iter().find(|shown| shown.name == name).unwrap()
}

impl Shown {
    /// What stands under the lines that consist of `key`: all that is indented deeper.
    fn under(&self, key: &str) -> Vec<String> {
        let indent = |line: &str| line.chars().take_while(|character| *character == ' ').count();
        let lines: Vec<&str> = self.text.lines().collect();
        let keys = lines.iter().enumerate().filter(|(_, line)| line.trim() == key);
        let block = |(at, line): (usize, &&str)| {
            let deeper = lines.iter().skip(at).skip(1);
            let deeper = deeper.take_while(|next| next.trim().is_empty() || indent(next) > indent(line));
            deeper.copied().collect::<Vec<_>>().join("\n")
        };
        keys.map(block).collect()
    }

    /// The filter configurations in it. JSON is YAML too, so they are taken out as they stand.
    fn filter_configurations(&self) -> Vec<Value> {
        let blocks = ["value: |", "pluginConfig:", "config:"].into_iter().flat_map(|key| self.under(key));
        let json = blocks.filter(|block| block.trim_start().starts_with('{'));
        json.map(|block| {
            serde_json::from_str(&block).unwrap_or_else(|error| panic!("{}: {error}", self.name))
        })
        .collect()
    }

    fn only_configuration(&self) -> Value {
        let [only] = <[Value; 1]>::try_from(self.filter_configurations()).unwrap();
        only
    }

    /// The text with the filter and a few other things put where this machine has them.
    fn filled_in(&self, places: &[(&str, &str)]) -> String {
        let filter = filter_wasm().canonicalize().expect("the filter is compiled: just wasm");
        let text = self.text.replace("/etc/envoy/mcp-edge.wasm", filter.to_str().unwrap());
        places.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{} has no {from}", self.name);
            text.replace(from, to)
        })
    }
}

/// Which of these configurations of the filter its schema allows.
async fn allowed_by_schema(configurations: &[Value]) -> Vec<bool> {
    allowed_by("envoy/filter-config.schema.json", configurations).await
}

/// Which of these documents the schema in `file` allows.
async fn allowed_by(file: &str, documents: &[Value]) -> Vec<bool> {
    const SCRIPT: &str = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        validator = jsonschema.Draft202012Validator\n\
        validator.check_schema(schema)\n\
        print(json.dumps([validator(schema).is_valid(one) for one in json.load(sys.stdin)]))";
    let mut python = Command::new(repository().join(".tools/python/bin/python"));
    python.args(["-c", SCRIPT]).arg(repository().join(file));
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(json!(documents).to_string().as_bytes()).await.unwrap();
    let output = python.wait_with_output().await.unwrap();
    serde_json::from_slice(&output.stdout).expect("a verdict on each")
}

#[tokio::test]
async fn g_11_every_filter_configuration_that_is_shown_is_accepted_and_described() {
    let folders = ["envoy/examples", "deploy/istio", "deploy/envoy-gateway"];
    let all: Vec<Shown> = folders.into_iter().flat_map(shown_in).collect();
    let without_one = ["ecds.yaml", "clusters.yaml"];
    let mut configurations = Vec::new();
    for shown in &all {
        let found = shown.filter_configurations();
        assert_eq!(found.is_empty(), without_one.contains(&shown.name.as_str()), "{}", shown.name);
        for configuration in found {
            let parsed = Policy::parse(configuration.to_string().as_bytes());
            assert!(parsed.is_ok(), "{}: {}", shown.name, parsed.unwrap_err());
            configurations.push((shown.name.clone(), configuration));
        }
    }
    for block in json_blocks(&std::fs::read_to_string(repository().join("docs/configuration.md")).unwrap()) {
        let parsed = Policy::parse(block.as_bytes());
        assert!(parsed.is_ok(), "docs/configuration.md: {}: {block}", parsed.unwrap_err());
        configurations.push(("docs/configuration.md".to_owned(), serde_json::from_str(&block).unwrap()));
    }
    configurations.push(("our own stack".to_owned(), own_stack()));
    let (names, documents): (Vec<_>, Vec<_>) = configurations.into_iter().unzip();
    for (name, allowed) in names.iter().zip(allowed_by_schema(&documents).await) {
        assert!(allowed, "{name}: the schema refuses it");
    }
}

/// What `just run` configures, with the default settings.
fn own_stack() -> Value {
    let settings = Settings::read(&BTreeMap::new(), PathBuf::new()).unwrap();
    serde_json::from_str(&filter_configuration(&settings, &["time".parse().unwrap()]).unwrap()).unwrap()
}

/// The blocks of a Markdown text that are marked as JSON.
fn json_blocks(markdown: &str) -> Vec<String> {
    let blocks = markdown.split("```json\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn g_11_the_parser_and_the_schema_refuse_the_same_mistakes() {
    let (good, bad) = (mistakes::none(), mistakes::all());
    let parses = |one: &Value| Policy::parse(one.to_string().as_bytes()).is_ok();
    let verdicts = allowed_by_schema(&[good.clone(), bad.clone()].concat()).await;
    let (of_good, of_bad) = verdicts.split_at(good.len());
    for (one, allowed) in good.iter().zip(of_good) {
        assert!(parses(one) && *allowed, "parser {}, schema {allowed}: {one}", parses(one));
    }
    for (one, allowed) in bad.iter().zip(of_bad) {
        assert!(!parses(one) && !allowed, "parser {}, schema {allowed}: {one}", parses(one));
    }
}

#[test]
fn a_mesh_carries_the_same_configuration_whatever_its_kind_of_manifest() {
    let sidecar = shown("deploy/istio", "traffic-extension.yaml").only_configuration();
    for other in ["wasm-plugin.yaml", "traffic-extension-gateway.yaml"] {
        assert_eq!(shown("deploy/istio", other).only_configuration(), sidecar, "{other}");
    }
    for name in ["extension-policy.yaml", "extension-policy-backends.yaml"] {
        let mut gateway = shown("deploy/envoy-gateway", name).only_configuration();
        for cluster in ["/issuers/0/jwks/cluster", "/issuers/0/revocations/cluster"] {
            *gateway.pointer_mut(cluster).unwrap() = sidecar.pointer(cluster).unwrap().clone();
        }
        assert_eq!(gateway, sidecar, "{name}");
    }
    let waypoint = shown("deploy/istio", "traffic-extension-waypoint.yaml").only_configuration();
    assert_eq!(waypoint, shown("envoy/examples", "sidecar.yaml").only_configuration());
}

/// Whether Envoy accepts a bootstrap, and what it says. It loads the filter and has it read its configuration.
async fn validate(bootstrap: &str) -> (bool, String) {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(&file, bootstrap).unwrap();
    let mut envoy = Command::new(repository().join(".tools/bin/envoy"));
    envoy.args(["--mode", "validate", "--log-level", "warning", "--config-path"]).arg(file.path());
    let output = envoy.output().await.unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn envoy_accepts_every_example() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("ecds-filter.yaml"),
        shown("envoy/examples", "ecds-filter.yaml").filled_in(&[]),
    )
    .unwrap();
    for example in shown_in("envoy/examples") {
        let bootstrap = match example.name.as_str() {
            // Not a bootstrap: what `ecds.yaml` discovers.
            "ecds-filter.yaml" => continue,
            "ecds.yaml" => example.filled_in(&[("/etc/envoy", folder.path().to_str().unwrap())]),
            _ => example.filled_in(&[]),
        };
        let (accepted, said) = validate(&bootstrap).await;
        assert!(accepted, "{}: {said}", example.name);
    }
    let [clusters] =
        <[String; 1]>::try_from(shown("deploy/envoy-gateway", "clusters.yaml").under("value: |")).unwrap();
    let (accepted, said) = validate(&clusters).await;
    assert!(accepted, "clusters.yaml: {said}");
}

#[tokio::test]
async fn g_11_envoy_refuses_an_example_whose_filter_configuration_is_wrong() {
    let example = shown("envoy/examples", "auth0.yaml").filled_in(&[("\"token_type\"", "\"type\"")]);
    let (accepted, said) = validate(&example).await;
    assert!(!accepted && said.contains("Plugin mcp_edge failed to load"), "{said}");
}

const NOTHING_YET: &str = "version_info: \"0\"\nresources: []\n";

#[tokio::test]
async fn g_10_by_ecds_nothing_passes_before_the_first_configuration_and_after_a_wrong_one() {
    let filter = shown("envoy/examples", "ecds-filter.yaml").filled_in(&[]);
    let wrong = filter.replace("\"resources\"", "\"resourcez\"");
    let example = shown("envoy/examples", "ecds.yaml");
    for first in [NOTHING_YET, &wrong] {
        let edge = Running::start(&example, &[], &[("ecds-filter.yaml", first)]).await;
        assert_eq!(edge.status(&[]).await, 403);
        edge.put("ecds-filter.yaml", &filter);
        while edge.status(&[]).await == 403 {}
        assert_eq!(edge.status(&[]).await, 401);
        let rejected = "config update rejected";
        let before = edge.times_logged(rejected);
        edge.put("ecds-filter.yaml", &wrong.replace("\"1\"", "\"2\""));
        while edge.times_logged(rejected) == before {
            assert_eq!(edge.status(&[]).await, 401);
        }
        assert_eq!(edge.status(&[]).await, 401);
        assert_eq!(edge.upstream.heads(), Vec::<String>::new());
        edge.envoy.stop().await;
    }
}

#[tokio::test]
async fn a_sidecar_with_inline_keys_decides_alone_and_at_once() {
    let forge = Forge::of_issuer("https://gateway.example", "time");
    let places = key_of(&forge);
    let places: Vec<(&str, &str)> = places.iter().map(|(from, to)| (*from, to.as_str())).collect();
    let edge = Running::start(&shown("envoy/examples", "sidecar.yaml"), &places, &[]).await;
    assert_eq!(edge.status(&[]).await, 401);
    assert_eq!(edge.upstream.heads(), Vec::<String>::new());
    let token = format!("authorization: Bearer {}", forge.token());
    assert_eq!(edge.status(&[token.as_bytes()]).await, 200);
    let [head] = <[String; 1]>::try_from(edge.upstream.heads()).unwrap();
    assert!(head.contains("x-user-id: local:forged") && !head.contains("authorization"), "{head}");
    let narrow = forge.with(|claims| "mcp:time:get_current_time".clone_into(&mut claims.scope));
    assert_eq!(raw::send_whole(edge.address, &tool_call(&narrow)).await.status, 200);
    let other = forge.with(|claims| "mcp:time:convert_time".clone_into(&mut claims.scope));
    assert_ne!(raw::send_whole(edge.address, &tool_call(&other)).await.status, 200);
    edge.envoy.stop().await;
}

/// Neither Istio nor Envoy Gateway can set this option of Envoy's (docs/mesh.md): what it means there.
#[tokio::test]
async fn without_a_stop_that_lets_the_body_through_only_a_token_for_single_tools_is_refused_and_the_log_says_why()
 {
    let forge = Forge::of_issuer("https://gateway.example", "time");
    let mut places = key_of(&forge);
    places
        .push(("allow_on_headers_stop_iteration: true", "allow_on_headers_stop_iteration: false".to_owned()));
    let places: Vec<(&str, &str)> = places.iter().map(|(from, to)| (*from, to.as_str())).collect();
    let edge = Running::start(&shown("envoy/examples", "sidecar.yaml"), &places, &[]).await;
    assert_eq!(raw::send_whole(edge.address, &tool_call(&forge.token())).await.status, 200);
    assert_eq!(edge.upstream.heads().len(), 1);
    let narrow = forge.with(|claims| "mcp:time:get_current_time".clone_into(&mut claims.scope));
    let answer = raw::send_whole(edge.address, &tool_call(&narrow)).await;
    assert_eq!(answer.status, 408, "{}", answer.body);
    assert_eq!(edge.upstream.heads().len(), 1);
    assert_eq!(edge.times_logged("set allow_on_headers_stop_iteration"), 1);
    edge.envoy.stop().await;
}
