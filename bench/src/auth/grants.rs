//! Codes and refresh tokens traded for tokens, and clients registered, beside npm `oidc-provider`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::peer::OidcProvider;
use super::site::{Site, Work};
use super::{Bench, CONNECTIONS};
use crate::Failure;
use crate::auth_service::Prepared;
use crate::report::{figure, say};
use crate::stats::median;
use crate::tokens::{ISSUER, PATH};

const ROUNDS: usize = 9;
/// Requests of one round to ours.
const OURS: usize = 4096;
/// Requests of one round to the peer: about as long.
const THEIRS: usize = 512;

const WORK: [(&str, &str); 3] = [
    ("code exchange", "auth.token_vs_oidc_provider"),
    ("refresh", "auth.refresh_vs_oidc_provider"),
    ("registration", "auth.register_vs_oidc_provider"),
];

/// Each kind of work, in one round.
type Done = [Work; 3];

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say(&format!("grants: {CONNECTIONS} connections; ours with the embedded store, each answer durable"));
    let service = Prepared::new(&bench.root)?.start()?;
    let peer = OidcProvider::start(&bench.root)?;
    let mut ours = Site::ours(&service, CONNECTIONS)?;
    let mut theirs = Site::oidc_provider(&peer, CONNECTIONS)?;
    for site in [&mut ours, &mut theirs] {
        does_the_same_work(site)?;
    }
    let mut rounds = vec![];
    for round in 0..=ROUNDS {
        let pair = (one_round(&mut ours, OURS)?, one_round(&mut theirs, THEIRS)?);
        // The first one warms up.
        if round > 0 {
            rounds.push(pair);
        }
    }
    for (index, (work, name)) in WORK.into_iter().enumerate() {
        let of = |done: &Done| done.get(index).copied();
        let pairs = rounds.iter().filter_map(|(ours, theirs)| of(ours).zip(of(theirs)));
        tell(work, name, &pairs.collect::<Vec<_>>());
    }
    Ok(())
}

fn one_round(site: &mut Site, count: usize) -> Result<Done, Failure> {
    let codes = site.codes(count)?;
    let (exchanged, tokens) = site.exchange(&codes)?;
    let (refreshed, _) = site.refresh(&tokens)?;
    let registered = site.register(count)?;
    Ok([exchanged, refreshed, registered])
}

fn tell(work: &str, name: &str, rounds: &[(Work, Work)]) {
    let all = |pick: fn(&(Work, Work)) -> f64| rounds.iter().map(pick).collect::<Vec<_>>();
    let ratios = all(|(ours, theirs)| ours.per_second / theirs.per_second);
    say(&format!(
        "  {work:<14} ours {:>6.0}/s at {:>4.0} µs of processor each, oidc-provider {:>5.0}/s at {:>4.0}; by processor time {:.1}; rounds {}",
        median(&all(|(ours, _)| ours.per_second)),
        1e6 * median(&all(|(ours, _)| ours.each)),
        median(&all(|(_, theirs)| theirs.per_second)),
        1e6 * median(&all(|(_, theirs)| theirs.each)),
        median(&all(|(ours, theirs)| theirs.each / ours.each)),
        ratios.iter().map(|ratio| format!("{ratio:.1}")).collect::<Vec<_>>().join(" ")
    ));
    figure(name, median(&ratios));
}

/// An ES256 access token for the resource that was asked for, and a refresh token that changes hands with each use.
fn does_the_same_work(site: &mut Site) -> Result<(), Failure> {
    let token = site.access_token()?;
    let part = |index| -> Result<Value, Failure> {
        let text = token.split('.').nth(index).ok_or("not a JWT")?;
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string())?)?)
    };
    let (header, claims) = (part(0)?, part(1)?);
    let codes = site.codes(1)?;
    let (_, before) = site.exchange(&codes)?;
    let (_, after) = site.refresh(&before)?;
    let is_same = header.get("alg") == Some(&"ES256".into())
        && header.get("typ") == Some(&"at+jwt".into())
        && claims.get("aud") == Some(&format!("{ISSUER}{PATH}").into())
        && before != after;
    if is_same { Ok(()) } else { Err(format!("another kind of work: {header} {claims}").into()) }
}
