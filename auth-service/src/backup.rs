//! The file that a backup is: lines of JSON, the first of which says what it is, the last what must have come before it.
//!
//! Pure: bytes in, clients out, and back. What is in it is said at [`crate::store::BackupStore`].

use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use crate::domain::client::Client;
use crate::domain::secret::Digest;
use crate::store::SavedClient;

const FORMAT: &str = "mcp-edge-gateway auth-service backup";
const VERSION: u32 = 1;

/// The clients that were registered at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// When they were asked for.
    pub made_at: UnixTime,
    /// All of them.
    pub clients: Vec<Client>,
}

/// Why a file cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// Something else.
    #[error("this is no backup of an auth-service")]
    Foreign,
    /// Of a later version of this program.
    #[error(
        "this backup has version {0}, and this auth-service reads {VERSION}; restore it with the one that made it"
    )]
    Version(u32),
    /// A part is missing, or has changed.
    #[error("this backup is damaged: it is incomplete, or was changed after it was made")]
    Damaged,
    /// A line says something impossible.
    #[error("this backup is damaged: line {0} cannot be read")]
    Line(usize),
}

/// The first line. Later versions may say more.
#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    version: u32,
    made_at: UnixTime,
}

/// The last line: what comes before it.
#[derive(Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Tail {
    clients: usize,
    sha256: String,
}

impl Tail {
    fn of(clients: usize, before: &[u8]) -> Self {
        Self { clients, sha256: Digest::of(before).to_text() }
    }
}

impl Backup {
    /// The backup as a file.
    ///
    /// # Errors
    /// When a client cannot be written as JSON.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let head = Head { format: FORMAT.to_owned(), version: VERSION, made_at: self.made_at };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        for client in &self.clients {
            serde_json::to_writer(&mut bytes, &SavedClient::from(client))?;
            bytes.push(b'\n');
        }
        let tail = Tail::of(self.clients.len(), &bytes);
        serde_json::to_writer(&mut bytes, &tail)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a file, whole or not at all.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BackupError> {
        let head = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let head: Head = serde_json::from_slice(head).map_err(|_| BackupError::Foreign)?;
        if head.format != FORMAT {
            return Err(BackupError::Foreign);
        }
        if head.version != VERSION {
            return Err(BackupError::Version(head.version));
        }
        let lines = bytes.strip_suffix(b"\n").ok_or(BackupError::Damaged)?;
        let end = lines.iter().rposition(|byte| *byte == b'\n').ok_or(BackupError::Damaged)?;
        let (before, tail) = lines.split_at_checked(end.saturating_add(1)).ok_or(BackupError::Damaged)?;
        let tail: Tail = serde_json::from_slice(tail).map_err(|_| BackupError::Damaged)?;
        let clients = before.strip_suffix(b"\n").unwrap_or(before).split(|byte| *byte == b'\n').skip(1);
        let clients = clients.enumerate().map(|(number, line)| {
            let unreadable = BackupError::Line(number.saturating_add(2));
            let saved: SavedClient = serde_json::from_slice(line).map_err(|_| unreadable.clone())?;
            saved.try_into().map_err(|_| unreadable)
        });
        if tail.sha256 != Tail::of(tail.clients, before).sha256 {
            return Err(BackupError::Damaged);
        }
        let clients = clients.collect::<Result<Vec<Client>, _>>()?;
        if clients.len() != tail.clients {
            return Err(BackupError::Damaged);
        }
        Ok(Self { made_at: head.made_at, clients })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client_document;

    const T0: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn backup() -> Backup {
        let url = "https://app.example/c".parse().unwrap();
        let document = serde_json::json!({
            "client_id": "https://app.example/c", "client_name": "Näme\nof two lines",
            "redirect_uris": ["https://app.example/cb"],
        });
        let client = client_document::parse(document.to_string().as_bytes(), &url, T0).unwrap();
        Backup { made_at: T0, clients: vec![client.clone(), client] }
    }

    #[test]
    fn a_backup_survives_the_trip_through_a_file() {
        for clients in [backup().clients, vec![]] {
            let backup = Backup { made_at: T0, clients };
            assert_eq!(Backup::parse(&backup.to_bytes().unwrap()), Ok(backup));
        }
    }

    #[test]
    fn a_backup_that_lost_or_changed_a_single_byte_is_refused() {
        let bytes = backup().to_bytes().unwrap();
        for end in 0..bytes.len() {
            assert!(Backup::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert!(Backup::parse(&changed).is_err(), "changed at {position}");
        }
        assert!(Backup::parse(&[&bytes[..], b"\n"].concat()).is_err());
        assert!(Backup::parse(&[&bytes[..], &bytes[..]].concat()).is_err());
    }

    #[test]
    fn what_is_no_backup_and_what_is_one_of_the_future_is_told_apart() {
        for foreign in [&b""[..], b"\n", b"{}\n", b"REDIS0011", br#"{"format":"x","version":1,"made_at":1}"#]
        {
            assert_eq!(Backup::parse(foreign), Err(BackupError::Foreign));
        }
        let text = String::from_utf8(backup().to_bytes().unwrap()).unwrap();
        let future = text.replacen("\"version\":1", "\"version\":2,\"more\":true", 1);
        assert_eq!(Backup::parse(future.as_bytes()), Err(BackupError::Version(2)));
    }

    #[test]
    fn a_line_that_says_something_impossible_is_named() {
        let text = String::from_utf8(backup().to_bytes().unwrap()).unwrap();
        let (before, _) = text.trim_end().rsplit_once('\n').unwrap();
        let before = format!("{}\n", before.replacen("https://app.example/cb", "javascript:alert(1)", 1));
        let tail = serde_json::to_string(&Tail::of(2, before.as_bytes())).unwrap();
        assert_eq!(Backup::parse(format!("{before}{tail}\n").as_bytes()), Err(BackupError::Line(2)));
    }
}
