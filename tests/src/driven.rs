//! A program of another language that is driven by JSON lines: one command on its input, one answer on its output.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The program while it runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Driven {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Driven {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts; `just setup tests` installs it");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, input, output }
    }

    /// Sends a command and gives its result.
    pub(crate) async fn run(&mut self, command: &Value) -> Value {
        self.say(command).await;
        let answer = self.hear().await;
        answer.get("ok").unwrap_or_else(|| panic!("{command} failed: {answer}")).clone()
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.expect("the program reads");
    }

    pub(crate) async fn hear(&mut self) -> Value {
        let line = self.output.next_line().await.expect("the program's output");
        let line = line.expect("the program goes on");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"))
    }

    /// Ends its input, upon which it ends by itself.
    pub(crate) async fn end(mut self) {
        drop(self.input);
        let status = self.child.wait().await.expect("the program ends");
        assert!(status.success(), "the program ended with {status}");
    }
}
