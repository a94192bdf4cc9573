//! `stdio-bridge confine`: takes rights away from itself, then becomes an MCP server.
//!
//! What a process is denied survives `exec` and is inherited, and taking it away needs no code between `fork` and `exec`. So the
//! bridge starts a confined server through itself: this runs in a process of its own, with one thread, and ends in the server.
//! Whatever cannot be taken away as configured is an error, and the server does not start.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, getgid, getuid, setgid, setgroups, setuid};

use crate::config::Sandbox;

/// Why a server was not started.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// The sandbox cannot be read; only the bridge itself writes it.
    #[error("the sandbox is unreadable: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The kernel, or the rights of the bridge, do not allow to take it away.
    #[error("{what}: {error}; {remedy}")]
    Denied {
        /// The member of `sandbox`.
        what: &'static str,
        /// What the kernel says.
        error: io::Error,
        /// What an operator can do.
        remedy: &'static str,
    },
    /// A path of `read` or `write` cannot be opened.
    #[error("{}: {error}", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// The kernel knows no Landlock, or it is not enabled.
    #[error("read, write: this kernel has no Landlock; leave both out, or confine the bridge by other means")]
    NoLandlock,
    /// The rules about files cannot be set.
    #[error("read, write: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// The program cannot be run.
    #[error("cannot run the server: {0}")]
    Exec(#[source] io::Error),
}

/// What every program needs: the system's programs, libraries and settings, and what the kernel tells about itself.
const SYSTEM: [&str; 10] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/proc", "/sys"];
/// Devices that hold nothing.
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
/// Rights that this program knows; those that the kernel does not know yet cannot be taken away.
const KNOWN: ABI = ABI::V5;
/// Rights that must be taken away. Without the last of them (Linux 6.2) a closed file could still be truncated.
const REQUIRED: ABI = ABI::V3;

/// Confines this process by `sandbox` (its JSON) and becomes `program`. It has to be called before there is a second thread.
///
/// # Errors
/// [`ConfineError`]; on success it does not come back.
pub fn become_server(
    sandbox: &str,
    program: &Path,
    arguments: &[String],
) -> Result<Infallible, ConfineError> {
    let sandbox: Sandbox = serde_json::from_str(sandbox)?;
    limit(&sandbox)?;
    if sandbox.network == Some(false) {
        leave_network()?;
    }
    if let Some(user) = sandbox.user {
        become_user(user)?;
    }
    set_no_new_privs().map_err(denied("sandbox", "the kernel is too old"))?;
    if sandbox.read.is_some() || sandbox.write.is_some() {
        close_files(&sandbox, program)?;
    }
    Err(ConfineError::Exec(Command::new(program).args(arguments).exec()))
}

fn limit(sandbox: &Sandbox) -> Result<(), ConfineError> {
    const MIB: u64 = 1024 * 1024;
    let limits = [
        // A core file would hold what the server was told.
        ("core", Resource::RLIMIT_CORE, Some(0)),
        ("memory_mib", Resource::RLIMIT_DATA, sandbox.memory_mib.map(|mib| mib.get().saturating_mul(MIB))),
        ("open_files", Resource::RLIMIT_NOFILE, sandbox.open_files.map(std::num::NonZero::get)),
        ("processes", Resource::RLIMIT_NPROC, sandbox.processes.map(std::num::NonZero::get)),
        ("cpu_seconds", Resource::RLIMIT_CPU, sandbox.cpu_seconds.map(std::num::NonZero::get)),
    ];
    for (what, resource, limit) in limits {
        if let Some(limit) = limit {
            setrlimit(resource, limit, limit).map_err(denied(what, "the bridge itself may use no more"))?;
        }
    }
    Ok(())
}

/// A network of its own, in which there is nothing, not even an address of this machine.
fn leave_network() -> Result<(), ConfineError> {
    const REMEDY: &str =
        "the bridge needs user namespaces (kernel.unprivileged_userns_clone) or CAP_SYS_ADMIN for this";
    let (user, group) = (getuid(), getgid());
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(()),
        Err(Errno::EPERM) => {}
        Err(error) => return Err(denied("network", REMEDY)(error)),
    }
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(denied("network", REMEDY))?;
    // In the new user namespace it stays who it is; without a map it would be nobody.
    for (file, map) in [
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/uid_map", format!("{user} {user} 1")),
        ("/proc/self/gid_map", format!("{group} {group} 1")),
    ] {
        std::fs::write(file, map).map_err(|error| ConfineError::Denied {
            what: "network",
            error,
            remedy: REMEDY,
        })?;
    }
    Ok(())
}

fn become_user(id: u32) -> Result<(), ConfineError> {
    let (user, group) = (Uid::from_raw(id), Gid::from_raw(id));
    let switched = setgroups(&[group]).and_then(|()| setgid(group)).and_then(|()| setuid(user));
    switched.map_err(denied("user", "only a bridge that runs as root can become another user"))
}

/// Closes every file but those that the system and `sandbox` open.
fn close_files(sandbox: &Sandbox, program: &Path) -> Result<(), ConfineError> {
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let rules = rules.handle_access(AccessFs::from_all(REQUIRED))?.set_compatibility(CompatLevel::BestEffort);
    // Signals to other processes of the same user, the bridge among them, go with Linux 6.12.
    let rules = rules.handle_access(AccessFs::from_all(KNOWN))?.scope(Scope::from_all(ABI::V6))?;
    let mut rules = rules.create()?;
    let reading = AccessFs::from_read(KNOWN);
    let installed = program.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    for path in SYSTEM.iter().map(PathBuf::from).chain(installed).filter(|path| path.exists()) {
        rules = open(rules, &path, reading)?;
    }
    for device in DEVICES.iter().map(PathBuf::from).filter(|path| path.exists()) {
        rules = open(rules, &device, reading | AccessFs::WriteFile)?;
    }
    for path in sandbox.read.iter().flatten() {
        rules = open(rules, Path::new(path), reading)?;
    }
    for path in sandbox.write.iter().flatten() {
        rules = open(rules, Path::new(path), AccessFs::from_all(KNOWN))?;
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => Err(ConfineError::NoLandlock),
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

fn open(
    rules: RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, ConfineError> {
    let file = PathFd::new(path)
        .map_err(|error| ConfineError::Path { path: path.to_owned(), error: error.to_string() })?;
    // A right that only folders have cannot be given to a file.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(KNOWN) };
    Ok(rules.add_rule(PathBeneath::new(file, access))?)
}

fn denied(what: &'static str, remedy: &'static str) -> impl FnOnce(Errno) -> ConfineError {
    move |error| ConfineError::Denied { what, error: error.into(), remedy }
}
