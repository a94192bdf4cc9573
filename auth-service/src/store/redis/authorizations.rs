//! Consent pages and codes.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{AuthorizationStore, CodeLifetime, Issue, Redemption, StoreError};
use super::records::{Owner, record};
use super::reply::{corrupt, json, restore, seconds, time};
use super::{RedisStore, keys};
use crate::domain::consent::ConsentKey;
use crate::domain::grant::{CodeGrant, PendingConsent};
use crate::domain::secret::Digest;
use crate::domain::token::IssuedToken;

#[async_trait]
impl AuthorizationStore for RedisStore {
    async fn insert_pending(
        &self,
        ticket: &Digest,
        pending: &PendingConsent,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        self.inner.insert(&keys::consent(ticket), pending, expires_at).await
    }

    async fn take_pending(
        &self,
        ticket: &Digest,
        now: UnixTime,
    ) -> Result<Option<PendingConsent>, StoreError> {
        let taken =
            self.inner.verb(&self.inner.scripts.take, &keys::consent(ticket), &[seconds(now)]).await?;
        match (taken.0.as_str(), taken.1) {
            ("taken", record) => restore(&record).map(Some),
            _ => Ok(None),
        }
    }

    async fn insert_code(
        &self,
        code: &Digest,
        grant: &CodeGrant,
        remembered: Option<&ConsentKey>,
        lifetime: CodeLifetime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let owner = Owner { user: grant.access.subject.as_str(), client: grant.access.client.as_str() };
        let more = [
            ("access", json(&grant.access)?),
            ("family", grant.family.to_string()),
            ("redeem_by", seconds(lifetime.expires_at)),
        ];
        let more = more.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        let remembered = remembered.map(keys::remembered).unwrap_or_default();
        let mut arguments = vec![seconds(now), keys::session(&grant.session), remembered];
        arguments.extend(record(grant, lifetime.forgotten_at, owner, more)?);
        let script = &self.inner.scripts.insert_granted;
        let (word, _) = self.inner.verb(script, &keys::code(code), &arguments).await?;
        Ok(word == "done")
    }

    async fn code(&self, code: &Digest, now: UnixTime) -> Result<Option<CodeGrant>, StoreError> {
        let fields = ["record", "expires_at", "redeem_by", "spent"];
        let fields = self.inner.link.fields(&keys::code(code), fields).await?;
        let [Some(record), Some(forgotten_at), Some(redeem_by), spent] = fields.as_slice() else {
            return Ok(None);
        };
        let end = time(if spent.is_some() { forgotten_at } else { redeem_by })?;
        if now < end { restore(record).map(Some) } else { Ok(None) }
    }

    async fn redeem_code(
        &self,
        code: &Digest,
        issue: Option<&Issue>,
        now: UnixTime,
    ) -> Result<Redemption, StoreError> {
        let mut arguments = vec![seconds(now)];
        if let Some(issue) = issue {
            arguments.extend(token(&issue.token));
        }
        if let Some(opening) = issue.and_then(|issue| issue.family) {
            arguments.extend([opening.first.to_text(), seconds(opening.expires_at)]);
        }
        let redeemed = self.inner.verb(&self.inner.scripts.redeem, &keys::code(code), &arguments).await?;
        match (redeemed.0.as_str(), redeemed.1) {
            ("first", record) => {
                let grant: CodeGrant = restore(&record)?;
                if issue.is_some_and(|issue| issue.family.is_some()) {
                    self.inner.seen.family(grant.family, &grant.access);
                }
                Ok(Redemption::First(grant))
            }
            ("replayed", record) => restore(&record).map(Redemption::Replayed),
            ("unknown", _) => Ok(Redemption::Unknown),
            (other, _) => Err(corrupt(format_args!("redeem answered {other}"))),
        }
    }
}

/// An access token as scripts take it.
pub(super) fn token(token: &IssuedToken) -> [String; 3] {
    [token.id.to_string(), seconds(token.issued_at), seconds(token.expires_at)]
}
