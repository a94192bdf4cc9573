//! What the kernel knows of a program.

use std::fs;
use std::time::Duration;

use crate::Failure;

/// Resident memory in KiB.
pub(crate) fn resident_kib(id: u32) -> Result<u32, Failure> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?.parse()?)
}

/// The processor time that it has used so far, in steps of 10 ms.
pub(crate) fn processor_time(id: u32) -> Result<Duration, Failure> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // After the name, which may hold anything: utime and stime are the 14th and the 15th (proc_pid_stat(5)).
    let (_, fields) = stat.rsplit_once(") ").ok_or("no stat")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks.saturating_mul(10)))
}
