//! Records: how domain values are written. A record becomes a domain value only through its parser, so that nothing
//! impossible comes out of a store that another version wrote or somebody edited.

mod browser;
mod client;
mod device;
mod upstream;

use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use crate::domain::client::ClientId;
use crate::domain::grant::{Access, CodeGrant, FamilyId, Handover};
use crate::domain::pkce::CodeChallenge;
use crate::domain::revocation::Target;
use crate::domain::secret::Digest;
use crate::domain::token::{IssuedToken, TokenId, Trail};
use crate::domain::user::Subject;

pub(super) use client::ClientRecord;
pub(super) use device::{StoredDevice, StoredUserCode};

/// A record that says something impossible; names the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unreadable member {0}")]
pub(super) struct BadRecord(&'static str);

/// A domain value that can be written and read.
pub(super) trait Recorded: Sized {
    type Record: Serialize + for<'de> Deserialize<'de>;

    fn record(&self) -> Self::Record;
    fn restore(record: Self::Record) -> Result<Self, BadRecord>;
}

/// That there is a record says it all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent;

#[derive(Serialize, Deserialize)]
pub(super) struct SpentRecord {}

impl Recorded for Spent {
    type Record = SpentRecord;

    fn record(&self) -> SpentRecord {
        SpentRecord {}
    }

    fn restore(SpentRecord {}: SpentRecord) -> Result<Self, BadRecord> {
        Ok(Self)
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccessRecord {
    client: String,
    subject: String,
    server: String,
    scope: String,
}

impl Recorded for Access {
    type Record = AccessRecord;

    fn record(&self) -> AccessRecord {
        AccessRecord {
            client: self.client.to_string(),
            subject: self.subject.to_string(),
            server: self.server.to_string(),
            scope: self.scope.to_string(),
        }
    }

    fn restore(record: AccessRecord) -> Result<Self, BadRecord> {
        Ok(Self {
            client: ClientId::parse(&record.client).ok_or(BadRecord("client"))?,
            subject: Subject::parse(&record.subject).ok_or(BadRecord("subject"))?,
            server: record.server.parse().map_err(|_| BadRecord("server"))?,
            scope: ScopeSet::parse(&record.scope),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct GrantRecord {
    access: AccessRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redirect_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    session: String,
    family: String,
}

impl Recorded for CodeGrant {
    type Record = GrantRecord;

    fn record(&self) -> GrantRecord {
        let (redirect_uri, challenge) = match &self.handover {
            Handover::Redirect { redirect_uri, challenge } => {
                (Some(redirect_uri.to_string()), Some(challenge.to_text()))
            }
            Handover::Device => (None, None),
        };
        GrantRecord {
            access: self.access.record(),
            redirect_uri,
            challenge,
            session: self.session.to_text(),
            family: self.family.to_string(),
        }
    }

    fn restore(record: GrantRecord) -> Result<Self, BadRecord> {
        let handover = match (record.redirect_uri, record.challenge) {
            (Some(uri), Some(challenge)) => Handover::Redirect {
                redirect_uri: uri.parse().map_err(|_| BadRecord("redirect_uri"))?,
                challenge: CodeChallenge::parse(&challenge).ok_or(BadRecord("challenge"))?,
            },
            (None, None) => Handover::Device,
            _ => return Err(BadRecord("redirect_uri")),
        };
        Ok(Self {
            access: Access::restore(record.access)?,
            handover,
            session: Digest::from_text(&record.session).ok_or(BadRecord("session"))?,
            family: FamilyId::parse(&record.family).ok_or(BadRecord("family"))?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct CodeRecord {
    #[serde(flatten)]
    grant: GrantRecord,
    expires_at: UnixTime,
    spent: bool,
    #[serde(default, skip_serializing_if = "TrailRecord::is_empty")]
    issued: TrailRecord,
}

/// A code with its state.
pub(super) struct StoredCode {
    pub(super) grant: CodeGrant,
    pub(super) expires_at: UnixTime,
    pub(super) spent: bool,
    /// What was issued for it outside of a family.
    pub(super) issued: Trail,
}

impl Recorded for StoredCode {
    type Record = CodeRecord;

    fn record(&self) -> CodeRecord {
        CodeRecord {
            grant: self.grant.record(),
            expires_at: self.expires_at,
            spent: self.spent,
            issued: TrailRecord::from(&self.issued),
        }
    }

    fn restore(record: CodeRecord) -> Result<Self, BadRecord> {
        Ok(Self {
            grant: CodeGrant::restore(record.grant)?,
            expires_at: record.expires_at,
            spent: record.spent,
            issued: record.issued.restore()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct FamilyRecord {
    access: AccessRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened_at: Option<UnixTime>,
    #[serde(default)]
    retired: Vec<(String, UnixTime)>,
    #[serde(default, skip_serializing_if = "TrailRecord::is_empty")]
    issued: TrailRecord,
}

/// A family of refresh tokens: the live one, if there is to be any, those that were traded a moment ago, oldest first, and the access tokens that
/// came from it.
pub(super) struct Family {
    pub(super) access: Access,
    pub(super) current: Option<Digest>,
    pub(super) opened_at: Option<UnixTime>,
    pub(super) retired: Vec<(Digest, UnixTime)>,
    pub(super) issued: Trail,
}

impl Recorded for Family {
    type Record = FamilyRecord;

    fn record(&self) -> FamilyRecord {
        FamilyRecord {
            access: self.access.record(),
            current: self.current.as_ref().map(Digest::to_text),
            opened_at: self.opened_at,
            retired: self.retired.iter().map(|(digest, at)| (digest.to_text(), *at)).collect(),
            issued: TrailRecord::from(&self.issued),
        }
    }

    fn restore(record: FamilyRecord) -> Result<Self, BadRecord> {
        let retired = record.retired.into_iter();
        let current = |text: &str| Digest::from_text(text).ok_or(BadRecord("current"));
        let retired = retired.map(|(text, at)| Some((Digest::from_text(&text)?, at))).collect::<Option<_>>();
        Ok(Self {
            access: Access::restore(record.access)?,
            current: record.current.as_deref().map(current).transpose()?,
            opened_at: record.opened_at,
            retired: retired.ok_or(BadRecord("retired"))?,
            issued: record.issued.restore()?,
        })
    }
}

/// Access tokens as `jti, iat, exp`.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct TrailRecord {
    tokens: Vec<(String, UnixTime, UnixTime)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forgotten_until: Option<UnixTime>,
}

impl TrailRecord {
    const fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.forgotten_until.is_none()
    }

    fn restore(self) -> Result<Trail, BadRecord> {
        let token = |(id, issued_at, expires_at): (String, _, _)| {
            Some(IssuedToken { id: TokenId::parse(&id)?, issued_at, expires_at })
        };
        let tokens = self.tokens.into_iter().map(token).collect::<Option<_>>();
        Ok(Trail { tokens: tokens.ok_or(BadRecord("issued"))?, forgotten_until: self.forgotten_until })
    }
}

impl From<&Trail> for TrailRecord {
    fn from(trail: &Trail) -> Self {
        let token = |it: &IssuedToken| (it.id.to_string(), it.issued_at, it.expires_at);
        Self { tokens: trail.tokens.iter().map(token).collect(), forgotten_until: trail.forgotten_until }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct TargetRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<UnixTime>,
}

impl Recorded for Target {
    type Record = TargetRecord;

    fn record(&self) -> TargetRecord {
        let mut record = TargetRecord { jti: None, sub: None, client_id: None, issued_before: None };
        match self {
            Self::Token(id) => record.jti = Some(id.to_string()),
            Self::User { subject, issued_before } => {
                record.sub = Some(subject.to_string());
                record.issued_before = Some(*issued_before);
            }
            Self::Client { client, issued_before } => {
                record.client_id = Some(client.to_string());
                record.issued_before = Some(*issued_before);
            }
            Self::Everyone { issued_before } => record.issued_before = Some(*issued_before),
        }
        record
    }

    fn restore(record: TargetRecord) -> Result<Self, BadRecord> {
        let TargetRecord { jti, sub, client_id, issued_before } = record;
        match (jti, sub, client_id, issued_before) {
            (Some(jti), None, None, None) => TokenId::parse(&jti).map(Self::Token).ok_or(BadRecord("jti")),
            (None, Some(sub), None, Some(issued_before)) => {
                let subject = Subject::parse(&sub).ok_or(BadRecord("sub"))?;
                Ok(Self::User { subject, issued_before })
            }
            (None, None, Some(client), Some(issued_before)) => {
                let client = ClientId::parse(&client).ok_or(BadRecord("client_id"))?;
                Ok(Self::Client { client, issued_before })
            }
            (None, None, None, Some(issued_before)) => Ok(Self::Everyone { issued_before }),
            _ => Err(BadRecord("target")),
        }
    }
}

#[cfg(test)]
mod tests;
