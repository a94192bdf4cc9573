//! What a server may do and use: the member `sandbox` of its entry.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// What is taken away from a server before it starts. What is absent stays as the bridge has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Paths that it may read, besides the system's programs and libraries and the folder it is installed in. With this or
    /// [`Self::write`] (Landlock), every other file of the machine is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Vec<String>>,
    /// Paths that it may read, change and make files in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<Vec<String>>,
    /// `false`: no network at all, this machine's own addresses included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<bool>,
    /// Memory that it can write to, in MiB, for each of its processes (`RLIMIT_DATA`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<NonZeroU64>,
    /// Files and connections open at once, for each of its processes (`RLIMIT_NOFILE`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<NonZeroU64>,
    /// Processes and threads of its user in all (`RLIMIT_NPROC`); nothing holds root back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<NonZeroU64>,
    /// Seconds of processor time, for each of its processes (`RLIMIT_CPU`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<NonZeroU64>,
    /// The user and group that it runs as, by number; for a bridge that runs as root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
}
