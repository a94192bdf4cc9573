//! Envoy as a process: started on its core, watched, stopped.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::load::Client;
use crate::process::resident_kib;
use crate::{Failure, pin};

/// How long Envoy may take until it listens: it compiles the filter first.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running Envoy with one worker. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Envoy {
    child: Child,
    folder: TempDir,
}

impl Envoy {
    /// Starts Envoy with `bootstrap` and waits until it answers at `ready`.
    pub(crate) fn start(root: &Path, bootstrap: &Value, ready: SocketAddr) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("envoy.json");
        fs::write(&config, bootstrap.to_string())?;
        let log = fs::File::create(folder.path().join("envoy.log"))?;
        let mut command = Command::new(root.join(".tools/bin/envoy"));
        command.arg("--config-path").arg(config).args(["--concurrency", "1", "--disable-hot-restart"]);
        command.args(["--log-level", "warning"]).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        pin::to(pin::EDGE)?;
        let child = command.spawn();
        pin::to(pin::REST)?;
        let mut envoy = Self { child: child?, folder };
        envoy.until_ready(ready)?;
        Ok(envoy)
    }

    fn until_ready(&mut self, ready: SocketAddr) -> Result<(), Failure> {
        let start = Instant::now();
        let request = b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
        while Client::connect(ready).and_then(|mut client| client.ask(request)).ok() != Some(200) {
            if self.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("Envoy did not start:\n{}", self.log()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// What Envoy said, warnings and worse.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("envoy.log")).unwrap_or_default()
    }

    /// The processor time that the worker has used.
    pub(crate) fn worker_time(&self) -> Result<Duration, Failure> {
        for task in fs::read_dir(self.proc().join("task"))? {
            let task = task?.path();
            if fs::read_to_string(task.join("comm"))?.starts_with("wrk:worker_0") {
                let text = fs::read_to_string(task.join("schedstat"))?;
                let nanos = text.split_whitespace().next().ok_or("no schedstat")?.parse()?;
                return Ok(Duration::from_nanos(nanos));
            }
        }
        Err("Envoy has no worker".into())
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u32, Failure> {
        resident_kib(self.child.id())
    }

    /// Memory of its WebAssembly VMs in KiB: what is in use at the beginning of each of V8's huge reservations.
    pub(crate) fn wasm_memory_kib(&self) -> Result<u32, Failure> {
        const RESERVATION: u64 = 4 << 30;
        let maps = fs::read_to_string(self.proc().join("maps"))?;
        let range = |line: &str| -> Option<(u64, u64, bool)> {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let number = |text| u64::from_str_radix(text, 16).ok();
            Some((number(start)?, number(end)?, rest.starts_with("rw")))
        };
        let ranges: Vec<_> = maps.lines().filter_map(range).collect();
        let in_use = ranges.windows(2).filter_map(|pair| match pair {
            [(start, end, true), (next, last, false)]
                if end == next && last.saturating_sub(*next) >= RESERVATION / 2 =>
            {
                Some(end.saturating_sub(*start))
            }
            _ => None,
        });
        Ok(u32::try_from(in_use.sum::<u64>() / 1024)?)
    }

    fn proc(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A free loopback address, which may be given again.
pub(crate) fn free_address() -> Result<SocketAddr, Failure> {
    let [address] = free_addresses()?;
    Ok(address)
}

/// Free loopback addresses. They are free when this returns; what runs on this machine is the operator's business.
pub(crate) fn free_addresses<const N: usize>() -> Result<[SocketAddr; N], Failure> {
    let listeners = (0..N).map(|_| TcpListener::bind(("127.0.0.1", 0)));
    let listeners = listeners.collect::<Result<Vec<_>, _>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    addresses.try_into().map_err(|_| "no free ports".into())
}
