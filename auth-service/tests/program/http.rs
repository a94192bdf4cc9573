//! HTTP by hand: a request can be sent without waiting for its answer, and an answer that was cut off is none.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use url::form_urlencoded::Serializer;

/// Longer than anything takes that answers at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// A member of the JSON in it.
    pub(crate) fn member(&self, name: &str) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"));
        json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned()
    }

    /// A parameter of the address that it sends a browser to.
    pub(crate) fn redirected(&self, name: &str) -> String {
        let location = self.header("location").unwrap_or_else(|| panic!("{self:?}"));
        let mut parameters = url::form_urlencoded::parse(location.split_once('?').unwrap().1.as_bytes());
        parameters.find(|(key, _)| key == name).unwrap().1.into_owned()
    }

    pub(crate) fn whole(&self) -> String {
        format!("{}\n{}", self.head, self.body)
    }
}

/// A request with a body of this type; an empty type is none.
pub(crate) fn request(what: &str, headers: &[(&str, &str)], (kind, body): (&str, &str)) -> String {
    let length = body.len().to_string();
    let about = [("content-type", kind), ("content-length", &length)];
    let about = about.iter().filter(|_| !kind.is_empty());
    let usual = [("host", "localhost:8080"), ("connection", "close")];
    let lines = usual.iter().chain(headers).chain(about);
    let head: Vec<_> = lines.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{what} HTTP/1.1\r\n{}\r\n{body}", head.concat())
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Sends a request; the answer is for [`finish`].
pub(crate) fn begin(to: SocketAddr, request: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    Some(stream)
}

/// The answer, if it comes and is whole.
pub(crate) fn finish(mut stream: TcpStream) -> Option<Answer> {
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
    let length = answer.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
    (answer.body.len() == length).then_some(answer)
}
