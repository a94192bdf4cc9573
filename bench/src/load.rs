//! The load generator: HTTP/1.1 on kept-alive connections, requests as ready-made bytes, one thread.
//!
//! Each connection has one request under way. They are served in turn: while one answer is awaited, the requests of the
//! other connections are already with the server, so it always has something to do.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Failure;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer.
const ROOM: usize = 64 * 1024;

/// What a round of load came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    /// Answers, each 200.
    pub(crate) answers: u32,
    /// How long that took.
    pub(crate) time: Duration,
}

impl Round {
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.answers) / self.time.as_secs_f64()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; ROOM] })
    }

    /// Sends `request` and waits for its answer: the status.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<u16, Failure> {
        self.stream.write_all(request)?;
        let answer = self.receive()?;
        status(answer).ok_or_else(|| "not an HTTP answer".into())
    }

    /// The same, and gives all of the answer.
    pub(crate) fn answer(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        self.stream.write_all(request)?;
        self.receive().map(Answer::of)
    }

    fn expect(&mut self, expected: u16) -> Result<&[u8], Failure> {
        let answer = self.receive()?;
        if status(answer) == Some(expected) {
            Ok(answer)
        } else {
            Err(format!("expected {expected}, got: {}", String::from_utf8_lossy(answer)).into())
        }
    }

    /// One whole answer.
    fn receive(&mut self) -> Result<&[u8], Failure> {
        let mut filled = 0;
        loop {
            let room = self.buffer.get_mut(filled..).filter(|room| !room.is_empty());
            let count = match self.stream.read(room.ok_or("an answer is too large")?) {
                Ok(0) => return Err("the server closed a connection".into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(format!("no answer within {} s", PATIENCE.as_secs()).into());
                }
                other => other?,
            };
            filled = filled.saturating_add(count);
            let answer = self.buffer.get(..filled).unwrap_or_default();
            if length(answer).is_some_and(|length| length <= filled) {
                break;
            }
        }
        Ok(self.buffer.get(..filled).unwrap_or_default())
    }
}

/// An answer as text.
#[derive(Debug)]
pub(crate) struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        Self { head: head.to_owned(), body: body.to_owned() }
    }

    /// The values of a header, whatever the case of its name.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(move |line| value_of(line, name))
    }

    /// The first of them.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }
}

fn value_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (its_name, value) = line.split_once(':')?;
    its_name.eq_ignore_ascii_case(name).then(|| value.trim())
}

fn status(answer: &[u8]) -> Option<u16> {
    std::str::from_utf8(answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?.parse().ok()
}

/// Length of head and body; `None` until the head is complete.
fn length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let body = head.lines().find_map(|line| value_of(line, "content-length"));
    let body: usize = body.map_or(Some(0), |digits| digits.parse().ok())?;
    end.checked_add(4)?.checked_add(body)
}

/// Connections to one listener.
#[derive(Debug)]
pub(crate) struct Load(Vec<Client>);

impl Load {
    pub(crate) fn connect(address: SocketAddr, connections: usize) -> Result<Self, Failure> {
        let clients = (0..connections).map(|_| Client::connect(address));
        Ok(Self(clients.collect::<Result<_, _>>()?))
    }

    /// Sends `requests` until there are no more or `limit` is over; the first answer that is not 200 ends it.
    pub(crate) fn run<'a>(
        &mut self,
        requests: impl Iterator<Item = &'a [u8]>,
        limit: Duration,
    ) -> Result<Round, Failure> {
        self.serve(requests, limit, 200, |_| {})
    }

    /// Sends each of `requests`; gives their answers, in the same order. The first one that is not `expected` ends it.
    pub(crate) fn answers(
        &mut self,
        requests: &[Vec<u8>],
        expected: u16,
    ) -> Result<(Round, Vec<Answer>), Failure> {
        let mut answers = Vec::with_capacity(requests.len());
        let requests = requests.iter().map(Vec::as_slice);
        let round = self.serve(requests, Duration::MAX, expected, |answer| answers.push(answer.to_vec()))?;
        Ok((round, answers.iter().map(|answer| Answer::of(answer)).collect()))
    }

    /// Connections are served in turn, so the answers come in the order of the requests.
    fn serve<'a>(
        &mut self,
        mut requests: impl Iterator<Item = &'a [u8]>,
        limit: Duration,
        expected: u16,
        mut take: impl FnMut(&[u8]),
    ) -> Result<Round, Failure> {
        let start = Instant::now();
        let mut answers: u32 = 0;
        let mut waiting = Vec::with_capacity(self.0.len());
        for (client, request) in self.0.iter_mut().zip(&mut requests) {
            client.stream.write_all(request)?;
            waiting.push(client);
        }
        while !waiting.is_empty() {
            let mut next = Vec::with_capacity(waiting.len());
            for client in waiting {
                take(client.expect(expected)?);
                answers = answers.saturating_add(1);
                if start.elapsed() < limit
                    && let Some(request) = requests.next()
                {
                    client.stream.write_all(request)?;
                    next.push(client);
                }
            }
            waiting = next;
        }
        Ok(Round { answers, time: start.elapsed() })
    }
}

/// The latency of each of `count` requests, one after the other on one connection, in microseconds.
pub(crate) fn latencies(address: SocketAddr, request: &[u8], count: usize) -> Result<Vec<f64>, Failure> {
    let mut client = Client::connect(address)?;
    let mut one = || -> Result<f64, Failure> {
        let start = Instant::now();
        client.stream.write_all(request)?;
        client.expect(200)?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    };
    (0..count).map(|_| one()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ndate: x\r\n\r\nok";
        assert_eq!((status(answer), length(answer)), (Some(200), Some(answer.len())));
        assert_eq!(length(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"), None);
        assert_eq!(length(b"HTTP/1.1 204 No Content\r\n\r\n"), Some(27));
        assert_eq!(status(b"garbage"), None);
    }
}
