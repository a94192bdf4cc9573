//! An accepted configuration opens and protects what it lists, and nothing else. Also used by the fuzz target.

use gateway_core::policy::{Access, Policy};
use serde_json::Value;

/// What a path means, with the URI of what is protected.
#[derive(Debug, PartialEq, Eq)]
enum Meaning<'a> {
    Public,
    Protected(&'a str),
    Nothing,
}

/// Checks `Policy::parse` on any bytes; answers whether they were accepted. `probe` is a path to ask about, and a part of
/// others.
pub(crate) fn check(configuration: &[u8], probe: &[u8]) -> bool {
    let Ok(policy) = Policy::parse(configuration) else { return false };
    assert!(!policy.issuers.is_empty());
    assert!(policy.issuers.iter().all(|issuer| issuer.leeway <= 60 && !issuer.algorithms.is_empty()));
    let again = Policy::parse(&[b"\n", configuration, b" "].concat());
    let Ok(again) = again else { unreachable!("white space matters") };
    // Another reader may refuse what is inside of members that nobody looks at.
    let Ok(value) = serde_json::from_slice::<Value>(configuration) else { return true };
    for path in probes(&value, probe) {
        for host in hosts(&value) {
            let meaning = meaning(&value, &host, &path);
            let shown = format!("{host} {}", String::from_utf8_lossy(&path));
            assert_eq!(of_policy(&policy, &host, &path), meaning, "{shown}");
            assert_eq!(of_policy(&again, &host, &path), meaning, "{shown}, read again");
        }
    }
    true
}

fn of_policy<'a>(policy: &'a Policy, host: &str, path: &[u8]) -> Meaning<'a> {
    match policy.access(host.as_bytes(), path) {
        Access::Public => Meaning::Public,
        Access::Protected(resource) => Meaning::Protected(resource.uri.as_str()),
        Access::Nothing => Meaning::Nothing,
    }
}

/// The rules once more, as simply as can be: straight from the document, one comparison each.
fn meaning<'a>(configuration: &'a Value, host: &str, path: &[u8]) -> Meaning<'a> {
    let is_public = texts(configuration, "public_paths").any(|listed| match listed.strip_suffix("/*") {
        None => listed.as_bytes() == path,
        Some(parent) => {
            let segments: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
            let parents: Vec<&[u8]> = parent.as_bytes().split(|byte| *byte == b'/').collect();
            matches!(segments.split_last(), Some((last, front)) if front == parents && !last.is_empty())
        }
    });
    if is_public {
        return Meaning::Public;
    }
    let all: Vec<&str> = uris(configuration).collect();
    let is_on_several =
        all.windows(2).any(|pair| matches!(pair, [one, other] if !is_host(one, own_host(other))));
    let is_at = |uri: &&str| {
        let own = own_path(uri);
        let is_path = path == own.as_bytes() || path == format!("{own}/").as_bytes();
        is_path && (!is_on_several || is_host(uri, host))
    };
    uris(configuration).find(is_at).map_or(Meaning::Nothing, Meaning::Protected)
}

/// What follows the host of a URI.
fn own_path(uri: &str) -> String {
    let segments = uri.split('/').skip(3).map(|segment| format!("/{segment}"));
    segments.collect()
}

/// What stands between the scheme of a URI and its path.
fn own_host(uri: &str) -> &str {
    uri.split('/').nth(2).unwrap_or_default()
}

/// Whether `host` is that of `uri`, which may leave out the port of its scheme.
fn is_host(uri: &str, host: &str) -> bool {
    let port = if uri.starts_with("https") { ":443" } else { ":80" };
    let bare = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
    bare(host) == bare(own_host(uri))
}

/// All hosts that are listed, and what looks like them.
fn hosts(configuration: &Value) -> Vec<String> {
    let listed = uris(configuration).map(own_host).take(16);
    let like =
        |host: &str| ["", ":443", ":80", ":1", "."].map(|after| format!("{}{after}", host.to_uppercase()));
    listed.flat_map(like).chain([String::new()]).collect()
}

fn texts<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let list = value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str)
}

fn uris(configuration: &Value) -> impl Iterator<Item = &str> {
    let list = configuration.get("resources").and_then(Value::as_array);
    let list = list.map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|resource| resource.get("uri").and_then(Value::as_str))
}

/// All that is listed, and what looks like it.
fn probes(configuration: &Value, probe: &[u8]) -> Vec<Vec<u8>> {
    let public = texts(configuration, "public_paths").map(str::to_owned);
    let listed = public.chain(uris(configuration).map(own_path));
    let mut probes = vec![Vec::new(), b"/".to_vec(), b"*".to_vec(), probe.to_vec()];
    for path in listed.take(64) {
        let bare = path.trim_end_matches('*');
        for (before, after) in [
            ("", ""),
            ("", "/"),
            ("", "//"),
            ("", "*"),
            ("", "x"),
            ("", "x/"),
            ("", "x/y"),
            ("", "/x"),
            ("", ";x"),
            ("", "%2f"),
            ("", "/.."),
            ("", "?x"),
            ("/", ""),
            ("/x", ""),
            ("http://host", ""),
        ] {
            probes.push(format!("{before}{bare}{after}").into_bytes());
        }
        probes.push([bare.as_bytes(), probe].concat());
        probes.push([probe, bare.as_bytes()].concat());
        probes.push(path.to_ascii_uppercase().into_bytes());
        probes.push(path.clone().into_bytes());
        let mut shorter = path.into_bytes();
        shorter.pop();
        probes.push(shorter);
    }
    probes
}
