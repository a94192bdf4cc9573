//! Browsers: who is signed in, what they are being asked, and what need not be asked again.

use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::{AccessRecord, BadRecord, Recorded};
use crate::domain::consent::RememberedConsent;
use crate::domain::grant::{Access, BrowserSignIn, PendingConsent};
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct SessionRecord {
    subject: String,
    signed_in_at: UnixTime,
    credential: String,
}

impl Recorded for BrowserSignIn {
    type Record = SessionRecord;

    fn record(&self) -> SessionRecord {
        SessionRecord {
            subject: self.subject.to_string(),
            signed_in_at: self.signed_in_at,
            credential: self.credential.to_text(),
        }
    }

    fn restore(record: SessionRecord) -> Result<Self, BadRecord> {
        let subject = Subject::parse(&record.subject).ok_or(BadRecord("subject"))?;
        let credential = Digest::from_text(&record.credential).ok_or(BadRecord("credential"))?;
        Ok(Self { subject, signed_in_at: record.signed_in_at, credential })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct PendingRecord {
    session: String,
    request: String,
}

impl Recorded for PendingConsent {
    type Record = PendingRecord;

    fn record(&self) -> PendingRecord {
        PendingRecord { session: self.session.to_text(), request: self.request.to_text() }
    }

    fn restore(record: PendingRecord) -> Result<Self, BadRecord> {
        Ok(Self {
            session: Digest::from_text(&record.session).ok_or(BadRecord("session"))?,
            request: Digest::from_text(&record.request).ok_or(BadRecord("request"))?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct RememberedRecord {
    access: AccessRecord,
    given_at: UnixTime,
}

impl Recorded for RememberedConsent {
    type Record = RememberedRecord;

    fn record(&self) -> RememberedRecord {
        RememberedRecord { access: self.access.record(), given_at: self.given_at }
    }

    fn restore(record: RememberedRecord) -> Result<Self, BadRecord> {
        Ok(Self { access: Access::restore(record.access)?, given_at: record.given_at })
    }
}
