//! Whether a form was sent from one of our own pages (B-10).

use axum::http::{HeaderMap, header};

use crate::flow::Deps;

/// `Sec-Fetch-Site` cannot be forged by a page, so where a browser sends it, it decides. `Origin` must then agree, unless
/// it is `null`, which privacy tools make of it. Older browsers send `Origin` alone. Programs send neither; they hold no
/// cookie of somebody else's.
pub(super) fn is_our_own(deps: &Deps, headers: &HeaderMap) -> bool {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        (values.next(), values.next().is_some())
    };
    let (site, site_repeated) = only("sec-fetch-site");
    let (origin, origin_repeated) = only(header::ORIGIN.as_str());
    if site_repeated || origin_repeated {
        return false;
    }
    let is_ours = origin.is_none_or(|origin| origin == deps.catalogue.issuer().as_str());
    match site {
        Some(site) => site == "same-origin" && (is_ours || origin.is_some_and(|origin| origin == "null")),
        None => is_ours,
    }
}
