//! What one refresh asks of Redis.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Bench;
use super::site::Site;
use crate::Failure;
use crate::auth_service::Prepared;
use crate::envoy::free_address;
use crate::report::{figure, say};

const REFRESHES: u32 = 100;
const PATIENCE: Duration = Duration::from_secs(10);

/// A running Redis that keeps nothing. Dropping it kills it.
struct Redis {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Redis {
    fn start(bench: &Bench) -> Result<Self, Failure> {
        let (address, folder) = (free_address()?, tempfile::tempdir()?);
        let unpacked = bench.root.join(".tools/bin/redis-server");
        let program = if unpacked.exists() { unpacked } else { "redis-server".into() };
        let mut command = Command::new(program);
        command.args(["--port", &address.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"]);
        command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let redis = Self { child: command.spawn()?, address, _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if began.elapsed() > PATIENCE {
                return Err("redis-server did not start".into());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(redis)
    }

    /// Everything that is sent to it from now on, a line each.
    fn monitor(&self) -> Result<BufReader<TcpStream>, Failure> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"MONITOR\r\n")?;
        let mut lines = BufReader::new(stream);
        lines.read_line(&mut String::new())?;
        Ok(lines)
    }

    /// Sends `word` for the monitor to see.
    fn mark(&self, word: &str) -> Result<(), Failure> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.write_all(format!("PING {word}\r\n").as_bytes())?;
        BufReader::new(stream).read_line(&mut String::new())?;
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say(&format!("redis: {REFRESHES} refreshes, one after the other, of one family"));
    let redis = Redis::start(bench)?;
    let service = Prepared::on_redis(&bench.root, redis.address)?.start()?;
    let mut site = Site::ours(&service, 1)?;
    let codes = site.codes(1)?;
    let (_, mut tokens) = site.exchange(&codes)?;
    let monitor = redis.monitor()?;
    for _ in 0..REFRESHES {
        tokens = site.refresh(&tokens)?.1;
    }
    redis.mark("end")?;
    let mut commands: u32 = 0;
    for line in monitor.lines() {
        let line = line?;
        if line.contains("\"PING\" \"end\"") {
            break;
        }
        commands = commands.saturating_add(u32::from(is_asked_for(&line)));
    }
    say(&format!("  {commands} commands"));
    figure("auth.redis_roundtrips_refresh", f64::from(commands) / f64::from(REFRESHES));
    Ok(())
}

/// Whether the service waited for this: not what a script does inside of Redis, and not the wait for revocations, which goes
/// on all the time on a connection of its own.
fn is_asked_for(line: &str) -> bool {
    let is_inside = line.split_once(']').is_some_and(|(source, _)| source.ends_with("lua"));
    !is_inside && !line.to_ascii_uppercase().contains("\"XREAD\"")
}
