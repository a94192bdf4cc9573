//! Real servers: processes that end with the test that started them.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// A program of Redis: on the PATH, or where `tools/setup.sh` puts it.
fn program(name: &str) -> PathBuf {
    let answers = Command::new(name).arg("--version").stdout(Stdio::null()).status();
    match answers {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/bin").join(name)
        }
        _ => PathBuf::from(name),
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A `redis-server`. Unless its options say otherwise, it keeps nothing on disk.
pub(crate) struct Server {
    home: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Server {
    /// A server on a socket of its own.
    pub(crate) fn start() -> Self {
        Self::with(0, &[])
    }

    /// A server on a port (0: none) and a socket, with more options.
    pub(crate) fn with(port: u16, options: &[&str]) -> Self {
        let mut server = Self { home: tempfile::tempdir().unwrap(), port, options: vec![], child: None };
        server.set_options(options);
        server.launch();
        server
    }

    /// A sentinel, which is a server that wants a file that it can write to.
    pub(crate) fn sentinel(port: u16, configuration: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sentinel.conf");
        std::fs::write(&file, configuration).unwrap();
        let options = [&file.display().to_string(), "--sentinel", "--port", &port.to_string()];
        let options = options.map(str::to_owned).to_vec();
        let mut server = Self { home, port, options: vec![], child: None };
        server.spawn(options, "+monitor");
        server
    }

    /// Changes the options of the next start.
    pub(crate) fn set_options(&mut self, options: &[&str]) {
        self.options = options.iter().map(|&option| option.to_owned()).collect();
    }

    /// Starts it, also again after [`Self::kill`].
    pub(crate) fn launch(&mut self) {
        let (port, socket) = (self.port.to_string(), self.socket().display().to_string());
        let fixed = ["--port", &port, "--bind", "127.0.0.1", "--unixsocket", &socket];
        let usual = [&fixed[..], &["--save", "", "--appendonly", "no"]].concat();
        let arguments = usual.into_iter().map(str::to_owned).chain(self.options.clone()).collect();
        self.spawn(arguments, "now ready to accept connections at");
    }

    fn spawn(&mut self, arguments: Vec<String>, ready: &str) {
        let mut command = Command::new(program("redis-server"));
        command.args(arguments).arg("--dir").arg(self.home.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        self.child = Some(child);
        let mut seen = String::new();
        while !seen.contains(ready) {
            assert_ne!(log.read_line(&mut seen).unwrap(), 0, "ended before it was ready: {seen}");
        }
        // Whoever writes to a pipe that nobody reads stops when it is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn socket(&self) -> PathBuf {
        self.home.path().join("redis.sock")
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Asks it something, as an operator would.
    pub(crate) fn ask(&self, command: &[&str]) -> String {
        let mut cli = Command::new(program("redis-cli"));
        if self.port == 0 {
            cli.arg("-s").arg(self.socket());
        } else {
            cli.arg("-p").arg(self.port.to_string());
        }
        String::from_utf8(cli.args(command).output().unwrap().stdout).unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks until it is so.
pub(crate) async fn eventually(is_so: impl Fn() -> bool) {
    let asking = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap();
}
