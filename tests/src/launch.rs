//! The program behind `just run`, started in a terminal's stead and stopped with its Ctrl-C.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Output, Stdio};

use launcher::process::interrupt;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::gateway::{bin_dir, environment, path_with_tools};
use crate::ports::Reserved;

/// What to start: its settings, which a test may spoil, and the ports it uses.
#[derive(Debug)]
pub struct Launch {
    /// The environment of the program.
    pub env: BTreeMap<String, String>,
    _ports: Vec<Reserved>,
}

/// The program while it runs, past the moment at which it said that the gateway is up.
#[derive(Debug)]
pub struct Launched {
    child: Child,
    /// Everything that it printed until then.
    pub printed: String,
}

impl Launch {
    /// A gateway in front of the time server that keeps everything in `folder`.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let servers = json!({ "time": { "command": "mcp-server-time" } });
        let (mut env, ports) = environment(folder, &servers);
        env.insert("PATH".to_owned(), path_with_tools());
        Self { env, _ports: ports }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(bin_dir().join("mcp-edge-gateway"));
        command
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts the program and reads what it prints until the gateway is up.
    pub async fn start(&self) -> Launched {
        let mut child = self.command().spawn().expect("the launcher starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut printed = String::new();
        while !printed.contains("Ctrl-C") {
            let Some(line) = lines.next_line().await.expect("its output") else {
                let output = child.wait_with_output().await.expect("it ended");
                panic!("it ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
            };
            printed.push_str(&line);
            printed.push('\n');
        }
        Launched { child, printed }
    }

    /// Runs the program to its end, which must come by itself.
    pub async fn run_to_end(&self) -> Output {
        self.command().output().await.expect("the launcher starts")
    }
}

impl Launched {
    /// The processes below the program: `(pid, name)`.
    #[must_use]
    pub fn descendants(&self) -> Vec<(u32, String)> {
        descendants(self.child.id().expect("it runs"))
    }

    /// Presses Ctrl-C and waits for the end, which must be a good one.
    pub async fn ctrl_c(self) {
        interrupt(&self.child).expect("it can be signalled");
        let output = self.child.wait_with_output().await.expect("it ends");
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}

/// Whether this very process is still there.
#[must_use]
pub fn is_alive((pid, name): &(u32, String)) -> bool {
    processes().iter().any(|(other, _, other_name)| other == pid && other_name == name)
}

fn descendants(root: u32) -> Vec<(u32, String)> {
    let all = processes();
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (pid, _, name) in all.iter().filter(|(_, its_parent, _)| *its_parent == parent) {
            found.push((*pid, name.clone()));
            parents.push(*pid);
        }
    }
    found
}

/// All processes of the machine: `(pid, parent, name)`. Zombies count: somebody did not wait for them.
fn processes() -> Vec<(u32, u32, String)> {
    let entries = std::fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            let (pid, rest) = stat.split_once(" (")?;
            let (name, rest) = rest.rsplit_once(") ")?;
            let parent = rest.split(' ').nth(1)?;
            Some((pid.parse().ok()?, parent.parse().ok()?, name.to_owned()))
        })
        .collect()
}
