//! What the service under test logs.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged since the first [`capture`], down to `trace`. One subscriber for all tests: `tracing`
/// decides once per process whether a line is wanted.
static LOGS: LazyLock<Captured> = LazyLock::new(|| {
    let captured = Captured::default();
    tracing_subscriber::fmt().with_env_filter("trace").with_ansi(false).with_writer(captured.clone()).init();
    captured
});

/// From here on, everything is kept.
pub(crate) fn capture() {
    LazyLock::force(&LOGS);
}

/// What was logged so far.
pub(crate) fn logs() -> String {
    String::from_utf8(LOGS.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
