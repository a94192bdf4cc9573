//! Every call to the host, through the bytes API only: the string getters of the SDK panic on a header value that is
//! not UTF-8, and see one value of a repeated header (G-01, G-02).

use std::time::{Duration, UNIX_EPOCH};

use gateway_core::assertion;
use gateway_core::gate::Forward;
use gateway_core::policy::Endpoint;
use gateway_core::publication::Told;
use gateway_core::reply::Reply;
use gateway_core::time::UnixTime;
use gateway_core::token_cache::CacheKey;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, Bytes, MapType, MetricType, Status};

/// A call that the host refused. Whoever meets one answers 503: closed, not open.
#[derive(Debug)]
pub(crate) struct Refused;

impl From<Status> for Refused {
    fn from(_: Status) -> Self {
        Self
    }
}

/// The present, by the host's clock.
pub(crate) fn now() -> Result<UnixTime, Refused> {
    let elapsed = hostcalls::get_current_time()?.duration_since(UNIX_EPOCH).map_err(|_| Refused)?;
    Ok(UnixTime::from_secs(elapsed.as_secs()))
}

/// A key for the token cache from the host's source of randomness.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where randomness comes from; the core takes it as a parameter"
)]
pub(crate) fn cache_key() -> Result<CacheKey, Refused> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Refused)?;
    Ok(CacheKey::new(random))
}

/// All headers of the current request, repeated ones repeated.
pub(crate) fn request_headers() -> Result<Vec<(String, Bytes)>, Refused> {
    Ok(hostcalls::get_map_bytes(MapType::HttpRequestHeaders)?)
}

/// Removes every copy of a header from the current request.
pub(crate) fn remove_request_header(name: &str) -> Result<(), Refused> {
    Ok(hostcalls::remove_map_value(MapType::HttpRequestHeaders, name)?)
}

fn add_request_header(name: &str, value: &str) -> Result<(), Refused> {
    Ok(hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value.as_bytes())?)
}

/// Applies what was decided to the current request. What is added was removed before, if the client sent it: adding costs
/// the host less than replacing.
pub(crate) fn change_request(forward: &Forward<'_>) -> Result<(), Refused> {
    for name in &forward.remove {
        remove_request_header(name)?;
    }
    for (name, value) in forward.set() {
        add_request_header(name, value)?;
    }
    forward.assertion.as_ref().map_or(Ok(()), |proof| add_request_header(assertion::HEADER, proof))
}

/// As much of the current request's body as has arrived.
pub(crate) fn request_body() -> Result<Bytes, Refused> {
    Ok(hostcalls::get_buffer(BufferType::HttpRequestBody, 0, usize::MAX)?.unwrap_or_default())
}

/// The value of one header of the current answer; the first, if there are several.
pub(crate) fn response_header(name: &str) -> Result<Option<Bytes>, Refused> {
    Ok(hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name)?)
}

/// Sets a header of the current answer.
pub(crate) fn set_response_header(name: &str, value: &str) -> Result<(), Refused> {
    Ok(hostcalls::set_map_value_bytes(MapType::HttpResponseHeaders, name, Some(value.as_bytes()))?)
}

/// Removes a header from the current answer.
pub(crate) fn remove_response_header(name: &str) -> Result<(), Refused> {
    Ok(hostcalls::remove_map_value(MapType::HttpResponseHeaders, name)?)
}

/// The first `size` bytes of the current answer's body, or of the part of it that has just arrived.
pub(crate) fn response_body(size: usize) -> Result<Bytes, Refused> {
    Ok(hostcalls::get_buffer(BufferType::HttpResponseBody, 0, size)?.unwrap_or_default())
}

/// Puts `body` in the place of these `size` bytes.
pub(crate) fn replace_response_body(size: usize, body: &[u8]) -> Result<(), Refused> {
    Ok(hostcalls::set_buffer(BufferType::HttpResponseBody, 0, size, body)?)
}

/// Ends the current answer without an end: what comes next must not reach the client.
pub(crate) fn cut_response() -> Result<(), Refused> {
    Ok(hostcalls::reset_http_response()?)
}

/// Answers the current request.
pub(crate) fn reply(reply: &Reply) -> Result<(), Refused> {
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(hostcalls::send_http_response(u32::from(reply.status), headers, Some(reply.body.as_bytes()))?)
}

/// Tells the rest of Envoy something about the current request, as filter state.
pub(crate) fn publish(told: &Told<'_>) -> Result<(), Refused> {
    for (fact, value) in told {
        hostcalls::set_property(vec![fact.key()], Some(value.as_bytes()))?;
    }
    Ok(())
}

/// Lets the current request go on after it waited.
pub(crate) fn resume() -> Result<(), Refused> {
    Ok(hostcalls::resume_http_request()?)
}

/// Makes `context` the one that the calls above speak about. Fails when the request is gone.
pub(crate) fn enter(context: u32) -> Result<(), Refused> {
    Ok(hostcalls::set_effective_context(context)?)
}

/// How often [`super::root::Root`] is woken up.
pub(crate) fn tick_every(period: Duration) -> Result<(), Refused> {
    Ok(hostcalls::set_tick_period(period)?)
}

/// The filter's configuration, as the operator wrote it.
pub(crate) fn configuration() -> Result<Bytes, Refused> {
    Ok(hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX)?.unwrap_or_default())
}

/// Starts an HTTP GET; the answer arrives as an HTTP call response with the number that this gives.
pub(crate) fn get(endpoint: &Endpoint, path: &str, timeout: Duration) -> Result<u32, Refused> {
    let headers = vec![
        (":method", "GET"),
        (":path", path),
        (":authority", endpoint.authority.as_str()),
        ("accept", "application/json"),
    ];
    Ok(hostcalls::dispatch_http_call(&endpoint.cluster, headers, None, vec![], timeout)?)
}

/// Headers and body of the answer that has arrived, if its status is 200 and it has at most `most` bytes; `size` is what the
/// host announced.
pub(crate) fn fetched(size: usize, most: usize) -> Result<(Vec<(String, Bytes)>, Bytes), Refused> {
    let headers = hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders)?;
    let is_ok = headers.iter().any(|(name, value)| name == ":status" && value == b"200");
    if !is_ok || size > most {
        return Err(Refused);
    }
    let body = hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, size)?.ok_or(Refused)?;
    Ok((headers, body))
}

/// Calls a function that this host has beyond the ABI.
pub(crate) fn call_foreign(name: &str, arguments: &[u8]) -> Result<Bytes, Refused> {
    Ok(hostcalls::call_foreign_function(name, Some(arguments))?.unwrap_or_default())
}

/// What a metric is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Metric {
    /// It only grows.
    Counter,
    /// It shows a value.
    Gauge,
}

/// Makes a metric, or finds the one of this name.
pub(crate) fn define_metric(kind: Metric, name: &str) -> Result<u32, Refused> {
    let kind = match kind {
        Metric::Counter => MetricType::Counter,
        Metric::Gauge => MetricType::Gauge,
    };
    Ok(hostcalls::define_metric(kind, name)?)
}

/// Adds to a counter.
pub(crate) fn increment(metric: u32, by: u64) -> Result<(), Refused> {
    Ok(hostcalls::increment_metric(metric, i64::try_from(by).unwrap_or(i64::MAX))?)
}

/// Sets a gauge.
pub(crate) fn record(metric: u32, value: u64) -> Result<(), Refused> {
    Ok(hostcalls::record_metric(metric, value)?)
}
