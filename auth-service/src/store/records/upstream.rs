//! Records of people who sign in at a provider outside.

use serde::{Deserialize, Serialize};

use super::{BadRecord, Recorded};
use crate::domain::secret::Digest;
use crate::domain::upstream::{Departure, Email, Person};
use crate::domain::user::Subject;

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct DepartureRecord {
    provider: String,
    browser: String,
    return_to: String,
}

impl Recorded for Departure {
    type Record = DepartureRecord;

    fn record(&self) -> DepartureRecord {
        DepartureRecord {
            provider: self.provider.to_string(),
            browser: self.browser.to_text(),
            return_to: self.return_to.clone(),
        }
    }

    fn restore(record: DepartureRecord) -> Result<Self, BadRecord> {
        // Nothing that stands in a store makes us send a browser anywhere else.
        let is_ours = record.return_to.starts_with("/authorize?")
            || ["/device", "/account"].contains(&record.return_to.as_str());
        Ok(Self {
            provider: record.provider.parse().map_err(|_| BadRecord("provider"))?,
            browser: Digest::from_text(&record.browser).ok_or(BadRecord("browser"))?,
            return_to: Some(record.return_to).filter(|_| is_ours).ok_or(BadRecord("return_to"))?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(in crate::store) struct PersonRecord {
    subject: String,
    issuer: String,
    username: String,
    login: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    organisations: Vec<String>,
}

impl Recorded for Person {
    type Record = PersonRecord;

    fn record(&self) -> PersonRecord {
        PersonRecord {
            subject: self.subject.to_string(),
            issuer: self.issuer.clone(),
            username: self.username.clone(),
            login: self.login.clone(),
            email: self.email.as_ref().map(|email| email.as_str().to_owned()),
            domain: self.domain.clone(),
            organisations: self.organisations.clone(),
        }
    }

    fn restore(record: PersonRecord) -> Result<Self, BadRecord> {
        let email = |text: &str| Email::parse(text).ok_or(BadRecord("email"));
        Ok(Self {
            subject: Subject::parse(&record.subject).ok_or(BadRecord("subject"))?,
            issuer: record.issuer,
            username: record.username,
            login: record.login,
            email: record.email.as_deref().map(email).transpose()?,
            domain: record.domain,
            organisations: record.organisations,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_15_a_departure_that_would_return_to_somewhere_else_does_not_come_out_of_the_store() {
        let record = |return_to: &str| DepartureRecord {
            provider: "github".to_owned(),
            browser: Digest::of(b"browser").to_text(),
            return_to: return_to.to_owned(),
        };
        assert!(Departure::restore(record("/authorize?client_id=c")).is_ok());
        assert!(Departure::restore(record("/device")).is_ok());
        assert!(Departure::restore(record("/account")).is_ok());
        for elsewhere in
            ["https://evil.example/", "//evil.example/authorize?", "/authorize", "/device.evil.example", ""]
        {
            assert_eq!(Departure::restore(record(elsewhere)), Err(BadRecord("return_to")), "{elsewhere}");
        }
    }
}
